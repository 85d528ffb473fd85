#include "core/work_record.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include <cerrno>
#include <cstring>
#include <string>

namespace pilotlight {

namespace {

std::atomic<WorkHead*> record{nullptr};

WorkPlace* PlacesOf(WorkHead* head) { return reinterpret_cast<WorkPlace*>(head + 1); }

// Safe in a signal handler. 0 where threads have no such number: then no fault is told apart.
uint32_t ThreadNumber() {
#if defined(__linux__)
  return static_cast<uint32_t>(syscall(SYS_gettid));
#else
  return 0;
#endif
}

// A thread's place from its first work to its end. Without a record, or with none free, it writes where nobody reads.
class ThisThread {
 public:
  ThisThread() : place_(Find()) {}
  ~ThisThread() { place_->thread.store(0, std::memory_order_relaxed); }
  WorkPlace* place() const { return place_; }

 private:
  WorkPlace* Find() {
    WorkHead* head = record.load(std::memory_order_acquire);
    if (head == nullptr) return &unread_;
    // Where threads have no number any other will do to own the place.
    const uint32_t thread = ThreadNumber() != 0 ? ThreadNumber() : UINT32_MAX;
    for (size_t at = 0; at < kWorkPlaces; ++at) {
      uint32_t free = 0;
      WorkPlace& place = PlacesOf(head)[at];
      if (place.thread.compare_exchange_strong(free, thread, std::memory_order_relaxed)) return &place;
    }
    return &unread_;
  }

  WorkPlace unread_{};
  WorkPlace* const place_;
};

constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
struct sigaction before[NSIG];

// Only what a handler may do. Not the thread's own place by thread_local: its first use in a thread may allocate.
void OnFault(int signal_number, siginfo_t* info, void* context) {
  const int error = errno;
  const uint32_t thread = ThreadNumber();
  WorkHead* head = record.load(std::memory_order_acquire);
  for (size_t at = 0; thread != 0 && at < kWorkPlaces; ++at) {
    const WorkPlace& place = PlacesOf(head)[at];
    if (place.thread.load(std::memory_order_relaxed) != thread) continue;
    head->failed.store(place.pool.load(std::memory_order_relaxed), std::memory_order_relaxed);
    break;
  }
  errno = error;
  // V8 answers faults of WebAssembly in its own; the others end the process.
  const struct sigaction& next = before[signal_number];
  if ((next.sa_flags & SA_SIGINFO) != 0 && next.sa_sigaction != nullptr) return next.sa_sigaction(signal_number, info, context);
  if ((next.sa_flags & SA_SIGINFO) == 0 && next.sa_handler != SIG_DFL && next.sa_handler != SIG_IGN) return next.sa_handler(signal_number);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

}  // namespace

Status OpenWorkRecord(int descriptor) {
  const auto refused = [](const char* what) {
    return Status::Error(Code::kLoadFailed, std::string("the work record cannot be ") + what + ": " + std::strerror(errno));
  };
  if (record.load() != nullptr) return Status::Ok();
  struct stat file;
  if (fstat(descriptor, &file) != 0) return refused("looked at");
  if (file.st_size != static_cast<off_t>(kWorkRecordBytes)) {
    return Status::Error(Code::kLoadFailed, "the work record has " + std::to_string(file.st_size) + " bytes instead of " + std::to_string(kWorkRecordBytes)
      + ": its supervisor is of another build");
  }
  void* memory = mmap(nullptr, kWorkRecordBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) return refused("mapped");
  WorkHead* head = static_cast<WorkHead*>(memory);
  head->layout.store(kWorkRecordLayout);
  record.store(head, std::memory_order_release);

  struct sigaction action = {};
  action.sa_sigaction = OnFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  for (const int fault : kFaults) {
    sigaction(fault, nullptr, &before[fault]);
    if (sigaction(fault, &action, nullptr) != 0) return refused("kept for faults");
  }
  return Status::Ok();
}

WorkPlace& WorkPlaceOfThisThread() {
  thread_local const ThisThread thread;
  return *thread.place();
}

}  // namespace pilotlight
