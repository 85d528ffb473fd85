#include "core/watchdog.h"

#include <chrono>
#include <thread>

#include "core/threads.h"

namespace pilotlight {

namespace {

constexpr auto kPeriod = std::chrono::milliseconds(5);
// Sweeps without a job before it sleeps: waking it costs the submitter some 5 us, so not for every gap in traffic.
constexpr int kQuietSweeps = 200;

}  // namespace

void Watchdog::Start() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!started_) StartThread("pilotlight-time", Turn::kPrompt, [this] { Serve(); }).detach();
  started_ = true;
}

void Watchdog::Serve() {
  int quiet = 0;
  for (;;) {
    quiet = sweep_() ? 0 : quiet + 1;
    if (quiet < kQuietSweeps) {
      std::this_thread::sleep_for(kPeriod);
      continue;
    }
    // A submitter whose job the last sweep missed took the pool's lock after it, and so sees `asleep_`.
    asleep_.store(true);
    if (sweep_()) {
      asleep_.store(false);
    } else {
      std::unique_lock<std::mutex> lock(mutex_);
      woken_.wait(lock, [&] { return !asleep_.load(); });
    }
    quiet = 0;
  }
}

void Watchdog::Wake() {
  std::lock_guard<std::mutex> lock(mutex_);
  asleep_.store(false);
  woken_.notify_one();
}

}  // namespace pilotlight
