// A pool's life: loaded, opened, held, retired, unloaded; and what is left when a step fails.
#include <thread>

#include "fake/fake_gate.h"
#include "fake_pool.h"

using namespace pilotlight;

TEST("a key keeps its index for ever, and another key gets another") {
  FakePool pool(""), other("");
  CHECK_EQUAL(Registry::Get().Intern(pool.options.key), pool.index);
  CHECK(pool.index != other.index);
  pool.LoadAndOpen();
  CHECK_EQUAL(pool.Retire(), Retired::kRetired);
  CHECK(pool.Unload().ok());
  CHECK_EQUAL(Registry::Get().Intern(pool.options.key), pool.index);
}

TEST("a load tells signature, memory and its steps in order") {
  FakePool pool("weights-bytes 1000000\nslot-bytes 500\nload-ms 3", 3);
  const auto loaded = pool.Load();
  CHECK(loaded.ok());
  CHECK_EQUAL(loaded.value.signature.inputs[0].name, "x");
  CHECK_EQUAL(loaded.value.signature.inputs[0].symbols[0], "batch");
  CHECK_EQUAL(loaded.value.memory.weights_bytes, 1000000);
  CHECK_EQUAL(loaded.value.memory.scratch_bytes, 1500);
  const auto& steps = loaded.value.steps;
  CHECK_EQUAL(steps.size(), 3u);
  CHECK(steps[0].name == "read" && steps[1].name == "create" && steps[2].name == "slots");
  CHECK(steps[1].end_ns - steps[1].start_ns >= 3 * kMillisecondNs);
  CHECK(steps[0].end_ns <= steps[1].start_ns && steps[1].end_ns <= steps[2].start_ns);
  CHECK_EQUAL(pool.Stats().slots, 3);
  CHECK_EQUAL(pool.Stats().holds, -1);
}

TEST("a pool serves again after it was retired, unloaded and loaded once more") {
  FakePool pool("");
  for (size_t round = 1; round <= 3; ++round) {
    pool.LoadAndOpen();
    pool.MustSubmit();
    CHECK(pool.finished->Await(round).back()->status.ok());
    CHECK_EQUAL(pool.Retire(), Retired::kRetired);
    CHECK_EQUAL(pool.Submit(pool.NewJob()).code, Code::kNotResident);
    CHECK(pool.Unload().ok());
    CHECK_EQUAL(pool.Stats().slots, 0);
  }
  CHECK_EQUAL(pool.Stats().hits, 3u);
}

TEST("a pool that a job holds cannot be retired until the job has ended") {
  FakeGate& gate = FakeGate::Named("held-by-job");
  FakePool pool("gate held-by-job");
  pool.LoadAndOpen();
  pool.MustSubmit();
  pool.MustSubmit();
  gate.AwaitStanding(1);
  CHECK_EQUAL(pool.Retire(), Retired::kBusy);
  CHECK_CONTAINS(pool.Unload().message, "must be retired");
  gate.Open();
  pool.finished->Await(2);
  CHECK_EQUAL(pool.Retire(), Retired::kRetired);
  CHECK_EQUAL(pool.Retire(), Retired::kAbsent);
}

TEST("a lease holds the pool without a job, and cannot be taken of a closed one") {
  FakePool pool("");
  Registry& registry = Registry::Get();
  CHECK(!registry.Hold(pool.index));
  pool.LoadAndOpen();
  CHECK(registry.Hold(pool.index));
  CHECK(registry.Hold(pool.index));
  CHECK(pool.Stats().last_used_ns > 0);
  CHECK_EQUAL(pool.Retire(), Retired::kBusy);
  registry.Release(pool.index);
  CHECK_EQUAL(pool.Retire(), Retired::kBusy);
  registry.Release(pool.index);
  CHECK_EQUAL(pool.Retire(), Retired::kRetired);
  CHECK(!registry.Hold(pool.index));
}

TEST("a retired pool can be opened again without a load") {
  FakePool pool("");
  pool.LoadAndOpen();
  CHECK_EQUAL(pool.Retire(), Retired::kRetired);
  CHECK(Registry::Get().Open(pool.options.key).ok());
  pool.MustSubmit();
  CHECK(pool.finished->Await(1)[0]->status.ok());
}

TEST("a pool that is not loaded cannot be opened, and unloading it is no harm") {
  FakePool pool("");
  CHECK_EQUAL(Registry::Get().Open(pool.options.key).code, Code::kNotResident);
  CHECK(pool.Unload().ok());
}

TEST("loading a pool twice is refused and leaves the first as it was") {
  FakePool pool("");
  pool.LoadAndOpen();
  const auto again = pool.Load();
  CHECK_EQUAL(again.status.code, Code::kLoadFailed);
  CHECK_CONTAINS(again.status.message, "loaded already");
  pool.MustSubmit();
  CHECK(pool.finished->Await(1)[0]->status.ok());
}

TEST("a load that fails names the reason and leaves nothing") {
  const std::pair<const char*, Code> failures[] = {{"fail-load no such operator", Code::kLoadFailed},
                                                   {"fail-load-bad-model no such operator", Code::kBadModel},
                                                   {"fail-load-no-memory no such operator", Code::kNoMemory},
                                                   {"fail-slot 1 no such operator", Code::kNoMemory}};
  for (const auto& [script, code] : failures) {
    FakePool pool(script, 2);
    const auto loaded = pool.Load();
    CHECK_EQUAL(loaded.status.code, code);
    CHECK_CONTAINS(loaded.status.message, "no such operator");
    CHECK_EQUAL(pool.Stats().slots, 0);
    CHECK_EQUAL(Registry::Get().Open(pool.options.key).code, Code::kNotResident);
  }
}

TEST("a model file that is missing is the file's fault and is named") {
  FakePool pool("");
  pool.options.path = "/no/such/model.fake";
  const auto loaded = pool.Load();
  CHECK_EQUAL(loaded.status.code, Code::kBadModel);
  CHECK_CONTAINS(loaded.status.message, "/no/such/model.fake");
}

TEST("a folder in the model's place is the file's fault too") {
  FakePool pool("");
  pool.options.path = "/tmp";
  CHECK_EQUAL(pool.Load().status.code, Code::kBadModel);
}

TEST("an unknown backend is refused with the names of the known") {
  FakePool pool("");
  pool.options.backend = "flux";
  const auto loaded = pool.Load();
  CHECK_EQUAL(loaded.status.code, Code::kLoadFailed);
  CHECK_CONTAINS(loaded.status.message, "known: fake");
}

TEST("inspecting reads the signature and loads nothing") {
  FakePool pool("load-gate never-opened");
  std::promise<Result<Signature>> inspected;
  Registry::Get().Inspect("fake", pool.options.path, "cpu", [&](Result<Signature> result) { inspected.set_value(std::move(result)); });
  const auto result = inspected.get_future().get();
  CHECK(result.ok());
  CHECK_EQUAL(result.value.outputs[0].name, "y");
}

TEST("unloading a pool in its warm-up refuses what waits, cancels what runs and frees the pool") {
  FakePool pool("hang");
  CHECK(pool.Load().ok());
  std::vector<std::shared_ptr<Job>> jobs;
  for (int at = 0; at < 3; ++at) {
    jobs.push_back(pool.NewJob());
    jobs.back()->slot = 0;
    CHECK(pool.Submit(jobs.back()).ok());
  }
  while (pool.Stats().busy == 0) std::this_thread::yield();
  CHECK(pool.Unload().ok());
  pool.finished->Await(3);
  CHECK_EQUAL(jobs[0]->status.code, Code::kCancelled);
  CHECK_EQUAL(jobs[1]->status.code, Code::kNotResident);
  CHECK_EQUAL(jobs[2]->status.code, Code::kNotResident);
  CHECK_EQUAL(pool.Stats().slots, 0);
}

TEST("a pool can be unloaded the moment its last job is reported") {
  FakePool pool("", 2);
  for (size_t round = 0; round < 200; ++round) {
    pool.LoadAndOpen();
    for (int job = 0; job < 4; ++job) pool.MustSubmit();
    pool.finished->Await((round + 1) * 4);
    CHECK_EQUAL(pool.Retire(), Retired::kRetired);
    CHECK(pool.Unload().ok());
  }
}

TEST("fault 34: whoever submits while the pool is retired is served or refused, never lost") {
  FakePool pool("", 2);
  pool.options.queue_max = 1000;
  pool.LoadAndOpen();
  std::atomic<bool> stop{false};
  std::atomic<size_t> accepted{0};
  std::vector<std::thread> submitters;
  for (int thread = 0; thread < 3; ++thread) {
    submitters.emplace_back([&] {
      const auto finished = std::make_shared<Finished>();
      for (size_t mine = 0; !stop.load();) {
        auto job = pool.NewJob();
        job->completion = finished;
        const Status status = pool.Submit(job);
        CHECK(status.ok() || status.code == Code::kNotResident);
        if (!status.ok()) continue;
        ++accepted;
        CHECK(finished->Await(++mine).back()->status.ok());
        if (mine % 8 == 0) std::this_thread::yield();
      }
    });
  }
  for (int retired = 0; retired < 40;) {
    if (pool.Retire() != Retired::kRetired) continue;
    ++retired;
    if (retired % 2 == 0) {
      CHECK(pool.Unload().ok());
      CHECK(pool.Load().ok());
    }
    CHECK(Registry::Get().Open(pool.options.key).ok());
  }
  stop.store(true);
  for (auto& submitter : submitters) submitter.join();
  CHECK_EQUAL(pool.Stats().hits, accepted.load());
  CHECK_EQUAL(pool.Stats().runs, accepted.load());
}

TEST("statistics add up over finished jobs") {
  FakePool pool("run-ms 2\nfail-run 3 broken");
  pool.LoadAndOpen();
  CHECK_EQUAL(pool.Stats().last_used_ns, 0);
  for (int job = 0; job < 4; ++job) pool.MustSubmit();
  int64_t queue_ns = 0, run_ns = 0, last_ns = 0;
  for (const auto& job : pool.finished->Await(4)) {
    queue_ns += job->started_ns - job->submitted_ns;
    run_ns += job->ended_ns - job->started_ns;
    last_ns = std::max(last_ns, job->submitted_ns);
  }
  const PoolStats stats = pool.Stats();
  CHECK_EQUAL(stats.hits, 4u);
  CHECK_EQUAL(stats.runs, 4u);
  CHECK_EQUAL(stats.failures, 1u);
  CHECK_EQUAL(stats.queue_ns, queue_ns);
  CHECK_EQUAL(stats.run_ns, run_ns);
  CHECK_EQUAL(stats.last_used_ns, last_ns);
  CHECK_EQUAL(stats.holds, 0);
}
