// One thread that loads and unloads for one device, one after the other: loads side by side only make each other late.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

namespace pilotlight {

class Loader {
 public:
  explicit Loader(const std::string& device) : name_("load-" + device.substr(0, 10)) {}

  // In the order of posting. The thread starts with the first work; throws std::system_error when there is none left.
  // The line is bounded by its one caller: control has at most one load in flight for each pool.
  void Post(std::function<void()> work);

 private:
  void Serve();

  const std::string name_;  // the thread's: 15 letters at most
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> work_;
  bool started_ = false;
};

}  // namespace pilotlight
