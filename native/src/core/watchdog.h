// Looks every few milliseconds for jobs whose time is over, and sleeps while there are none. A look costs each job
// nothing on its way; timers would.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace pilotlight {

class Watchdog {
 public:
  // `sweep` ends what is over and says whether there are jobs at all.
  explicit Watchdog(std::function<bool()> sweep) : sweep_(std::move(sweep)) {}

  // Idempotent. Throws std::system_error when there is no thread left.
  void Start();
  // After a job was put where `sweep` finds it.
  void Notice() {
    if (asleep_.load()) Wake();
  }

 private:
  void Serve();
  void Wake();

  const std::function<bool()> sweep_;
  std::mutex mutex_;
  std::condition_variable woken_;
  std::atomic<bool> asleep_{false};
  bool started_ = false;
};

}  // namespace pilotlight
