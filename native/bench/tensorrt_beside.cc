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

std::vector<double> Play(PlanPool& pool, const std::vector<Tensor>& inputs, double seconds) {
  std::vector<double> ms;
  const int64_t end = MonotonicNs() + static_cast<int64_t>(seconds * 1e9);
  int flying = 0;
  for (; flying < kSlots; ++flying) pool.Submit(0, Borrow(inputs));
  while (flying > 0) {
    for (const auto& job : pool.Await()) {
      --flying;
      if (!job->status.ok()) Fail(job->status.message);
      ms.push_back(static_cast<double>(job->ended_ns - job->submitted_ns) / 1e6);
      if (MonotonicNs() >= end) continue;
      pool.Submit(0, Borrow(inputs));
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
  const auto inputs = Stage(plain, pool.index());
  // Its kernels are there before anything is measured.
  other.Load();
  other.Warm(InputsOf(other.outcome().signature, {1}, 0));
  other.Unload();
  for (int round = 0; round < kRounds; ++round) {
    const auto quiet = Play(pool, inputs, seconds);
    std::atomic<bool> is_over{false};
    int loads = 0;
    std::thread churn([&] {
      while (!is_over.load()) {
        other.Load();
        other.Warm(InputsOf(other.outcome().signature, {1}, 0));
        other.Unload();
        ++loads;
      }
    });
    const auto beside = Play(pool, inputs, seconds);
    is_over.store(true);
    churn.join();
    const auto at = [](const std::vector<double>& ms, size_t percent) { return ms[ms.size() * percent / 100]; };
    std::printf("beside: p50 %.3f p99 %.3f ms quiet, p50 %.3f p99 %.3f ms beside %d loads: %.2f times\n", at(quiet, 50), at(quiet, 99), at(beside, 50), at(beside, 99), loads,
                at(beside, 99) / at(quiet, 99));
  }
  std::fflush(stdout);
  std::_Exit(0);
}
