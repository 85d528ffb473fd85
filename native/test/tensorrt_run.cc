// Plans of TensorRT loaded, run and unloaded, on the double of NVIDIA's libraries.
#include "tensorrt_pool.h"

using namespace pilotlight;

TEST("a plan is loaded and answers, first aside and then by its captured graph") {
  TensorRtPool pool(kRowsPlan);
  pool.LoadAndOpen();
  for (int run = 0; run < 3; ++run) {
    const auto job = pool.Run(Rows(2, 3));
    CHECK_EQUAL(job->status.message, "");
    CHECK_EQUAL(AllEqualTo(job->outputs[0], 8), 7.0f);
  }
  CHECK_EQUAL(TheDouble().Count("graphs"), 1);
  CHECK(TheDouble().Count("calls:cuGraphLaunch") >= 2);
}

TEST("unloading gives back all bytes, blocks, graphs, streams and events") {
  TensorRtPool pool(kRowsPlan, 3);
  for (int round = 0; round < 3; ++round) {
    pool.LoadAndOpen();
    for (int slot = 0; slot < 3; ++slot) CHECK_EQUAL(pool.Run(Rows(4, 1), slot)->status.message, "");
    CHECK_EQUAL(TheDouble().Count("contexts"), 3);
    CHECK_EQUAL(pool.Unload().message, "");
    for (const char* what : {"used", "reserved", "allocations", "pinned", "graphs", "streams", "events", "pools", "contexts", "engines", "runtimes"}) {
      CHECK_EQUAL(std::string(what) + std::to_string(TheDouble().Count(what)), std::string(what) + "0");
    }
  }
}

TEST("shapes inside the profile run as they come, each with its own graph") {
  TensorRtPool pool(kRowsPlan);
  pool.LoadAndOpen();
  for (int round = 0; round < 2; ++round) {
    for (const int64_t rows : {1, 8, 3, 4, 3, 1}) {
      const auto job = pool.Run(Rows(rows, static_cast<float>(rows)));
      CHECK_EQUAL(job->status.message, "");
      CHECK_EQUAL(job->outputs[0].shape[0], rows);
      CHECK_EQUAL(AllEqualTo(job->outputs[0], static_cast<size_t>(rows) * 4), 2.0f * static_cast<float>(rows) + 1);
    }
  }
  CHECK_EQUAL(TheDouble().Count("graphs"), 4);
}

TEST("fault 38: a shape outside the profile is refused with its range, and the slot serves on") {
  TensorRtPool pool(kRowsPlan);
  pool.LoadAndOpen();
  CHECK(pool.Run(Rows(2, 1))->status.ok());
  const auto refused = pool.Run(Rows(9, 1));
  CHECK_EQUAL(refused->status.code, Code::kBadInput);
  CHECK_CONTAINS(refused->status.message, "input \"x\" is 9x4, and the engine takes 1x4 to 8x4");
  CHECK(pool.Run(Rows(2, 1))->status.ok());
}

TEST("half, bfloat16 and int64 go in and come out as they are") {
  TensorRtPool pool(
    "input h float16 -1\nprofile 0 h 1 4 8\ninput b bfloat16 4\ninput i int64 4\n"
    "output h2 float16 -1 affine h 2\noutput b2 bfloat16 4 affine b 2\noutput i2 int64 4 affine i\noutput wide float32 4 affine b\n");
  pool.LoadAndOpen();
  for (int run = 0; run < 3; ++run) {
    std::vector<Tensor> inputs;
    inputs.push_back(TensorOf<uint16_t>(ElementType::kFloat16, {3}, {0x3C00, 0xC100, 0x3555}));            // 1, -2.5, a third
    inputs.push_back(TensorOf<uint16_t>(ElementType::kBfloat16, {4}, {0x3F80, 0xC020, 0x0000, 0x7F80}));   // 1, -2.5, 0, infinity
    inputs.push_back(TensorOf<int64_t>(ElementType::kInt64, {4}, {1, -2, INT64_MAX, INT64_MIN}));
    const auto job = pool.Run(std::move(inputs));
    CHECK_EQUAL(job->status.message, "");
    CHECK(ValuesOf<uint16_t>(job->outputs[0]) == (std::vector<uint16_t>{0x4000, 0xC500, 0x3955}));
    CHECK(ValuesOf<uint16_t>(job->outputs[1]) == (std::vector<uint16_t>{0x4000, 0xC0A0, 0x0000, 0x7F80}));
    CHECK(ValuesOf<int64_t>(job->outputs[2]) == (std::vector<int64_t>{1, -2, INT64_MAX, INT64_MIN}));
    CHECK(ValuesOf<float>(job->outputs[3]) == (std::vector<float>{1, -2.5f, 0, INFINITY}));
  }
}

TEST("slots that run at once give the answers that each run gives alone") {
  TensorRtPool pool(std::string(kRowsPlan) + "run-us 50\noutput s float32 -1 sum x 1\n", 4);
  pool.LoadAndOpen();
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&, caller] {
      const auto finished = std::make_shared<Finished>();
      std::vector<std::shared_ptr<Job>> jobs;
      for (int i = 0; i < 120; ++i) {
        auto job = std::make_shared<Job>();
        job->inputs = Rows(1 + (i * 7 + caller) % 8, static_cast<float>(i + caller * 1000));
        job->completion = finished;
        CHECK_EQUAL(Registry::Get().Submit(pool.index, job).message, "");
        jobs.push_back(job);
      }
      finished->Await(jobs.size());
      for (int i = 0; i < 120; ++i) {
        const auto rows = static_cast<size_t>(1 + (i * 7 + caller) % 8);
        const auto value = static_cast<float>(i + caller * 1000);
        const Job& job = *jobs[static_cast<size_t>(i)];
        if (!job.status.ok() || AllEqualTo(job.outputs[0], rows * 4) != 2 * value + 1 || AllEqualTo(job.outputs[1], rows) != 4 * value) ++wrong;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK_EQUAL(wrong.load(), 0);
  CHECK_EQUAL(TheDouble().Count("wrong-uses"), 0);
}

TEST("two pools on one GPU, loading one while the other runs, harm each other in nothing") {
  TensorRtPool one(kRowsPlan, 2);
  one.LoadAndOpen();
  std::atomic<bool> over{false};
  std::thread turning([&] {
    while (!over) {
      TensorRtPool other(kRowsPlan, 2);
      other.LoadAndOpen();
      CHECK(other.Run(Rows(1, 1))->status.ok());
    }
  });
  for (int i = 0; i < 200; ++i) {
    const auto job = one.Run(Rows(1 + i % 8, static_cast<float>(i)));
    CHECK_EQUAL(job->status.message, "");
    CHECK_EQUAL(AllEqualTo(job->outputs[0], static_cast<size_t>(1 + i % 8) * 4), 2.0f * static_cast<float>(i) + 1);
  }
  over = true;
  turning.join();
}
