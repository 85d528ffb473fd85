// Pools whose runs are driven by one thread of the device: what a job meets is the same as with a thread for each slot.
#include <chrono>
#include <thread>

#include "core/driver.h"
#include "fake_pool.h"

using namespace pilotlight;

namespace {

// So that the next run of each slot is driven: the first one goes aside.
void WarmAll(FakePool& pool) {
  for (int slot = 0; slot < pool.options.slots; ++slot) {
    auto job = pool.NewJob();
    job->slot = slot;
    CHECK_EQUAL(pool.Submit(job).message, "");
  }
  for (const auto& job : pool.finished->Await(static_cast<size_t>(pool.options.slots))) CHECK_EQUAL(job->status.message, "");
}

}  // namespace

TEST("driven runs answer, and as many go at once as there are slots") {
  FakePool pool("driven\nrun-ms 20", 4);
  pool.LoadAndOpen();
  WarmAll(pool);
  const int64_t start = MonotonicNs();
  for (int i = 0; i < 8; ++i) pool.MustSubmit();
  for (const auto& job : pool.finished->Await(12)) CHECK_EQUAL(job->status.message, "");
  CHECK(MonotonicNs() - start >= 40 * kMillisecondNs);
  CHECK_EQUAL(pool.Stats().runs, 8u);
  CHECK_EQUAL(pool.Stats().busy, 0);
}

TEST("a driver that rests between two looks ends all runs, and is woken by what comes meanwhile") {
  DeviceDriver::SetPause(std::chrono::microseconds(10'000'000));
  FakePool resting("driven\nrun-ms 1", 2);
  resting.LoadAndOpen();
  WarmAll(resting);
  resting.MustSubmit();
  // Nobody looks for ten seconds at the first one, unless a second one wakes the driver.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  resting.MustSubmit();
  CHECK_EQUAL(resting.finished->Await(3).back()->status.message, "");
  DeviceDriver::SetPause(std::chrono::microseconds(0));
  resting.MustSubmit();
  for (const auto& job : resting.finished->Await(5)) CHECK_EQUAL(job->status.message, "");
}

TEST("a driven run that fails fails its job alone") {
  FakePool pool("driven\nfail-run 2 kernel failed");
  pool.LoadAndOpen();
  WarmAll(pool);
  for (int i = 0; i < 2; ++i) pool.MustSubmit();
  const auto jobs = pool.finished->Await(3);
  CHECK_CONTAINS(jobs[1]->status.message, "kernel failed");
  CHECK(jobs[2]->status.ok());
}

TEST("a driven job ends at its deadline, waiting or running, and one that is cancelled at once") {
  FakePool pool("driven\nrun-ms 5000");
  pool.LoadAndOpen();
  auto warm = pool.NewJob();
  warm->slot = 0;
  warm->deadline_ns = MonotonicNs() + 20 * kMillisecondNs;
  CHECK(pool.Submit(warm).ok());
  CHECK_EQUAL(pool.finished->Await(1).back()->status.code, Code::kDeadline);
  auto running = pool.NewJob(), waiting = pool.NewJob(), cancelled = pool.NewJob();
  running->deadline_ns = waiting->deadline_ns = MonotonicNs() + 30 * kMillisecondNs;
  for (const auto& job : {running, waiting, cancelled}) CHECK(pool.Submit(job).ok());
  Registry::Get().Cancel(cancelled);
  for (const auto& job : pool.finished->Await(4)) CHECK(job->status.code == Code::kDeadline || job == cancelled);
  CHECK_EQUAL(cancelled->status.code, Code::kCancelled);
}

TEST("a driven pool can be unloaded while a warm-up of it runs, and loaded again") {
  FakePool pool("driven\nrun-ms 3000");
  for (int round = 0; round < 3; ++round) {
    CHECK(pool.Load().ok());
    auto warm = pool.NewJob();
    warm->slot = 0;
    CHECK(pool.Submit(warm).ok());
    CHECK_EQUAL(pool.Unload().message, "");
    CHECK(!pool.finished->Await(static_cast<size_t>(round) + 1).back()->status.ok());
  }
}

TEST("nobody is lost while threads submit to two driven pools that come and go") {
  FakePool one("driven", 3), other("driven", 2);
  one.options.queue_max = other.options.queue_max = 100000;
  std::atomic<bool> over{false};
  std::atomic<size_t> accepted{0}, refused{0};
  one.LoadAndOpen();
  std::thread turning([&] {
    while (!over) {
      other.LoadAndOpen();
      while (other.Retire() != Retired::kRetired) std::this_thread::yield();
      CHECK_EQUAL(other.Unload().message, "");
    }
  });
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        one.MustSubmit();
        (other.Submit(other.NewJob()).ok() ? accepted : refused)++;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  over = true;
  turning.join();
  one.finished->Await(6000);
  other.finished->Await(accepted);
  CHECK_EQUAL(one.Stats().runs, 6000u);
  CHECK_EQUAL(other.finished->count(), accepted.load());
  CHECK_EQUAL(accepted + refused, 6000u);
}
