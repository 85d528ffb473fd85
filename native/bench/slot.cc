// What the core itself costs: jobs of no work through one slot, a fixed number in flight.
// Prints jobs per second and the median and 99th percentile of the way from submit to completion.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <future>
#include <semaphore.h>
#include <string>
#include <vector>

#include <unistd.h>

#include "core/registry.h"

using namespace pilotlight;

namespace {

constexpr int kJobs = 400000;

// Wakes the submitter once for half of the jobs in flight, as the binding wakes a thread once for many completions:
// a wake-up costs more than a job.
class InFlight final : public Completion {
 public:
  explicit InFlight(int depth) : depth_(depth), half_(std::max(1, depth / 2)) { sem_init(&halves_, 0, 0); }
  ~InFlight() override { sem_destroy(&halves_); }

  // How many jobs may be submitted now.
  int AwaitRoom() {
    if (!full_) {
      full_ = true;
      return depth_;
    }
    while (sem_wait(&halves_) != 0) {
    }
    return half_;
  }
  void AwaitAll(size_t count) {
    while (ended_.load() < count) usleep(100);
  }
  void Done(std::shared_ptr<Job> job) override {
    latencies[ended_.load()] = MonotonicNs() - job->submitted_ns;
    failed += job->status.ok() ? 0 : 1;
    job.reset();
    if (++ended_ % static_cast<size_t>(half_) == 0) sem_post(&halves_);
  }

  std::vector<int64_t> latencies = std::vector<int64_t>(kJobs);
  int failed = 0;

 private:
  const int depth_;
  const int half_;
  bool full_ = false;
  sem_t halves_;
  std::atomic<size_t> ended_{0};
};

std::shared_ptr<Job> NewJob(const std::shared_ptr<InFlight>& completion) {
  auto job = std::make_shared<Job>();
  job->inputs.resize(1);
  job->inputs[0].shape = {1, 4};
  job->inputs[0].bytes = Bytes::Allocate(16);
  job->completion = completion;
  return job;
}

void Measure(PoolIndex pool, int depth) {
  auto completion = std::make_shared<InFlight>(depth);
  const int64_t start = MonotonicNs();
  for (int submitted = 0; submitted < kJobs;) {
    for (int room = completion->AwaitRoom(); room > 0 && submitted < kJobs; --room, ++submitted) {
      if (!Registry::Get().Submit(pool, NewJob(completion)).ok()) std::abort();
    }
  }
  completion->AwaitAll(kJobs);
  const double seconds = static_cast<double>(MonotonicNs() - start) / 1e9;
  auto& latencies = completion->latencies;
  std::sort(latencies.begin(), latencies.end());
  std::printf("in flight %3d  %8.0f jobs/s  p50 %6.1f us  p99 %7.1f us  failed %d\n", depth, kJobs / seconds,
              static_cast<double>(latencies[kJobs / 2]) / 1e3, static_cast<double>(latencies[kJobs / 100 * 99]) / 1e3, completion->failed);
}

PoolIndex LoadPool(const std::string& path) {
  PoolOptions options;
  options.key = "bench";
  options.backend = "fake";
  options.path = path;
  options.queue_max = 1000;
  options.queue_timeout_ns = 10000000000;
  std::promise<Status> loaded;
  Registry::Get().Load(options, [&](Result<LoadOutcome> outcome) { loaded.set_value(outcome.status); });
  const Status status = loaded.get_future().get();
  if (!status.ok() || !Registry::Get().Open(options.key).ok()) {
    std::fprintf(stderr, "%s\n", status.message.c_str());
    std::abort();
  }
  return Registry::Get().Intern(options.key);
}

}  // namespace

int main() {
  const std::string path = "/tmp/pilotlight-bench-" + std::to_string(getpid()) + ".fake";
  std::ofstream(path) << "pilotlight-fake 1\ninput x float32 [batch,4]\noutput y float32 [batch,4]\n";
  Registry::Get().AddBackend("fake", FakeBackend());
  const PoolIndex pool = LoadPool(path);
  for (const int depth : {1, 8, 64, 512}) Measure(pool, depth);
  unlink(path.c_str());
  return 0;
}
