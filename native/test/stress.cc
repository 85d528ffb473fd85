// Everything at once, from a seed: threads submit, cancel and hold while control loads, warms, opens, retires and unloads.
// Whatever the order, each accepted job is reported once and no refused one ever; at the end nothing is held.
#include <random>
#include <set>
#include <thread>

#include "fake_pool.h"

using namespace pilotlight;

namespace {

constexpr int kSubmitters = 4;
constexpr int kOperations = 10000;

unsigned Seed() {
  const char* seed = std::getenv("PILOTLIGHT_SEED");
  return seed == nullptr ? 20240607u : static_cast<unsigned>(std::strtoul(seed, nullptr, 10));
}

class Tally final : public Completion {
 public:
  void Done(std::shared_ptr<Job> job) override {
    const bool ran = job->started_ns > 0;
    const Code code = job->status.code;
    CHECK(job->ended_ns >= job->submitted_ns);
    CHECK(code != Code::kOk || (ran && job->outputs.size() == 1 && job->ended_ns <= job->deadline_ns));
    CHECK(code == Code::kOk || job->outputs.empty());
    CHECK(code != Code::kDeadline || job->ended_ns >= job->deadline_ns);
    CHECK(code != Code::kCancelled || job->cancelled.load());
    CHECK(code != Code::kQueueTimeout || !ran);
    std::lock_guard<std::mutex> lock(mutex_);
    CHECK(ended_.insert(job->id).second);
    changed_.notify_all();
  }
  void AwaitExactly(const std::vector<uint64_t>& accepted) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return ended_.size() >= accepted.size(); });
    CHECK_EQUAL(ended_.size(), accepted.size());
    for (const uint64_t id : accepted) CHECK(ended_.count(id) == 1);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<uint64_t> ended_;
};

struct Stress {
  std::vector<std::unique_ptr<FakePool>> pools;
  std::shared_ptr<Tally> tally = std::make_shared<Tally>();
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> ids{0};
  std::mutex mutex;
  std::vector<uint64_t> accepted;
};

std::shared_ptr<Job> RandomJob(Stress& stress, FakePool& pool, std::mt19937& random) {
  auto job = pool.NewJob();
  job->completion = stress.tally;
  job->id = ++stress.ids;
  // Always one: some models hang.
  job->deadline_ns = MonotonicNs() + static_cast<int64_t>(random() % 30) * kMillisecondNs;
  return job;
}

bool Submitted(Stress& stress, FakePool& pool, std::shared_ptr<Job> job) {
  const uint64_t id = job->id;
  if (!pool.Submit(std::move(job)).ok()) return false;
  std::lock_guard<std::mutex> lock(stress.mutex);
  stress.accepted.push_back(id);
  return true;
}

void SubmitAtRandom(Stress& stress, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::shared_ptr<Job>> mine;
  for (int operation = 0; operation < kOperations; ++operation) {
    FakePool& pool = *stress.pools[random() % stress.pools.size()];
    const unsigned choice = random() % 10;
    if (choice < 6) {
      auto job = RandomJob(stress, pool, random);
      if (Submitted(stress, pool, job)) mine.push_back(job);
    } else if (choice < 8 && !mine.empty()) {
      Registry::Get().Cancel(mine[random() % mine.size()]);
    } else if (choice == 8 && Registry::Get().Hold(pool.index)) {
      std::this_thread::yield();
      Registry::Get().Release(pool.index);
    } else {
      Registry::Get().Stats();
    }
    if (mine.size() > 32) mine.clear();
    if (random() % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
  }
}

void Warm(Stress& stress, FakePool& pool, std::mt19937& random) {
  for (int slot = 0; slot < pool.options.slots; ++slot) {
    auto job = RandomJob(stress, pool, random);
    job->slot = slot;
    Submitted(stress, pool, std::move(job));
  }
}

void ControlAtRandom(Stress& stress, unsigned seed) {
  std::mt19937 random(seed);
  while (!stress.stop.load()) {
    FakePool& pool = *stress.pools[random() % stress.pools.size()];
    if (pool.Retire() == Retired::kBusy) continue;
    if (random() % 2 == 0) CHECK(pool.Unload().ok());
    if (pool.Load().ok() && random() % 2 == 0) Warm(stress, pool, random);
    if (random() % 8 == 0) continue;  // closed for a while
    Registry::Get().Open(pool.options.key);
  }
}

}  // namespace

TEST("fault 34: random operations from many threads lose no job, report none twice and leave no hold") {
  const unsigned seed = Seed();
  std::printf("  PILOTLIGHT_SEED=%u\n", seed);
  Stress stress;
  const std::pair<const char*, int> models[] = {{"", 1}, {"", 3}, {"run-ms 1", 2}, {"run-ms 12", 2}, {"run-ms 12", 1}, {"run-ms 12", 1},
                                                {"hang-run 2\nhang-run 5", 2}, {"fail-run 3\nnan-run 4", 1}, {"fail-slot 1 never", 2}};
  for (const auto& [script, slots] : models) {
    stress.pools.push_back(std::make_unique<FakePool>(script, slots));
    stress.pools.back()->options.queue_max = 8;
    stress.pools.back()->options.queue_timeout_ns = 10 * kMillisecondNs;
  }
  std::vector<std::thread> submitters;
  std::thread control([&] { ControlAtRandom(stress, seed); });
  for (unsigned at = 1; at <= kSubmitters; ++at) submitters.emplace_back([&, at] { SubmitAtRandom(stress, seed + at); });
  for (auto& submitter : submitters) submitter.join();
  stress.stop.store(true);
  control.join();
  stress.tally->AwaitExactly(stress.accepted);
  CHECK(stress.accepted.size() > 500);
  for (auto& pool : stress.pools) CHECK(pool->Retire() != Retired::kBusy);
  std::printf("  %zu jobs of %llu were accepted\n", stress.accepted.size(), static_cast<unsigned long long>(stress.ids.load()));
}
