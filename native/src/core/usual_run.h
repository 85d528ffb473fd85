// What the runs of a pool usually take, on which their treatment depends: long ones share tokens, the shortest report in bursts.
#pragma once

#include <atomic>
#include <cstdint>

namespace pilotlight {

enum class RunEnd { kWhole, kCut };

class UsualRun {
 public:
  // Shorter runs disturb others less than waiting for a token would cost them.
  bool is_long() const { return ns_.load(std::memory_order_relaxed) > kLongNs; }
  // A wake-up takes both threads longer than such a run.
  bool is_short() const {
    const int64_t ns = ns_.load(std::memory_order_relaxed);
    return ns >= 0 && ns < kShortNs;
  }

  // Any thread, after a run that is not the first of its slot: that one pays for what is done once.
  void Learn(int64_t run_ns, RunEnd end);

 private:
  static constexpr int64_t kLongNs = 10 * 1000 * 1000;
  static constexpr int64_t kShortNs = 30 * 1000;

  std::atomic<int64_t> ns_{-1};  // -1: not known yet
};

}  // namespace pilotlight
