#include "core/threads.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

namespace pilotlight {

namespace {

// A ninth of a JavaScript thread's weight, so that one that wakes runs at once. Not more, since other processes of the same control
// group weigh against ours too: at 19 a light run's 99th percentile beside such load was about twice that at 10.
constexpr int kBackgroundNiceness = 10;

// Signals are for node's main thread; only faults of this very thread must still reach it.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

void NameThread(const char* name) {
  assert(std::strlen(name) < 16 && "Linux refuses a longer name");
#if defined(__APPLE__)
  pthread_setname_np(name);
#else
  pthread_setname_np(pthread_self(), name);
#endif
}

void YieldToOthers() {
#if defined(__linux__)
  // On Linux niceness belongs to the thread. Refusal is no harm: raising one's own niceness is always allowed.
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kBackgroundNiceness);
#endif
}

// Cores of a version-2 control group's quota; 0: none. Inside a container its own group is the root.
int QuotaCores() {
  int cores = 0;
#if defined(__linux__)
  if (FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    double quota = 0, period = 0;
    if (std::fscanf(file, "%lf %lf", &quota, &period) == 2 && period > 0) cores = std::max(1, static_cast<int>(std::lround(quota / period)));
    std::fclose(file);
  }
#endif
  return cores;
}

}  // namespace

std::thread StartThread(const char* name, Turn turn, std::function<void()> body) {
  SignalsBlocked inherited;
  return std::thread([name, turn, body = std::move(body)] {
    NameThread(name);
    if (turn == Turn::kBackground) YieldToOthers();
    body();
  });
}

int CoreCount() {
  const int affinity = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const int quota = QuotaCores();
  return quota == 0 ? affinity : std::min(affinity, quota);
}

}  // namespace pilotlight
