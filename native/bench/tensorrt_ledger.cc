// What pools say that they hold on the device against what the device has less: several engines with different numbers of slots at once, after an engine
// that was thrown away has taken what the process keeps.
//   bench_tensorrt_ledger SIZES LIBRARY PLAN[:SLOTS]...
#include "plan_pool.h"

using namespace pilotlight;

int main(int argc, char** argv) {
  if (argc < 4) Fail("bench_tensorrt_ledger SIZES LIBRARY PLAN[:SLOTS]...");
  if (!FindTensorRt(argv[2])) return 1;
  const Sizes sizes = ReadSizes(argv[1]);
  std::vector<std::unique_ptr<PlanPool>> pools;
  for (int i = 3; i < argc; ++i) {
    const std::string text = argv[i];
    const size_t colon = text.rfind(':');
    const int slots = colon == std::string::npos ? 2 : std::atoi(text.c_str() + colon + 1);
    pools.push_back(std::make_unique<PlanPool>(std::to_string(i) + text, text.substr(0, colon), slots));
  }
  const auto fill = [&](PlanPool& pool) {
    pool.Load();
    pool.Warm(InputsOf(pool.outcome().signature, sizes, 0));
  };
  fill(*pools[0]);
  pools[0]->Unload();
  const int64_t free_before = FreeBytes();
  int64_t sum = 0;
  for (const auto& pool : pools) {
    const int64_t before = FreeBytes();
    fill(*pool);
    sum += SumOf(pool->memory());
    std::printf("ledger: %d slots: %.1f MiB by the pool, %.1f by the device\n", pool->slots(), Mib(SumOf(pool->memory())), Mib(before - FreeBytes()));
  }
  const int64_t delta = free_before - FreeBytes();
  std::printf("ledger: %zu pools: %.1f MiB by the pools, %.1f by the device, difference %.1f MiB (%.2f %%)\n", pools.size(), Mib(sum), Mib(delta), Mib(delta - sum),
              100.0 * static_cast<double>(delta - sum) / static_cast<double>(delta));
  for (const auto& pool : pools) pool->Unload();
  std::fflush(stdout);
  std::_Exit(0);
}
