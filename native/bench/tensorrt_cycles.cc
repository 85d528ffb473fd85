// Loads a plan, runs it on every slot and unloads it, again and again: what a cycle leaves behind on the device.
//   bench_tensorrt_cycles PLAN SLOTS CYCLES [LIBRARY]
#include "plan_pool.h"

using namespace pilotlight;

namespace {

// Of `y` over its index, by least squares.
double SlopeOf(const std::vector<double>& y) {
  const double n = static_cast<double>(y.size());
  double sum_x = 0, sum_y = 0, sum_xy = 0, sum_xx = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    const double x = static_cast<double>(i);
    sum_x += x;
    sum_y += y[i];
    sum_xy += x * y[i];
    sum_xx += x * x;
  }
  return (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) Fail("bench_tensorrt_cycles PLAN SLOTS CYCLES [LIBRARY]");
  if (!FindTensorRt(argc > 4 ? argv[4] : nullptr)) return 1;
  PlanPool pool("cycles", argv[1], std::atoi(argv[2]));
  const int cycles = std::atoi(argv[3]);
  std::vector<double> taken_kib;
  int64_t free_first = 0;
  for (int cycle = 0; cycle <= cycles; ++cycle) {
    pool.Load();
    pool.Warm(InputsOf(pool.outcome().signature, {1}, 0));
    pool.Unload();
    // The first one takes what the process keeps: kernels, the context's own.
    if (cycle == 0) free_first = FreeBytes();
    taken_kib.push_back(static_cast<double>(free_first - FreeBytes()) / 1024);
  }
  taken_kib.erase(taken_kib.begin());
  std::printf("cycles: %d, slope %.2f KiB a cycle; taken after the first %.0f KiB, after the last %.0f KiB more\n", cycles, SlopeOf(taken_kib), taken_kib.front(), taken_kib.back());
  std::fflush(stdout);
  std::_Exit(0);
}
