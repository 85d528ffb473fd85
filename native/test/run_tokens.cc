// Long runs take turns by as many tokens as cores; short ones never wait for them.
#include <thread>

#include "core/run_tokens.h"
#include "core/threads.h"
#include "fake/fake_gate.h"
#include "fake/simulated_devices.h"
#include "fake_pool.h"

using namespace pilotlight;

namespace {

// Pools that the core knows as heavy: their runs have taken long, first one not counted.
std::vector<std::unique_ptr<FakePool>> HeavyPools(size_t count, const std::string& gate, const std::string& device = "cpu") {
  FakeGate::Named(gate).Open();
  std::vector<std::unique_ptr<FakePool>> pools;
  for (size_t at = 0; at < count; ++at) {
    pools.push_back(std::make_unique<FakePool>("run-ms 15\ngate " + gate));
    pools.back()->options.device = device;
    pools.back()->LoadAndOpen();
    for (size_t run = 1; run <= 2; ++run) {
      pools.back()->MustSubmit();
      pools.back()->finished->Await(run);
    }
  }
  FakeGate::Named(gate).Close();
  return pools;
}

constexpr size_t kTrained = 2;

}  // namespace

TEST("tokens are given in the order of asking, and a newcomer cannot overtake") {
  RunTokens tokens(1);
  RunTokens::Waiter holder;
  CHECK(tokens.Acquire(holder));
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<RunTokens::Waiter>> waiters;
  for (int at = 0; at < 4; ++at) {
    waiters.push_back(std::make_unique<RunTokens::Waiter>());
    threads.emplace_back([&, at] {
      CHECK(tokens.Acquire(*waiters[static_cast<size_t>(at)]));
      {
        std::lock_guard<std::mutex> lock(mutex);
        order.push_back(at);
      }
      tokens.Release();
    });
    while (tokens.waiting() < at + 1) std::this_thread::yield();
  }
  tokens.Release();
  for (auto& thread : threads) thread.join();
  CHECK((order == std::vector<int>{0, 1, 2, 3}));
}

TEST("who gives up gets no token, and the next in line does") {
  RunTokens tokens(1);
  RunTokens::Waiter holder, leaving, next;
  CHECK(tokens.Acquire(holder));
  std::thread leaver([&] { CHECK(!tokens.Acquire(leaving)); });
  while (tokens.waiting() < 1) std::this_thread::yield();
  std::thread follower([&] { CHECK(tokens.Acquire(next)); });
  while (tokens.waiting() < 2) std::this_thread::yield();
  tokens.GiveUp(leaving);
  leaver.join();
  tokens.GiveUp(leaving);
  tokens.Release();
  follower.join();
  tokens.GiveUp(next);
  tokens.Release();
  CHECK(tokens.Acquire(leaving));
}

TEST("no more heavy runs than cores are under way at once, and a light run does not wait for them") {
  const auto cores = static_cast<size_t>(CoreCount());
  auto pools = HeavyPools(cores + 3, "heavy");
  FakePool light("");
  light.LoadAndOpen();
  FakeGate& gate = FakeGate::Named("heavy");
  for (auto& pool : pools) pool->MustSubmit();
  gate.AwaitStanding(static_cast<int>(cores));
  light.MustSubmit();
  CHECK(light.finished->Await(1)[0]->status.ok());
  gate.Open();
  for (auto& pool : pools) {
    const auto ended = pool->finished->Await(kTrained + 1);
    CHECK_EQUAL(ended.back()->status.message, "");
  }
  CHECK_EQUAL(gate.peak(), static_cast<int>(cores));
}

TEST("heavy runs on a GPU take no tokens, however many they are") {
  SimulatedDevices::Get().Declare("gpu:0", 1 << 20, 0);
  const auto cores = static_cast<size_t>(CoreCount());
  auto pools = HeavyPools(cores + 2, "on-gpu", "gpu:0");
  FakeGate& gate = FakeGate::Named("on-gpu");
  for (auto& pool : pools) pool->MustSubmit();
  gate.AwaitStanding(static_cast<int>(cores) + 2);
  gate.Open();
  for (auto& pool : pools) CHECK(pool->finished->Await(kTrained + 1).back()->status.ok());
}

TEST("a heavy job that waits for its turn ends when cancelled, at its deadline, and when the queue's time is over") {
  const auto cores = static_cast<size_t>(CoreCount());
  auto pools = HeavyPools(cores + 2, "turn");
  FakeGate& gate = FakeGate::Named("turn");
  for (size_t at = 0; at < cores; ++at) pools[at]->MustSubmit();
  gate.AwaitStanding(static_cast<int>(cores));

  FakePool& cancelled = *pools[cores];
  auto job = cancelled.MustSubmit();
  Registry::Get().Cancel(job);
  cancelled.finished->Await(kTrained + 1);
  CHECK_EQUAL(job->status.code, Code::kCancelled);
  CHECK_EQUAL(job->started_ns, 0);

  FakePool& late = *pools[cores + 1];
  job = late.NewJob();
  job->deadline_ns = MonotonicNs() + 10 * kMillisecondNs;
  CHECK(late.Submit(job).ok());
  late.finished->Await(kTrained + 1);
  CHECK_EQUAL(job->status.code, Code::kDeadline);

  gate.Open();
  for (size_t at = 0; at < cores; ++at) pools[at]->finished->Await(kTrained + 1);
}

TEST("a light pool whose run once took long does not count as heavy") {
  FakePool pool("hang-run 4");
  pool.LoadAndOpen();
  for (size_t run = 1; run <= 3; ++run) {
    pool.MustSubmit();
    pool.finished->Await(run);
  }
  auto slow = pool.NewJob();
  slow->deadline_ns = MonotonicNs() + 30 * kMillisecondNs;
  CHECK(pool.Submit(slow).ok());
  pool.finished->Await(4);

  const auto cores = static_cast<size_t>(CoreCount());
  auto heavy = HeavyPools(cores, "outlier");
  FakeGate& gate = FakeGate::Named("outlier");
  for (auto& other : heavy) other->MustSubmit();
  gate.AwaitStanding(static_cast<int>(cores));
  pool.MustSubmit();
  CHECK(pool.finished->Await(5).back()->status.ok());
  gate.Open();
  for (auto& other : heavy) other->finished->Await(kTrained + 1);
}
