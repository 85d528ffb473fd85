#include "builder/cancel.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

namespace pilotlight::build {
namespace {

constexpr int kInterrupted = 130;
constexpr std::chrono::seconds kGrace{20};

std::atomic<bool> cancelled{false};

void OnSignal(int) {
  if (cancelled.exchange(true)) _exit(kInterrupted);
}

}  // namespace

void CancelOnSignals() {
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  // Who reads our lines may be gone: a write then fails, and that is all.
  signal(SIGPIPE, SIG_IGN);
}

void CancelWhenStdinEnds() {
  std::thread([] {
    char byte;
    ssize_t got;
    do got = read(STDIN_FILENO, &byte, 1);
    while (got > 0 || (got < 0 && errno == EINTR));
    cancelled = true;
    std::this_thread::sleep_for(kGrace);
    _exit(kInterrupted);
  }).detach();
}

bool IsCancelled() { return cancelled; }

}  // namespace pilotlight::build
