#include "core/driver.h"

#include <algorithm>
#include <utility>

#include "core/threads.h"

namespace pilotlight {

namespace {

std::atomic<std::chrono::microseconds> pause_of_all{std::chrono::microseconds(0)};

}  // namespace

void DeviceDriver::SetPause(std::chrono::microseconds pause) { pause_of_all.store(pause, std::memory_order_relaxed); }

void DeviceDriver::Attach(Drivable& pool) {
  ++waiting_;
  std::lock_guard<std::mutex> lock(pools_mutex_);
  --waiting_;
  // Never ended: the device is there for the life of the process.
  if (!drives_) StartThread("pilotlight-gpu", Turn::kPrompt, [this] { Drive(); }).detach();
  drives_ = true;
  if (!serves_aside_) StartThread("pilotlight-gpu2", Turn::kBackground, [this] { ServeAside(); }).detach();
  serves_aside_ = true;
  pools_.push_back(&pool);
}

void DeviceDriver::Detach(Drivable& pool) {
  ++waiting_;
  std::lock_guard<std::mutex> lock(pools_mutex_);
  --waiting_;
  pools_.erase(std::remove(pools_.begin(), pools_.end(), &pool), pools_.end());
}

void DeviceDriver::Wake() {
  is_called_.store(true, std::memory_order_seq_cst);
  if (!sleeps_.load(std::memory_order_seq_cst)) return;
  std::lock_guard<std::mutex> lock(sleep_mutex_);
  woken_.notify_one();
}

void DeviceDriver::Aside(std::function<void()> work) {
  std::lock_guard<std::mutex> lock(aside_mutex_);
  aside_.push_back(std::move(work));
  aside_posted_.notify_one();
}

void DeviceDriver::Drive() {
  for (;;) {
    is_called_.store(false, std::memory_order_seq_cst);
    while (waiting_.load() > 0) std::this_thread::yield();
    auto found = Drivable::Found::kNothing;
    {
      std::lock_guard<std::mutex> lock(pools_mutex_);
      for (Drivable* pool : pools_) found = std::max(found, pool->Step());
    }
    const auto pause = pause_of_all.load(std::memory_order_relaxed);
    const bool is_flying = found == Drivable::Found::kFlying;
    if (found == Drivable::Found::kWork || (is_flying && pause.count() == 0)) continue;
    // Either the caller sees that we sleep, or we see that it called.
    std::unique_lock<std::mutex> lock(sleep_mutex_);
    sleeps_.store(true, std::memory_order_seq_cst);
    const auto is_called = [&] { return is_called_.load(std::memory_order_seq_cst); };
    if (is_flying) {
      woken_.wait_for(lock, pause, is_called);
    } else {
      woken_.wait(lock, is_called);
    }
    sleeps_.store(false, std::memory_order_seq_cst);
  }
}

void DeviceDriver::ServeAside() {
  std::unique_lock<std::mutex> lock(aside_mutex_);
  for (;;) {
    aside_posted_.wait(lock, [&] { return !aside_.empty(); });
    std::function<void()> work = std::move(aside_.front());
    aside_.pop_front();
    lock.unlock();
    work();
    lock.lock();
  }
}

}  // namespace pilotlight
