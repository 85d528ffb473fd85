// A sticky error of the driver, on the double of NVIDIA's libraries. A process has it for good, so each test is the last of its kind here.
#include "core/lost_devices.h"
#include "tensorrt_pool.h"

using namespace pilotlight;

TEST("fault 35: after an illegal address all jobs of the GPU fail as lost, and loads too") {
  TensorRtPool other(kRowsPlan), pool(std::string(kRowsPlan) + "run-us 1000\nfault-at-run 9 700\n", 2);
  other.LoadAndOpen();
  CHECK(other.Run(Rows(1, 1))->status.ok());
  pool.LoadAndOpen();
  for (int slot = 0; slot < 2; ++slot) {
    CHECK_EQUAL(pool.Run(Rows(1, 1), slot)->status.message, "");
    CHECK_EQUAL(pool.Run(Rows(1, 1), slot)->status.message, "");
  }
  std::vector<std::shared_ptr<Job>> jobs;
  for (int i = 0; i < 30; ++i) jobs.push_back(pool.Submit(Rows(1, 1)));
  pool.Await();
  int lost = 0;
  for (const auto& job : jobs) {
    if (job->status.ok()) continue;
    ++lost;
    CHECK_EQUAL(job->status.code, Code::kDeviceLost);
    CHECK_CONTAINS(job->status.message, "device gpu:0 is lost: ");
    CHECK_CONTAINS(job->status.message, "CUDA_ERROR_ILLEGAL_ADDRESS");
  }
  CHECK(lost >= 20);
  CHECK_EQUAL(other.Run(Rows(1, 1))->status.code, Code::kDeviceLost);
  TensorRtPool late(kRowsPlan);
  CHECK_EQUAL(late.Load().status.code, Code::kDeviceLost);
  CHECK_EQUAL(LostDevices()[0].device, "gpu:0");
}
