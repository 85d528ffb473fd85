// As many tokens as cores: long runs take one each, in the order in which they asked, so that many heavy pools do not
// time-slice each other to death. Short runs never come here.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>

namespace pilotlight {

class RunTokens {
 public:
  // One for each thread that may wait; its address is its identity.
  class Waiter {
    friend class RunTokens;
    std::condition_variable called;
    enum class State { kNone, kWaiting, kGranted, kGivenUp } state = State::kNone;
  };

  explicit RunTokens(int count) : free_(count) {}

  // Waits for a token. False: `GiveUp` ended the wait.
  bool Acquire(Waiter& waiter);
  void Release();
  // Ends the waiter's wait, from another thread. Without effect when it does not wait.
  void GiveUp(Waiter& waiter);
  int waiting();

 private:
  std::mutex mutex_;
  int free_;
  std::deque<Waiter*> waiting_;  // at most one for each slot of the process
};

}  // namespace pilotlight
