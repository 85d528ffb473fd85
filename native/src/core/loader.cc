#include "core/loader.h"

#include <utility>

#include "core/threads.h"

namespace pilotlight {

void Loader::Post(std::function<void()> work) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!started_) StartThread(name_.c_str(), Turn::kBackground, [this] { Serve(); }).detach();
  started_ = true;
  work_.push_back(std::move(work));
  posted_.notify_one();
}

void Loader::Serve() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      posted_.wait(lock, [&] { return !work_.empty(); });
      work = std::move(work_.front());
      work_.pop_front();
    }
    work();
  }
}

}  // namespace pilotlight
