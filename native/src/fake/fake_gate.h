// A test's hold on fake runs and loads: they wait at a named gate until the test opens it. So tests of order and races
// need no sleeps.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>

namespace pilotlight {

class FakeGate {
 public:
  // Closed at first. Leaked: native threads may use it to the end.
  static FakeGate& Named(const std::string& name);

  void Open();
  void Close();
  // Blocks until so many stand at the closed gate at once.
  void AwaitStanding(int count);
  // The most that ever stood at it at once.
  int peak();

  // For the fake: waits until it is open. False: cancelled.
  bool Pass(const std::atomic<bool>& cancelled);
  // For the fake: lets those who wait look at their `cancelled`.
  void Nudge();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int standing_ = 0;
  int peak_ = 0;
};

}  // namespace pilotlight
