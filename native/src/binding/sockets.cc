#include "sockets.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

namespace pilotlight {
namespace {

// Closes on every way out until released.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

const char* ErrnoName(int number) {
  switch (number) {
    case EACCES: return "EACCES";
    case EADDRINUSE: return "EADDRINUSE";
    case EADDRNOTAVAIL: return "EADDRNOTAVAIL";
    case EAFNOSUPPORT: return "EAFNOSUPPORT";
    case EBADF: return "EBADF";
    case EINVAL: return "EINVAL";
    case EIO: return "EIO";
    case EISDIR: return "EISDIR";
    case ELOOP: return "ELOOP";
    case EMFILE: return "EMFILE";
    case ENAMETOOLONG: return "ENAMETOOLONG";
    case ENFILE: return "ENFILE";
    case ENOENT: return "ENOENT";
    case ENOLCK: return "ENOLCK";
    case ENOSPC: return "ENOSPC";
    case ENOTDIR: return "ENOTDIR";
    case EPERM: return "EPERM";
    case EROFS: return "EROFS";
    case EWOULDBLOCK: return "EWOULDBLOCK";
    default: return "EUNKNOWN";
  }
}

[[noreturn]] void Throw(Napi::Env env, const char* syscall, const std::string& subject, const char* code, int number,
                        const std::string& reason) {
  Napi::Error error = Napi::Error::New(env, std::string(syscall) + " " + subject + ": " + reason);
  error.Set("code", Napi::String::New(env, code));
  error.Set("errno", Napi::Number::New(env, number));
  error.Set("syscall", Napi::String::New(env, syscall));
  throw error;
}

[[noreturn]] void ThrowErrno(Napi::Env env, const char* syscall, const std::string& subject) {
  const int number = errno;
  Throw(env, syscall, subject, ErrnoName(number), number, std::strerror(number));
}

bool SetFlag(int socket, int level, int option, int value) {
  return setsockopt(socket, level, option, &value, sizeof(value)) == 0;
}

// Not in one call with socket(): macOS has no SOCK_CLOEXEC.
bool MakePrivateAndNonBlocking(int fd) {
  return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0;
}

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses Resolve(Napi::Env env, const std::string& host, const std::string& subject) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failure != 0) Throw(env, "getaddrinfo", subject, "ENOTFOUND", failure, gai_strerror(failure));
  return Addresses(found, freeaddrinfo);
}

void SetPort(addrinfo& address, int port) {
  const uint16_t value = htons(static_cast<uint16_t>(port));
  if (address.ai_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address.ai_addr)->sin6_port = value;
  } else {
    reinterpret_cast<sockaddr_in*>(address.ai_addr)->sin_port = value;
  }
}

int BoundPort(Napi::Env env, int fd, const std::string& subject) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) ThrowErrno(env, "getsockname", subject);
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                           : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

struct ListenOptions {
  int backlog;
  bool reuse_port;  // others of this user may listen on the port too
  bool exclusive;   // nobody may listen on it yet
};

ListenOptions ReadListenOptions(Napi::Object from) {
  const auto is_set = [&](const char* key) { return from.Get(key).ToBoolean().Value(); };
  return {from.Get("backlog").ToNumber().Int32Value(), is_set("reusePort"), is_set("exclusive")};
}

void Bind(Napi::Env env, int fd, const addrinfo& address, const ListenOptions& options, const std::string& subject) {
  if (!SetFlag(fd, SOL_SOCKET, SO_REUSEADDR, 1)) ThrowErrno(env, "setsockopt", subject);
  if (address.ai_family == AF_INET6 && !SetFlag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)) ThrowErrno(env, "setsockopt", subject);
  // Bound before it shares: with SO_REUSEPORT set first, the kernel would let a second host of the same user
  // onto the port of the first and split the connections between them.
  const bool shares_first = options.reuse_port && !options.exclusive;
  if (shares_first && !SetFlag(fd, SOL_SOCKET, SO_REUSEPORT, 1)) ThrowErrno(env, "setsockopt", subject);
  if (bind(fd, address.ai_addr, address.ai_addrlen) != 0) ThrowErrno(env, "bind", subject);
  if (options.reuse_port && options.exclusive && !SetFlag(fd, SOL_SOCKET, SO_REUSEPORT, 1)) ThrowErrno(env, "setsockopt", subject);
}

Napi::Value ListenTcp(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  const std::string host = call[0].As<Napi::String>().Utf8Value();
  const int port = call[1].As<Napi::Number>().Int32Value();
  const ListenOptions options = ReadListenOptions(call[2].As<Napi::Object>());
  const std::string subject = host + " port " + std::to_string(port);

  const Addresses addresses = Resolve(env, host, subject);
  SetPort(*addresses, port);
  Descriptor listener(socket(addresses->ai_family, SOCK_STREAM, 0));
  if (listener.get() < 0 || !MakePrivateAndNonBlocking(listener.get())) ThrowErrno(env, "socket", subject);
  Bind(env, listener.get(), *addresses, options, subject);
  if (listen(listener.get(), options.backlog) != 0) ThrowErrno(env, "listen", subject);

  Napi::Object result = Napi::Object::New(env);
  result.Set("port", BoundPort(env, listener.get(), subject));
  result.Set("fd", listener.Release());
  return result;
}

Napi::Value Duplicate(const Napi::CallbackInfo& call) {
  const int fd = call[0].As<Napi::Number>().Int32Value();
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) ThrowErrno(call.Env(), "fcntl", "descriptor " + std::to_string(fd));
  return Napi::Number::New(call.Env(), copy);
}

void CloseDescriptor(const Napi::CallbackInfo& call) {
  const int fd = call[0].As<Napi::Number>().Int32Value();
  // EINTR: Linux and macOS have closed it all the same, and trying again could close somebody else's.
  if (close(fd) != 0 && errno != EINTR) ThrowErrno(call.Env(), "close", "descriptor " + std::to_string(fd));
}

Napi::Value LockFile(const Napi::CallbackInfo& call) {
  const std::string path = call[0].As<Napi::String>().Utf8Value();
  Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0) ThrowErrno(call.Env(), "open", path);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) ThrowErrno(call.Env(), "flock", path);
  return Napi::Number::New(call.Env(), file.Release());
}

// Linux only; elsewhere the closed channel to the parent has to do.
void DieWithParent(const Napi::CallbackInfo& call) {
  const pid_t parent = call[0].As<Napi::Number>().Int32Value();
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (getppid() != parent) raise(SIGKILL);  // it died before the line above
}

}  // namespace

void RegisterSockets(Napi::Env env, Napi::Object exports) {
  exports.Set("listenTcp", Napi::Function::New(env, ListenTcp, "listenTcp"));
  exports.Set("duplicate", Napi::Function::New(env, Duplicate, "duplicate"));
  exports.Set("closeDescriptor", Napi::Function::New(env, CloseDescriptor, "closeDescriptor"));
  exports.Set("lockFile", Napi::Function::New(env, LockFile, "lockFile"));
  exports.Set("dieWithParent", Napi::Function::New(env, DieWithParent, "dieWithParent"));
}

}  // namespace pilotlight
