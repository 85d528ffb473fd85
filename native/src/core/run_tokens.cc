#include "core/run_tokens.h"

#include <algorithm>

namespace pilotlight {

bool RunTokens::Acquire(Waiter& waiter) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (free_ > 0) {
    --free_;
    return true;
  }
  waiter.state = Waiter::State::kWaiting;
  waiting_.push_back(&waiter);
  waiter.called.wait(lock, [&] { return waiter.state != Waiter::State::kWaiting; });
  return waiter.state == Waiter::State::kGranted;
}

void RunTokens::Release() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (waiting_.empty()) {
    ++free_;
    return;
  }
  // Handed over, not freed: a newcomer cannot overtake.
  Waiter* next = waiting_.front();
  waiting_.pop_front();
  next->state = Waiter::State::kGranted;
  next->called.notify_one();
}

void RunTokens::GiveUp(Waiter& waiter) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (waiter.state != Waiter::State::kWaiting) return;
  waiting_.erase(std::find(waiting_.begin(), waiting_.end(), &waiter));
  waiter.state = Waiter::State::kGivenUp;
  waiter.called.notify_one();
}

int RunTokens::waiting() {
  std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int>(waiting_.size());
}

}  // namespace pilotlight
