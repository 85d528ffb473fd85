// A TensorRT pool through the core: jobs submitted natively, a fixed number in flight, every eighth answer compared with the one that the
// same inputs gave alone. Prints runs per second, the time from submit to completion, and the processor time it took: with inputs that a
// submitter copies, as JavaScript's are, and with inputs that lie where the pool likes them, so that only the pool's own work is left.
//   bench_tensorrt PLAN SLOTS SIZES [SECONDS] [LIBRARY] [enqueue]     (device gpu:0; SIZES: of dynamic axes, as 8 or 1,128; enqueue: without graphs)
#include <algorithm>
#include <ctime>
#include <deque>

#include "plan_pool.h"

using namespace pilotlight;

namespace {

constexpr int kDepthPerSlot = 2;
constexpr int kInputSets = 8;

struct Load {
  int64_t runs = 0, wrong = 0, failed = 0;
  std::vector<double> ms;
};

class Bench {
 public:
  Bench(PlanPool& pool, const char* sizes, double seconds) : pool_(pool), sizes_(sizes), seconds_(seconds) {}

  void FindAnswers() {
    for (int set = 0; set < kInputSets; ++set) {
      inputs_.push_back(InputsOf(pool_.outcome().signature, ReadSizes(sizes_), set));
      pool_.Submit(static_cast<uint64_t>(set), Borrow(inputs_.back()));
      answers_.push_back(Copy(pool_.AwaitOne()->outputs));
    }
  }

  // From now on no submitter copies: what a run has used, the next one of the same inputs uses again.
  void PutInPlace() {
    for (int i = 0; i < pool_.slots() * kDepthPerSlot; ++i) {
      const size_t set = static_cast<size_t>(i) % kInputSets;
      in_place_.emplace_back(set, Stage(inputs_[set], pool_.index()));
    }
    is_copied_ = false;
  }

  void Play(int depth) {
    Load load;
    const int64_t start = MonotonicNs();
    const std::clock_t spent = std::clock();
    const int64_t end = start + static_cast<int64_t>(seconds_ * 1e9);
    int flying = 0;
    for (; flying < depth; ++flying) Submit();
    while (flying > 0) {
      for (const auto& job : pool_.Await()) {
        --flying;
        Count(*job, &load);
        if (!is_copied_) in_place_.emplace_back(job->id, std::move(job->inputs));
        if (MonotonicNs() >= end) continue;
        Submit();
        ++flying;
      }
    }
    const double elapsed = static_cast<double>(MonotonicNs() - start) / 1e9;
    const double cores = static_cast<double>(std::clock() - spent) / CLOCKS_PER_SEC / elapsed;
    std::sort(load.ms.begin(), load.ms.end());
    std::printf("slots %d sizes %s depth %d, inputs %s: %.0f runs/s p50 %.3f p99 %.3f ms wrong %lld failed %lld cores %.2f\n", pool_.slots(),
                sizes_, depth, is_copied_ ? "copied" : "in place", static_cast<double>(load.runs) / elapsed,
                load.ms[load.ms.size() / 2], load.ms[load.ms.size() * 99 / 100], static_cast<long long>(load.wrong), static_cast<long long>(load.failed), cores);
  }

 private:
  void Submit() {
    if (is_copied_) {
      const auto set = static_cast<size_t>(next_++ % kInputSets);
      return pool_.Submit(set, Stage(inputs_[set], pool_.index()));
    }
    auto one = std::move(in_place_.front());
    in_place_.pop_front();
    pool_.Submit(one.first, std::move(one.second));
  }

  void Count(const Job& job, Load* load) const {
    ++load->runs;
    load->failed += job.status.ok() ? 0 : 1;
    load->ms.push_back(static_cast<double>(job.ended_ns - job.submitted_ns) / 1e6);
    if (load->runs % 8 == 0 && job.status.ok() && !IsSame(job.outputs, answers_[job.id])) ++load->wrong;
  }

  PlanPool& pool_;
  const char* const sizes_;
  const double seconds_;
  bool is_copied_ = true;
  int next_ = 0;
  std::vector<std::vector<Tensor>> inputs_, answers_;
  std::deque<std::pair<size_t, std::vector<Tensor>>> in_place_;  // with their set
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) Fail("bench_tensorrt PLAN SLOTS SIZES [SECONDS] [LIBRARY] [enqueue]");
  if (!FindTensorRt(argc > 5 ? argv[5] : nullptr)) return 1;
  UseGraphs(argc <= 6 || std::strcmp(argv[6], "enqueue") != 0);
  const int64_t free_before = FreeBytes();
  PlanPool pool("bench", argv[1], std::atoi(argv[2]));
  pool.Load();
  for (const LoadStep& step : pool.outcome().steps) std::printf("%s %.1f ms\n", step.name.c_str(), static_cast<double>(step.end_ns - step.start_ns) / 1e6);
  pool.Warm(InputsOf(pool.outcome().signature, ReadSizes(argv[3]), 0));
  const EngineMemory memory = pool.memory();
  std::printf("memory: weights %.1f scratch %.1f staging %.1f graphs %.1f MiB, sum %.1f; the device's own delta %.1f MiB\n", Mib(memory.weights_bytes),
              Mib(memory.scratch_bytes), Mib(memory.staging_bytes), Mib(memory.graphs_bytes), Mib(SumOf(memory)), Mib(free_before - FreeBytes()));
  pool.Open();
  {
    Bench bench(pool, argv[3], argc > 4 ? std::atof(argv[4]) : 2);
    bench.FindAnswers();
    for (const bool in_place : {false, true}) {
      if (in_place) bench.PutInPlace();
      bench.Play(pool.slots());
      bench.Play(pool.slots() * kDepthPerSlot);
    }
  }
  pool.Unload();
  std::printf("after unloading %.1f MiB more are taken than before\n", Mib(free_before - FreeBytes()));
  std::fflush(stdout);
  std::_Exit(0);
}
