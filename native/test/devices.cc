// Several devices: each has a loader of its own, and a simulated one gives no more bytes than it has.
#include "fake/fake_gate.h"
#include "fake/simulated_devices.h"
#include "fake_pool.h"

using namespace pilotlight;

namespace {

constexpr int64_t kDeviceBytes = 1000;

// Declares a device of this name alone.
std::string NewDevice(int64_t taken_bytes = 0) {
  static int number = 0;
  const std::string device = "gpu:" + std::to_string(++number);
  SimulatedDevices::Get().Declare(device, kDeviceBytes, taken_bytes);
  return device;
}

int64_t FreeBytes(const std::string& device) { return SimulatedDevices::Get().FreeBytes(device); }

}  // namespace

TEST("a load on one device does not wait for that on another, nor does its unload") {
  FakePool slow("load-gate devices-slow");
  std::promise<Result<LoadOutcome>> slow_loaded;
  Registry::Get().Load(slow.options, [&](Result<LoadOutcome> outcome) { slow_loaded.set_value(std::move(outcome)); });
  FakeGate::Named("devices-slow").AwaitStanding(1);

  FakePool other("device-bytes 10");
  other.options.device = NewDevice();
  CHECK_EQUAL(other.Load().status.message, "");
  CHECK(other.Unload().ok());

  FakeGate::Named("devices-slow").Open();
  CHECK(slow_loaded.get_future().get().ok());
}

TEST("loads and unloads on several devices at once leave nothing behind") {
  const std::string devices[] = {NewDevice(), NewDevice(), NewDevice(), "cpu"};
  std::vector<std::thread> threads;
  for (const std::string& device : devices) {
    threads.emplace_back([&device] {
      for (int round = 0; round < 20; ++round) {
        FakePool pool("device-bytes 600\ndevice-slot-bytes 100\nweights-bytes 100", 2);
        pool.options.device = device;
        pool.LoadAndOpen();
        pool.MustSubmit();
        pool.finished->Await(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& device : devices) CHECK_EQUAL(FreeBytes(device), device == "cpu" ? -1 : kDeviceBytes);
}

TEST("a simulated device counts what a model has there, and gives it back") {
  const std::string device = NewDevice(200);
  CHECK_EQUAL(FreeBytes(device), 800);
  {
    FakePool pool("device-bytes 100\ndevice-slot-bytes 50\nweights-bytes 10\nslot-bytes 5\ndevice-bytes-untold 7", 2);
    pool.options.device = device;
    pool.LoadAndOpen();
    CHECK_EQUAL(pool.Stats().memory.weights_bytes, 110);
    CHECK_EQUAL(pool.Stats().memory.scratch_bytes, 110);
    CHECK_EQUAL(FreeBytes(device), 800 - 110 - 110 - 7);
  }
  CHECK_EQUAL(FreeBytes(device), 800);
}

TEST("on the CPU only what is allocated counts") {
  FakePool pool("device-bytes 100\ndevice-slot-bytes 50\nweights-bytes 10\nslot-bytes 5", 2);
  pool.LoadAndOpen();
  CHECK_EQUAL(pool.Stats().memory.weights_bytes, 10);
  CHECK_EQUAL(pool.Stats().memory.scratch_bytes, 10);
}

TEST("fault 31: what others have taken is not there: the load fails with need and have and leaves nothing, and succeeds when they have left") {
  const std::string device = NewDevice(950);
  for (const char* script : {"device-bytes 60", "device-bytes 10\ndevice-slot-bytes 50"}) {
    FakePool pool(script);
    pool.options.device = device;
    const auto loaded = pool.Load();
    CHECK_EQUAL(loaded.status.code, Code::kNoMemory);
    CHECK_CONTAINS(loaded.status.message, device + " has ");
    CHECK_CONTAINS(loaded.status.message, "0 bytes free of 1000, and ");
    CHECK_EQUAL(FreeBytes(device), 50);
    SimulatedDevices::Get().Declare(device, kDeviceBytes, 0);
    CHECK_EQUAL(pool.Load().status.message, "");
    CHECK(pool.Unload().ok());
    SimulatedDevices::Get().Declare(device, kDeviceBytes, 950);
  }
}

TEST("a device that nobody has is refused") {
  FakePool pool("");
  pool.options.device = "gpu:99";
  const auto loaded = pool.Load();
  CHECK_EQUAL(loaded.status.code, Code::kLoadFailed);
  CHECK_CONTAINS(loaded.status.message, "gpu:99 is neither");
}
