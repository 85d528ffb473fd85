// A job: submitted, run, refused, cut short; and what it reports.
#include "fake/fake_gate.h"
#include "fake_pool.h"

using namespace pilotlight;

TEST("a job runs and reports its outputs and its times") {
  FakePool pool("");
  pool.LoadAndOpen();
  auto job = pool.NewJob(2.5f);
  job->id = 42;
  CHECK(pool.Submit(job).ok());
  const auto ended = pool.finished->Await(1);
  CHECK_EQUAL(ended[0]->id, 42u);
  CHECK_EQUAL(ended[0]->status.message, "");
  CHECK_EQUAL(ended[0]->outputs.size(), 1u);
  float first;
  std::memcpy(&first, ended[0]->outputs[0].bytes.data(), 4);
  CHECK_EQUAL(first, 2.5f);
  CHECK(ended[0]->submitted_ns <= ended[0]->started_ns && ended[0]->started_ns <= ended[0]->ended_ns);
}

TEST("an output that is not wanted stays empty") {
  FakePool pool("output z float32 [batch,4]");
  pool.LoadAndOpen();
  auto job = pool.NewJob();
  job->wanted = {false, true};
  CHECK(pool.Submit(job).ok());
  pool.finished->Await(1);
  CHECK(job->outputs[0].bytes.data() == nullptr);
  CHECK_EQUAL(job->outputs[1].bytes.size(), 16u);
}

TEST("a pool that was never loaded refuses at once and counts a miss") {
  FakePool pool("");
  CHECK_EQUAL(pool.Submit(pool.NewJob()).code, Code::kNotResident);
  CHECK_EQUAL(pool.finished->count(), 0u);
  CHECK_EQUAL(pool.Stats().misses, 1u);
}

TEST("a loaded pool that is not open refuses at once") {
  FakePool pool("");
  CHECK(pool.Load().ok());
  CHECK_EQUAL(pool.Submit(pool.NewJob()).code, Code::kNotResident);
}

TEST("one job more than slots and queue take is refused as full, and the others are served in order") {
  FakeGate& gate = FakeGate::Named("full");
  FakePool pool("gate full");
  pool.options.queue_max = 2;
  pool.LoadAndOpen();
  auto running = pool.MustSubmit();
  gate.AwaitStanding(1);
  auto second = pool.MustSubmit();
  auto third = pool.MustSubmit();
  const Status refused = pool.Submit(pool.NewJob());
  CHECK_EQUAL(refused.code, Code::kQueueFull);
  CHECK_CONTAINS(refused.message, "its queue takes 2");
  CHECK_EQUAL(pool.Stats().queue_full, 1u);
  gate.Open();
  const auto ended = pool.finished->Await(3);
  CHECK(ended[0] == running && ended[1] == second && ended[2] == third);
}

TEST("a queue of none still takes a job for each free slot") {
  FakeGate& gate = FakeGate::Named("none");
  FakePool pool("gate none", 2);
  pool.options.queue_max = 0;
  pool.LoadAndOpen();
  pool.MustSubmit();
  pool.MustSubmit();
  CHECK_EQUAL(pool.Submit(pool.NewJob()).code, Code::kQueueFull);
  gate.Open();
  pool.finished->Await(2);
}

TEST("a job that waits longer than the queue allows ends so, and the running one goes on") {
  FakeGate& gate = FakeGate::Named("queue-timeout");
  FakePool pool("gate queue-timeout");
  pool.options.queue_timeout_ns = 20 * kMillisecondNs;
  pool.LoadAndOpen();
  auto running = pool.NewJob();
  running->slot = 0;  // a warm-up may wait as long as its thread takes to wake
  CHECK(pool.Submit(running).ok());
  gate.AwaitStanding(1);
  auto waiting = pool.MustSubmit();
  CHECK(pool.finished->Await(1)[0] == waiting);
  CHECK_EQUAL(waiting->status.code, Code::kQueueTimeout);
  CHECK_CONTAINS(waiting->status.message, "whose queue allows 20 ms");
  CHECK_EQUAL(waiting->started_ns, 0);
  CHECK_EQUAL(pool.Stats().queue_timeouts, 1u);
  gate.Open();
  pool.finished->Await(2);
  CHECK(running->status.ok());
}

TEST("a deadline ends a waiting job") {
  FakeGate& gate = FakeGate::Named("deadline-waiting");
  FakePool pool("gate deadline-waiting");
  pool.LoadAndOpen();
  pool.MustSubmit();
  gate.AwaitStanding(1);
  auto waiting = pool.NewJob();
  waiting->deadline_ns = MonotonicNs() + 20 * kMillisecondNs;
  CHECK(pool.Submit(waiting).ok());
  CHECK(pool.finished->Await(1)[0] == waiting);
  CHECK_EQUAL(waiting->status.code, Code::kDeadline);
  CHECK_EQUAL(waiting->started_ns, 0);
  gate.Open();
  pool.finished->Await(2);
}

TEST("a deadline ends a running job, and the slot serves the next") {
  FakePool pool("hang-run 1");
  pool.LoadAndOpen();
  auto hanging = pool.NewJob();
  hanging->deadline_ns = MonotonicNs() + 250 * kMillisecondNs;  // a busy machine must have begun the run by then
  CHECK(pool.Submit(hanging).ok());
  pool.finished->Await(1);
  CHECK_EQUAL(hanging->status.code, Code::kDeadline);
  CHECK(hanging->started_ns > 0);
  CHECK(hanging->ended_ns >= hanging->deadline_ns);
  CHECK(hanging->outputs.empty());
  auto next = pool.MustSubmit();
  pool.finished->Await(2);
  CHECK(next->status.ok());
}

TEST("a deadline that has passed is refused at once") {
  FakePool pool("");
  pool.LoadAndOpen();
  auto late = pool.NewJob();
  late->deadline_ns = MonotonicNs() - 1;
  CHECK_EQUAL(pool.Submit(late).code, Code::kDeadline);
  CHECK_EQUAL(pool.Retire(), Retired::kRetired);
}

TEST("a run that ends after its deadline reports the deadline, though the engine was content") {
  FakePool pool("spin-ms 30");
  pool.LoadAndOpen();
  auto late = pool.NewJob();
  late->deadline_ns = MonotonicNs() + 29 * kMillisecondNs;  // no sweep may see it
  CHECK(pool.Submit(late).ok());
  pool.finished->Await(1);
  CHECK_EQUAL(late->status.code, Code::kDeadline);
}

TEST("cancelling ends a waiting job") {
  FakeGate& gate = FakeGate::Named("cancel-waiting");
  FakePool pool("gate cancel-waiting");
  pool.LoadAndOpen();
  pool.MustSubmit();
  gate.AwaitStanding(1);
  auto waiting = pool.MustSubmit();
  Registry::Get().Cancel(waiting);
  CHECK(pool.finished->Await(1)[0] == waiting);
  CHECK_EQUAL(waiting->status.code, Code::kCancelled);
  gate.Open();
  pool.finished->Await(2);
}

TEST("cancelling ends a running job, and cancelling it again later does nothing") {
  FakeGate& gate = FakeGate::Named("cancel-running");
  FakePool pool("gate cancel-running");
  pool.LoadAndOpen();
  auto running = pool.MustSubmit();
  gate.AwaitStanding(1);
  Registry::Get().Cancel(running);
  pool.finished->Await(1);
  CHECK_EQUAL(running->status.code, Code::kCancelled);
  auto next = pool.MustSubmit();
  gate.AwaitStanding(1);
  Registry::Get().Cancel(running);
  gate.Open();
  pool.finished->Await(2);
  CHECK(next->status.ok());
}

TEST("a failed run reports the engine's text and the slot goes on") {
  FakePool pool("fail-run 2 kernel failed");
  pool.LoadAndOpen();
  pool.MustSubmit();
  auto failing = pool.MustSubmit();
  auto next = pool.MustSubmit();
  pool.finished->Await(3);
  CHECK_EQUAL(failing->status.code, Code::kEngineFailed);
  CHECK_CONTAINS(failing->status.message, "kernel failed");
  CHECK(failing->outputs.empty());
  CHECK(next->status.ok());
  CHECK_EQUAL(pool.Stats().failures, 1u);
}

TEST("a warm-up job runs on its own slot, whether the pool is open or not, and is not counted") {
  FakePool pool("slow-slot 1 40", 2);
  CHECK(pool.Load().ok());
  for (int open = 0; open < 2; ++open) {
    for (int slot = 0; slot < 2; ++slot) {
      auto job = pool.NewJob();
      job->slot = slot;
      CHECK(pool.Submit(job).ok());
      pool.finished->Await(static_cast<size_t>(open * 2 + slot + 1));
      CHECK(job->status.ok());
      if (slot == 1) CHECK(job->ended_ns - job->started_ns >= 40 * kMillisecondNs);
    }
    CHECK(Registry::Get().Open(pool.options.key).ok());
  }
  CHECK_EQUAL(pool.Stats().hits, 0u);
  CHECK_EQUAL(pool.Stats().runs, 0u);
  auto beyond = pool.NewJob();
  beyond->slot = 2;
  CHECK_EQUAL(pool.Submit(beyond).code, Code::kBadInput);
}

TEST("a warm-up job waits for its slot while another slot is free") {
  FakeGate& gate = FakeGate::Named("warm-waits");
  FakePool pool("gate warm-waits", 2);
  pool.LoadAndOpen();
  for (int64_t id = 0; id < 2; ++id) {
    auto job = pool.NewJob();
    job->slot = 0;
    job->id = static_cast<uint64_t>(id);
    CHECK(pool.Submit(job).ok());
  }
  gate.AwaitStanding(1);
  CHECK_EQUAL(pool.Stats().busy, 1);
  pool.MustSubmit();
  gate.AwaitStanding(2);  // the other slot took it
  gate.Open();
  pool.finished->Await(3);
}

TEST("jobs of several slots run side by side") {
  FakeGate& gate = FakeGate::Named("side-by-side");
  FakePool pool("gate side-by-side", 3);
  pool.LoadAndOpen();
  for (int job = 0; job < 5; ++job) pool.MustSubmit();
  gate.AwaitStanding(3);
  const PoolStats stats = pool.Stats();
  CHECK_EQUAL(stats.busy, 3);
  CHECK_EQUAL(stats.waiting, 2);
  CHECK_EQUAL(stats.holds, 5);
  gate.Open();
  pool.finished->Await(5);
  CHECK_EQUAL(gate.peak(), 3);
}

namespace {

// Shows nothing of a burst until it is told otherwise, as a sleeping JavaScript thread.
class Sleeper final : public Completion {
 public:
  void Done(std::shared_ptr<Job>) override { Add(1, true); }
  void DoneInBurst(std::shared_ptr<Job>) override { Add(1, false); }
  void Flush() override { Add(0, true); }
  void AwaitShown(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return shown_ >= count; });
  }

 private:
  void Add(int count, bool wake) {
    std::lock_guard<std::mutex> lock(mutex_);
    ended_ += count;
    if (wake) shown_ = ended_;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int ended_ = 0, shown_ = 0;
};

}  // namespace

TEST("a job that ended in a burst is shown although the next one does not end") {
  FakePool pool("hang-run 61");
  pool.LoadAndOpen();
  const auto sleeper = std::make_shared<Sleeper>();
  std::shared_ptr<Job> last;
  for (int at = 0; at < 61; ++at) {
    last = pool.NewJob();
    last->completion = sleeper;
    CHECK(pool.Submit(last).ok());
  }
  sleeper->AwaitShown(60);
  Registry::Get().Cancel(last);
  sleeper->AwaitShown(61);
}

TEST("a job of another model's shape is refused where it is submitted, by its counts") {
  FakePool pool("");
  pool.LoadAndOpen();
  for (const int slot : {-1, 0}) {
    auto more = pool.NewJob(), none = pool.NewJob(), wanted = pool.NewJob();
    more->inputs.resize(2);
    none->inputs.clear();
    wanted->wanted = {true, true};
    for (const auto& job : {more, none, wanted}) {
      job->slot = slot;
      CHECK_EQUAL(pool.Submit(job).code, Code::kBadInput);
    }
    auto right = pool.NewJob();
    right->slot = slot;
    right->wanted = {true};
    CHECK(pool.Submit(right).ok());
  }
  pool.finished->Await(2);
  CHECK_EQUAL(pool.Stats().holds, 0);
}
