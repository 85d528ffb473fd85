// Runs of mixed shapes on all slots at once against the same runs one after the other: every answer must be the same to the last bit.
//   bench_tensorrt_mixed PLAN SLOTS RUNS LARGEST [LIBRARY]     (every dynamic axis of the inputs becomes 1 to LARGEST)
#include "plan_pool.h"

using namespace pilotlight;

namespace {

constexpr int kInputSets = 4;

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) Fail("bench_tensorrt_mixed PLAN SLOTS RUNS LARGEST [LIBRARY]");
  if (!FindTensorRt(argc > 5 ? argv[5] : nullptr)) return 1;
  PlanPool pool("mixed", argv[1], std::atoi(argv[2]));
  const int64_t runs = std::atoll(argv[3]), largest = std::atoll(argv[4]);
  pool.Load();
  std::vector<std::vector<Tensor>> inputs, answers;
  for (int64_t size = 1; size <= largest; ++size) {
    for (int set = 0; set < kInputSets; ++set) inputs.push_back(InputsOf(pool.outcome().signature, {size}, set));
    pool.Warm(inputs.back());
  }
  pool.Open();
  for (size_t i = 0; i < inputs.size(); ++i) {
    pool.Submit(i, Stage(inputs[i], pool.index()));
    answers.push_back(Copy(pool.AwaitOne()->outputs));
  }
  int64_t ended = 0, wrong = 0, failed = 0;
  uint64_t state = 1;
  // In no order that a slot could profit by.
  const auto submit = [&] {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const auto one = static_cast<size_t>((state >> 33) % inputs.size());
    pool.Submit(one, Stage(inputs[one], pool.index()));
  };
  int64_t begun = 0;
  for (; begun < 3 * pool.slots() && begun < runs; ++begun) submit();
  while (ended < runs) {
    for (const auto& job : pool.Await()) {
      ++ended;
      failed += job->status.ok() ? 0 : 1;
      wrong += job->status.ok() && !IsSame(job->outputs, answers[job->id]) ? 1 : 0;
      if (begun < runs) submit();
      if (begun < runs) ++begun;
    }
  }
  std::printf("mixed: %lld runs of %zu inputs in %lld shapes on %d slots: %lld wrong, %lld failed\n", static_cast<long long>(ended), inputs.size(),
              static_cast<long long>(largest), pool.slots(), static_cast<long long>(wrong), static_cast<long long>(failed));
  pool.Unload();
  std::fflush(stdout);
  std::_Exit(wrong + failed == 0 ? 0 : 1);
}
