#include "builder/device.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "builder/cancel.h"
#include "builder/lines.h"

namespace pilotlight::build {
namespace {

constexpr std::chrono::milliseconds kAgain{100};

// Others may have made the file: where the folder is everybody's, one may open it only without O_CREAT.
int OpenLock(const std::string& path) {
  const int there = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (there >= 0 || errno != ENOENT) return there;
  return open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
}

}  // namespace

void ShowOnly(int device) {
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible == nullptr) {
    if (device > 0) setenv("CUDA_VISIBLE_DEVICES", std::to_string(device).c_str(), 1);
    return;
  }
  std::string rest = visible;
  for (int i = 0; i < device && !rest.empty(); ++i) rest = rest.find(',') == std::string::npos ? "" : rest.substr(rest.find(',') + 1);
  setenv("CUDA_VISIBLE_DEVICES", rest.substr(0, rest.find(',')).c_str(), 1);
}

Result<BuildDevice> EnterDevice() {
  const auto gpu = cuda::Gpu::Find("gpu:0");
  if (!gpu.ok()) return {gpu.status, {}};
  const auto gpus = cuda::ListGpus();
  if (!gpus.ok()) return {gpus.status, {}};
  BuildDevice device{gpu.value, gpus.value[0], cuda::driver().version};
  const Status entered = device.gpu->Enter();
  if (!entered.ok()) return {entered, {}};
  Tell(Json().Text("event", "device").Text("name", device.info.name).Text("computeCapability", device.info.compute_capability).Integer("driver", device.driver_version)
         .Integer("totalBytes", device.info.total_bytes).Integer("freeBytes", device.info.free_bytes));
  return Result<BuildDevice>::Of(std::move(device));
}

Status LockDevice(const BuildDevice& device, const std::string& folder) {
  const std::string path = folder + "/pilotlight-engine-build-" + device.info.id + ".lock";
  const int file = OpenLock(path);
  if (file < 0) return Status::Error(Code::kLoadFailed, "the lock of this GPU for builds, " + path + ": " + std::strerror(errno));
  for (bool is_told = false; flock(file, LOCK_EX | LOCK_NB) != 0; is_told = true) {
    if (errno != EWOULDBLOCK && errno != EINTR) return Status::Error(Code::kLoadFailed, "the lock of this GPU for builds, " + path + ": " + std::strerror(errno));
    if (IsCancelled()) return Status::Error(Code::kCancelled, "given up while another build had the GPU");
    if (!is_told) TellEvent("waiting", "another build has this GPU (" + path + ")");
    std::this_thread::sleep_for(kAgain);
  }
  return Status::Ok();
}

}  // namespace pilotlight::build
