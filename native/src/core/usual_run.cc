#include "core/usual_run.h"

#include <algorithm>

namespace pilotlight {

// Quick to fall, slow to rise, and deaf to a single outlier: a light pool whose thread was preempted once must not start
// to queue behind heavy ones.
void UsualRun::Learn(int64_t run_ns, RunEnd end) {
  const int64_t usual = ns_.load(std::memory_order_relaxed);
  // A run that was cut short tells only that a whole one takes longer.
  if (end == RunEnd::kCut && run_ns <= std::max(usual, kLongNs)) return;
  int64_t next = run_ns;
  if (usual >= 0) {
    const int64_t bounded = std::min(run_ns, 4 * usual + 1000000);
    next = usual + (bounded - usual) / (bounded < usual ? 2 : 8);
  }
  ns_.store(next, std::memory_order_relaxed);
}

}  // namespace pilotlight
