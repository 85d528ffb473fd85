// What becomes of the jobs of a device that is lost.
#include "core/lost_devices.h"
#include "core/registry.h"
#include "fake/simulated_devices.h"
#include "fake_pool.h"

using namespace pilotlight;

TEST("fault 35: with a device all that runs and waits on it is lost, and what comes later, and other devices serve on") {
  FakePool other("# on another device");
  other.LoadAndOpen();
  SimulatedDevices::Get().Declare("gpu:5", int64_t{1} << 30, 0);
  FakePool pool("run-ms 20\nlose-device-run 2 fell off the bus");
  pool.options.device = "gpu:5";
  pool.LoadAndOpen();
  for (int i = 0; i < 6; ++i) pool.MustSubmit();
  const auto jobs = pool.finished->Await(6);
  CHECK(jobs[0]->status.ok());
  for (size_t i = 1; i < 6; ++i) {
    CHECK_EQUAL(jobs[i]->status.code, Code::kDeviceLost);
    CHECK_CONTAINS(jobs[i]->status.message, "device gpu:5 is lost: run 2: fell off the bus");
  }
  pool.MustSubmit();
  CHECK_EQUAL(pool.finished->Await(7).back()->status.code, Code::kDeviceLost);
  CHECK_EQUAL(LostDevices().size(), size_t{1});
  other.MustSubmit();
  CHECK(other.finished->Await(1)[0]->status.ok());
  FakePool late("# later");
  late.options.device = "gpu:5";
  CHECK_EQUAL(late.Load().status.code, Code::kDeviceLost);
}
