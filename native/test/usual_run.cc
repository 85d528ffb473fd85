// What counts as a long run and as a short one.
#include "core/usual_run.h"

#include "check.h"

using namespace pilotlight;

namespace {

constexpr int64_t kMs = 1000000;

void Learn(UsualRun& usual, int times, int64_t run_ns, RunEnd end = RunEnd::kWhole) {
  for (int at = 0; at < times; ++at) usual.Learn(run_ns, end);
}

}  // namespace

TEST("a pool of which nothing is known is neither long nor short") {
  const UsualRun usual;
  CHECK(!usual.is_long() && !usual.is_short());
}

TEST("the first run that counts decides until more is known") {
  UsualRun heavy, light;
  heavy.Learn(11 * kMs, RunEnd::kWhole);
  light.Learn(kMs / 100, RunEnd::kWhole);
  CHECK(heavy.is_long() && !heavy.is_short());
  CHECK(light.is_short() && !light.is_long());
}

TEST("a light pool stays light after one run that took a second, and becomes heavy after many") {
  UsualRun usual;
  Learn(usual, 10, kMs);
  usual.Learn(1000 * kMs, RunEnd::kWhole);
  CHECK(!usual.is_long());
  Learn(usual, 12, 1000 * kMs);
  CHECK(usual.is_long());
}

TEST("a heavy pool whose runs become light is light after a few") {
  UsualRun usual;
  usual.Learn(400 * kMs, RunEnd::kWhole);
  Learn(usual, 7, kMs);
  CHECK(!usual.is_long());
}

TEST("a run that was cut short counts only if it was long by then") {
  UsualRun usual;
  usual.Learn(kMs, RunEnd::kCut);
  CHECK(!usual.is_long() && !usual.is_short());
  usual.Learn(50 * kMs, RunEnd::kCut);
  CHECK(usual.is_long());
  usual.Learn(kMs, RunEnd::kCut);
  CHECK(usual.is_long());
}
