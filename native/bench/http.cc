// A load generator for the benchmarks: one thread, non-blocking sockets, one request in flight a connection, so that it
// takes little from the machine that it measures. `--rate R` sends at R a second whatever the answers do and times each
// request from when it should have left (no coordinated omission); without it each connection sends as soon as it may.
// `--requests N` sends N in all, each as soon as a connection is free, and waits for their answers, however long within `--seconds`.
// `--share WEIGHT,PATH,BODYFILE`, once for each path, draws every request's path by these weights and tells times by path.
// `--tally A,B` counts the answers by what these headers say. Prints one JSON object. Answers need a Content-Length or
// chunked encoding.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct Share {
  double weight = 1;
  std::string path;
  std::string body;
};

struct Options {
  int port = 0;
  std::string method = "GET";
  std::string path = "/";
  std::string body;
  std::string type;
  std::vector<Share> shares;       // in place of path and body
  std::vector<std::string> tally;  // names of headers
  int connections = 1;
  double seconds = 2;
  double rate = 0;
  size_t requests = 0;  // 0: as many as fit into the time
};

[[noreturn]] void Stop(const std::string& reason) {
  std::fprintf(stderr, "bench_http: %s\n", reason.c_str());
  std::_Exit(1);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) Stop("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> SplitList(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

Share ParseShare(const std::string& text) {
  const std::vector<std::string> parts = SplitList(text);
  if (parts.size() != 3 || std::atof(parts[0].c_str()) <= 0) Stop("--share takes WEIGHT,PATH,BODYFILE, found " + text);
  return {std::atof(parts[0].c_str()), parts[1], ReadFile(parts[2])};
}

Options Parse(int count, char** words) {
  Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string word = words[i], value = words[i + 1];
    if (word == "--port") options.port = std::atoi(value.c_str());
    else if (word == "--method") options.method = value;
    else if (word == "--path") options.path = value;
    else if (word == "--body") options.body = ReadFile(value);
    else if (word == "--type") options.type = value;
    else if (word == "--tally") options.tally = SplitList(value);
    else if (word == "--connections") options.connections = std::atoi(value.c_str());
    else if (word == "--seconds") options.seconds = std::atof(value.c_str());
    else if (word == "--rate") options.rate = std::atof(value.c_str());
    else if (word == "--requests") options.requests = static_cast<size_t>(std::atol(value.c_str()));
    else if (word == "--share") options.shares.push_back(ParseShare(value));
    else Stop("unknown option " + word);
  }
  if (options.port <= 0 || options.connections < 1 || options.seconds <= 0 || count % 2 == 0) {
    Stop("usage: bench_http --port N [--method M] [--path P] [--body FILE] [--type T] [--connections N] [--seconds S] [--rate R] "
         "[--requests N] [--share WEIGHT,PATH,FILE]... [--tally HEADER,HEADER]");
  }
  if (options.shares.empty()) options.shares.push_back({1, options.path, options.body});
  return options;
}

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A path, what is sent there, and what came of it.
struct Target {
  std::string path;
  std::string request;
  double reach = 0;  // sum of the weights up to this one
  std::vector<double> times;
  size_t unserved = 0;  // not answered by 200
};

struct Connection {
  int fd = -1;
  bool busy = false;
  Target* target = nullptr;
  size_t sent = 0;      // bytes of the request that have left
  double due = 0;       // when the request should have left
  std::string answer;   // what has come of the answer
};

// Length of the whole answer at the front of `text`, 0 while it is not whole; `closes`: the server ends the connection.
size_t WholeAnswer(const std::string& text, int* status, bool* closes) {
  const size_t head = text.find("\r\n\r\n");
  if (head == std::string::npos) return 0;
  *status = std::atoi(text.c_str() + 9);
  size_t length = 0;
  bool chunked = false;
  *closes = false;
  for (size_t line = text.find("\r\n") + 2; line < head + 2; line = text.find("\r\n", line) + 2) {
    const char* field = text.c_str() + line;
    if (strncasecmp(field, "content-length:", 15) == 0) length = std::strtoull(field + 15, nullptr, 10);
    else if (strncasecmp(field, "transfer-encoding: chunked", 26) == 0) chunked = true;
    else if (strncasecmp(field, "connection: close", 17) == 0) *closes = true;
  }
  const size_t body = head + 4;
  if (!chunked) return text.size() >= body + length ? body + length : 0;
  const size_t end = text.find("0\r\n\r\n", body);
  return end == std::string::npos ? 0 : end + 5;
}

// What the header `name` of the answer says, empty when it is not there.
std::string FieldOf(const std::string& text, const std::string& name) {
  const size_t head = text.find("\r\n\r\n");
  for (size_t line = text.find("\r\n") + 2; line < head + 2; line = text.find("\r\n", line) + 2) {
    const char* field = text.c_str() + line;
    if (strncasecmp(field, name.c_str(), name.size()) != 0 || field[name.size()] != ':') continue;
    const size_t from = text.find_first_not_of(' ', line + name.size() + 1);
    return text.substr(from, text.find("\r\n", from) - from);
  }
  return "";
}

class Load {
 public:
  explicit Load(const Options& options) : options_(options) {
    double reach = 0;
    for (const Share& share : options.shares) {
      reach += share.weight;
      targets_.push_back({share.path, RequestTo(share), reach, {}, 0});
    }
  }

  void Run() {
    connections_.resize(static_cast<size_t>(options_.connections));
    for (Connection& one : connections_) Open(one);
    const double start = Now(), end = start + options_.seconds;
    last_answer_ = start;
    double next = start;
    waiting_.assign(options_.requests, start);
    while ((Now() < end && !IsDone()) || busy_ > 0) {
      const double now = Now();
      if (now > end + 10) break;  // what has not come by then never will
      if (options_.rate > 0) {
        for (; next <= now && next < end; next += 1 / options_.rate) waiting_.push_back(next);
      }
      for (Connection& one : connections_) {
        if (one.busy) continue;
        if (options_.rate <= 0 && options_.requests == 0) {
          if (now < end) Begin(one, now);
        } else if (!waiting_.empty()) {
          Begin(one, waiting_.front());
          waiting_.pop_front();
        }
      }
      Wait(options_.rate > 0 ? next : end);
    }
    unanswered_ = busy_ + waiting_.size();
    // To the last answer, not to the end of the time: the answers to what was under way then are counted too.
    Print(last_answer_ - start);
  }

 private:
  // All that `--requests` names have left.
  bool IsDone() const { return options_.requests > 0 && waiting_.empty(); }

  std::string RequestTo(const Share& share) const {
    std::string request = options_.method + " " + share.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options_.port) + "\r\n";
    if (!options_.type.empty()) request += "Content-Type: " + options_.type + "\r\n";
    if (!share.body.empty() || options_.method != "GET") request += "Content-Length: " + std::to_string(share.body.size()) + "\r\n";
    return request + "\r\n" + share.body;
  }

  Target* Draw() {
    if (targets_.size() == 1) return &targets_.front();
    const double at = std::uniform_real_distribution<double>(0, targets_.back().reach)(random_);
    const auto found = std::find_if(targets_.begin(), targets_.end(), [at](const Target& target) { return at < target.reach; });
    return found == targets_.end() ? &targets_.back() : &*found;
  }

  void Open(Connection& one) {
    one.fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(options_.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(one.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      close(one.fd);
      one.fd = -1;
      ++refused_;
      return;
    }
    const int on = 1;
    setsockopt(one.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(one.fd, F_SETFL, fcntl(one.fd, F_GETFL) | O_NONBLOCK);
  }

  void Begin(Connection& one, double due) {
    if (one.fd < 0) Open(one);
    if (one.fd < 0) {
      ++failed_;
      usleep(1000);
      return;
    }
    one.busy = true;
    ++busy_;
    one.target = Draw();
    one.sent = 0;
    one.due = due;
    one.answer.clear();
    Send(one);
  }

  void Send(Connection& one) {
    while (one.busy && one.sent < one.target->request.size()) {
      const std::string& request = one.target->request;
      const ssize_t n = send(one.fd, request.data() + one.sent, request.size() - one.sent, MSG_NOSIGNAL);
      if (n > 0) one.sent += static_cast<size_t>(n);
      else if (errno == EAGAIN) return;
      else Drop(one);
    }
  }

  void Receive(Connection& one) {
    char buffer[65536];
    for (;;) {
      const ssize_t n = recv(one.fd, buffer, sizeof buffer, 0);
      if (n < 0 && errno == EAGAIN) return;
      // What comes unasked, a 408 for a connection that was never used, answers nothing.
      if (n <= 0 || !one.busy) return Drop(one);
      one.answer.append(buffer, static_cast<size_t>(n));
      int status = 0;
      bool closes = false;
      if (WholeAnswer(one.answer, &status, &closes) == 0) continue;
      Count(status, one);
      one.busy = false;
      --busy_;
      if (closes) Close(one);
      return;
    }
  }

  void Count(int status, const Connection& one) {
    const double now = Now();
    times_.push_back(now - one.due);
    one.target->times.push_back(now - one.due);
    ++statuses_[status];
    if (status != 200) ++one.target->unserved;
    if (status == 200) {
      longest_silence_ = std::max(longest_silence_, now - last_answer_);
      last_answer_ = now;
    }
    if (options_.tally.empty()) return;
    std::string said;
    for (const std::string& name : options_.tally) said += (said.empty() ? "" : " ") + FieldOf(one.answer, name);
    ++tally_[said];
  }

  void Drop(Connection& one) {
    if (one.busy) {
      ++failed_;
      ++one.target->unserved;
      --busy_;
    }
    one.busy = false;
    Close(one);
  }

  void Close(Connection& one) {
    close(one.fd);
    one.fd = -1;
  }

  void Wait(double until) {
    polls_.clear();
    owners_.clear();
    for (Connection& one : connections_) {
      if (one.fd < 0) continue;
      polls_.push_back({one.fd, static_cast<short>(one.busy && one.sent < one.target->request.size() ? POLLIN | POLLOUT : POLLIN), 0});
      owners_.push_back(&one);
    }
    const int wait = static_cast<int>(std::clamp((until - Now()) * 1000, 0.0, 100.0));
    if (poll(polls_.data(), polls_.size(), wait) <= 0) return;
    for (size_t i = 0; i < polls_.size(); ++i) {
      if (polls_[i].revents & POLLOUT) Send(*owners_[i]);
      if (owners_[i]->fd >= 0 && (polls_[i].revents & (POLLIN | POLLERR | POLLHUP))) Receive(*owners_[i]);
    }
  }

  // Milliseconds; the times are sorted.
  static double Quantile(const std::vector<double>& times, double q) {
    if (times.empty()) return 0;
    const size_t index = static_cast<size_t>(q * static_cast<double>(times.size()));
    return times[std::min(index, times.size() - 1)] * 1000;
  }

  void Print(double seconds) {
    std::sort(times_.begin(), times_.end());
    std::printf("{\"answered\":%zu,\"perSecond\":%.3f,\"failed\":%zu,\"refused\":%zu,\"unanswered\":%zu", times_.size(),
                seconds > 0 ? static_cast<double>(times_.size()) / seconds : 0, failed_, refused_, unanswered_);
    std::printf(",\"p50Ms\":%.4f,\"p90Ms\":%.4f,\"p99Ms\":%.4f,\"p999Ms\":%.4f,\"maxMs\":%.4f,\"statuses\":{", Quantile(times_, 0.5),
                Quantile(times_, 0.9), Quantile(times_, 0.99), Quantile(times_, 0.999), times_.empty() ? 0 : times_.back() * 1000);
    const char* separator = "";
    for (const auto& [status, count] : statuses_) {
      std::printf("%s\"%d\":%zu", separator, status, count);
      separator = ",";
    }
    std::printf("},\"longestSilenceMs\":%.4f,\"tally\":{", longest_silence_ * 1000);
    separator = "";
    for (const auto& [said, count] : tally_) {
      std::printf("%s\"%s\":%zu", separator, said.c_str(), count);
      separator = ",";
    }
    std::printf("},\"paths\":{");
    separator = "";
    for (Target& target : targets_) {
      std::sort(target.times.begin(), target.times.end());
      std::printf("%s\"%s\":{\"answered\":%zu,\"unserved\":%zu,\"p50Ms\":%.4f,\"p99Ms\":%.4f}", separator, target.path.c_str(), target.times.size(),
                  target.unserved, Quantile(target.times, 0.5), Quantile(target.times, 0.99));
      separator = ",";
    }
    std::printf("}}\n");
  }

  const Options& options_;
  std::vector<Target> targets_;
  std::mt19937 random_{1};  // the same draws in every run
  std::vector<Connection> connections_;
  std::vector<pollfd> polls_;
  std::vector<Connection*> owners_;
  std::deque<double> waiting_;  // requests that are due while all connections are busy
  std::vector<double> times_;
  std::map<int, size_t> statuses_;
  std::map<std::string, size_t> tally_;
  double last_answer_ = 0;      // when the last 200 came
  double longest_silence_ = 0;  // between two of them
  size_t busy_ = 0, failed_ = 0, refused_ = 0, unanswered_ = 0;
};

}  // namespace

int main(int count, char** words) {
  const Options options = Parse(count, words);
  Load(options).Run();
  return 0;
}
