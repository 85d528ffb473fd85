// One thread that drives all slots of a device: it starts their runs and looks whether they have ended, without waiting for any.
// It spins while something is in flight, or looks at intervals, and sleeps otherwise. A second thread does what would hold it up: the first run of a shape.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace pilotlight {

// What has slots to drive.
class Drivable {
 public:
  // What a step found: nothing to do, only what goes on by itself, something that it could start or end.
  enum class Found { kNothing, kFlying, kWork };
  // Starts and ends what can be; never blocks. The driving thread alone calls it.
  virtual Found Step() = 0;

 protected:
  ~Drivable() = default;
};

class DeviceDriver {
 public:
  // How long all of them rest between two looks at what is in flight; 0, as at first: not at all, which takes a core and is the fastest. Any thread.
  static void SetPause(std::chrono::microseconds pause);

  // Starts the threads with the first one; throws std::system_error when the system has none left.
  void Attach(Drivable& pool);
  // When it returns nobody steps it any more. It has nothing in flight.
  void Detach(Drivable& pool);
  // There is something to start. Any thread, cheap while the driver is awake.
  void Wake();
  // On the second thread, one after the other. Any thread.
  void Aside(std::function<void()> work);

 private:
  void Drive();
  void ServeAside();

  std::mutex pools_mutex_;  // held during a round of steps
  std::atomic<int> waiting_{0};  // for pools_mutex_: the driver lets them go first
  std::vector<Drivable*> pools_;

  std::mutex sleep_mutex_;
  std::condition_variable woken_;
  std::atomic<bool> is_called_{false};  // since the round that found nothing began
  std::atomic<bool> sleeps_{false};

  std::mutex aside_mutex_;
  std::condition_variable aside_posted_;
  std::deque<std::function<void()>> aside_;

  // Under pools_mutex_: each by itself, since the system may have a thread for one and none for the other.
  bool drives_ = false, serves_aside_ = false;
};

}  // namespace pilotlight
