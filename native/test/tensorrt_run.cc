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
