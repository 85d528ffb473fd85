// What is captured, what cannot be, and what becomes of it: on the double of NVIDIA's libraries.
#include "tensorrt_pool.h"

using namespace pilotlight;

TEST("an engine that cannot be captured runs without a graph") {
  TensorRtPool pool(std::string(kRowsPlan) + "not-capturable\n", 2);
  pool.LoadAndOpen();
  const int64_t launches = TheDouble().Count("calls:cuGraphLaunch");
  for (int run = 0; run < 6; ++run) {
    const auto job = pool.Run(Rows(1 + run % 2, 5));
    CHECK_EQUAL(job->status.message, "");
    CHECK_EQUAL(AllEqualTo(job->outputs[0], static_cast<size_t>(1 + run % 2) * 4), 11.0f);
  }
  CHECK_EQUAL(TheDouble().Count("graphs"), 0);
  CHECK_EQUAL(TheDouble().Count("calls:cuGraphLaunch"), launches);
}

TEST("without memory for a graph the runs go on without it") {
  TensorRtPool pool(kRowsPlan);
  TheDouble().Script("fail=cuGraphInstantiateWithFlags:1+:2");
  pool.LoadAndOpen();
  for (int run = 0; run < 3; ++run) CHECK_EQUAL(AllEqualTo(pool.Run(Rows(1, 1))->outputs[0], 4), 3.0f);
  TheDouble().Script("succeed=cuGraphInstantiateWithFlags");
  CHECK_EQUAL(TheDouble().Count("graphs"), 0);
}

TEST("a launch that fails fails its job alone") {
  TensorRtPool pool(kRowsPlan);
  pool.LoadAndOpen();
  CHECK(pool.Run(Rows(1, 1))->status.ok());
  TheDouble().Script("fail=cuGraphLaunch:1:999");
  const auto failed = pool.Run(Rows(1, 1));
  CHECK_EQUAL(failed->status.code, Code::kEngineFailed);
  CHECK_CONTAINS(failed->status.message, "CUDA_ERROR_UNKNOWN");
  CHECK_EQUAL(AllEqualTo(pool.Run(Rows(1, 1))->outputs[0], 4), 3.0f);
}

TEST("a run for which there is no memory frees its slot's graphs once and goes again, and they are captured anew") {
  TensorRtPool pool(kRowsPlan);
  pool.LoadAndOpen();
  for (const int64_t rows : {1, 2, 3}) CHECK(pool.Run(Rows(rows, 1))->status.ok());
  CHECK_EQUAL(TheDouble().Count("graphs"), 3);
  // By the driving thread, then aside.
  TheDouble().Script("fail=cuGraphLaunch:1:2;fail=cuGraphLaunch:2:2");
  const auto job = pool.Run(Rows(2, 1));
  CHECK_EQUAL(job->status.message, "");
  CHECK_EQUAL(AllEqualTo(job->outputs[0], 8), 3.0f);
  CHECK_EQUAL(TheDouble().Count("graphs"), 1);
  for (const int64_t rows : {1, 2, 3}) CHECK_EQUAL(AllEqualTo(pool.Run(Rows(rows, 1))->outputs[0], static_cast<size_t>(rows) * 4), 3.0f);
  CHECK_EQUAL(TheDouble().Count("graphs"), 3);
}

TEST("a run that has no memory without any graph either is told so, and the next one goes") {
  TensorRtPool pool(std::string(kRowsPlan) + "not-capturable\n");
  pool.LoadAndOpen();
  CHECK(pool.Run(Rows(1, 1))->status.ok());
  TheDouble().Script("fail=cuMemcpyHtoDAsync_v2:1:2");
  CHECK_EQUAL(pool.Run(Rows(1, 1))->status.code, Code::kNoMemory);
  CHECK_EQUAL(AllEqualTo(pool.Run(Rows(1, 1))->outputs[0], 4), 3.0f);
}
