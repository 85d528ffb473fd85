// A warm pool under load, quiet and while another engine is loaded and unloaded without pause on the same device: its 99th percentiles.
//   bench_tensorrt_beside PLAN OTHER [SECONDS] [LIBRARY]
#include <algorithm>
#include <atomic>
#include <thread>

#include "plan_pool.h"

using namespace pilotlight;

namespace {

constexpr int kSlots = 4;
constexpr int kRounds = 5;
constexpr double kStallMs = 2;

// What the other engine was doing when a run ended late.
enum Phase { kQuiet, kLoad, kWarm, kUnload, kPhases };
constexpr const char* kPhaseNames[] = {"quiet", "load", "warm", "unload"};
std::atomic<int> phase{kQuiet};

struct Stalls {
  int count[kPhases] = {};
  double longest_ms[kPhases] = {};
};

std::vector<double> Play(PlanPool& pool, const std::vector<Tensor>& plain, double seconds, Stalls* stalls) {
  std::vector<double> ms;
  const int64_t end = MonotonicNs() + static_cast<int64_t>(seconds * 1e9);
  int flying = 0;
  for (; flying < kSlots; ++flying) pool.Submit(0, Stage(plain, pool.index()));
  while (flying > 0) {
    for (const auto& job : pool.Await()) {
      --flying;
      if (!job->status.ok()) Fail(job->status.message);
      ms.push_back(static_cast<double>(job->ended_ns - job->submitted_ns) / 1e6);
      const int now = phase.load(std::memory_order_relaxed);
      if (ms.back() > kStallMs) ++stalls->count[now];
      stalls->longest_ms[now] = std::max(stalls->longest_ms[now], ms.back());
      if (MonotonicNs() >= end) continue;
      pool.Submit(0, std::move(job->inputs));
      ++flying;
    }
  }
  std::sort(ms.begin(), ms.end());
  return ms;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) Fail("bench_tensorrt_beside PLAN OTHER [SECONDS] [LIBRARY]");
  const double seconds = argc > 3 ? std::atof(argv[3]) : 2;
  if (!FindTensorRt(argc > 4 ? argv[4] : nullptr)) return 1;
  PlanPool pool("warm", argv[1], kSlots), other("other", argv[2], 2);
  pool.Load();
  const auto plain = InputsOf(pool.outcome().signature, {1}, 0);
  pool.Warm(plain);
  pool.Open();
  // Its kernels are there before anything is measured.
  other.Load();
  other.Warm(InputsOf(other.outcome().signature, {1}, 0));
  other.Unload();
  for (int round = 0; round < kRounds; ++round) {
    Stalls none, stalls;
    const auto quiet = Play(pool, plain, seconds, &none);
    std::atomic<bool> is_over{false};
    int loads = 0;
    std::thread churn([&] {
      while (!is_over.load()) {
        phase.store(kLoad);
        other.Load();
        phase.store(kWarm);
        other.Warm(InputsOf(other.outcome().signature, {1}, 0));
        phase.store(kUnload);
        other.Unload();
        ++loads;
      }
      phase.store(kQuiet);
    });
    const auto beside = Play(pool, plain, seconds, &stalls);
    is_over.store(true);
    churn.join();
    const auto at = [](const std::vector<double>& ms, size_t percent) { return ms[ms.size() * percent / 100]; };
    std::printf("beside: p50 %.3f p99 %.3f ms quiet, p50 %.3f p99 %.3f ms beside %d loads: %.2f times\n", at(quiet, 50), at(quiet, 99), at(beside, 50), at(beside, 99), loads,
                at(beside, 99) / at(quiet, 99));
    for (int one = kLoad; one < kPhases; ++one) std::printf("  late in %s: %d, longest %.2f ms\n", kPhaseNames[one], stalls.count[one], stalls.longest_ms[one]);
  }
  std::fflush(stdout);
  std::_Exit(0);
}
