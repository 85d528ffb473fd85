#include "cuda/device.h"

#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>

namespace pilotlight::cuda {
namespace {

struct Gpus {
  std::mutex mutex;
  std::map<int, Gpu*> by_index;
};

Gpus& gpus() {
  static Gpus& leaked = *new Gpus;
  return leaked;
}

bool ParseIndex(const std::string& device, int* index) {
  constexpr char kPrefix[] = "gpu:";
  constexpr size_t kPrefixLength = sizeof(kPrefix) - 1;
  if (device.compare(0, kPrefixLength, kPrefix) != 0 || device.size() == kPrefixLength || device.size() > kPrefixLength + 3) return false;
  *index = 0;
  for (size_t i = kPrefixLength; i < device.size(); ++i) {
    if (device[i] < '0' || device[i] > '9') return false;
    *index = *index * 10 + (device[i] - '0');
  }
  return true;
}

// As nvidia-smi writes it, and CUDA_VISIBLE_DEVICES takes it.
Status ReadId(Device device, std::string* id) {
  unsigned char whole[kUuidBytes] = {}, slice[kUuidBytes] = {};
  Status done = Check(driver().DeviceGetUuid(whole, device), "cuDeviceGetUuid");
  if (done.ok()) done = Check(driver().DeviceGetUuidOfSlice(slice, device), "cuDeviceGetUuid_v2");
  if (!done.ok()) return done;
  // Of a MIG slice the first one tells the GPU that it is a part of.
  *id = std::memcmp(whole, slice, kUuidBytes) == 0 ? "GPU-" : "MIG-";
  for (int at = 0; at < kUuidBytes; ++at) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", slice[at]);
    if (at == 4 || at == 6 || at == 8 || at == 10) *id += '-';
    *id += digits;
  }
  return done;
}

}  // namespace

Result<Gpu*> Gpu::Find(const std::string& device) {
  const auto refuse = [&device](const std::string& why) { return Result<Gpu*>::Error(Code::kLoadFailed, "device " + device + ": " + why); };
  int index = 0;
  if (!ParseIndex(device, &index)) return refuse("is no GPU");
  const auto opened = OpenDriver();
  if (!opened.ok()) return {opened.status, nullptr};

  std::lock_guard<std::mutex> lock(gpus().mutex);
  Gpu*& gpu = gpus().by_index[index];
  if (gpu != nullptr) return Result<Gpu*>::Of(gpu);
  int count = 0;
  Device handle = 0;
  Context* context = nullptr;
  Status done = Check(driver().DeviceGetCount(&count), "cuDeviceGetCount");
  if (done.ok() && index >= count) return refuse("this machine has " + std::to_string(count) + " GPUs");
  if (done.ok()) done = Check(driver().DeviceGet(&handle, index), "cuDeviceGet");
  if (done.ok()) done = Check(driver().PrimaryContextRetain(&context, handle), "cuDevicePrimaryCtxRetain");
  if (!done.ok()) return refuse(done.message);
  gpu = new Gpu(index, context);
  return Result<Gpu*>::Of(gpu);
}

Status Gpu::Enter() const { return Check(driver().ContextSetCurrent(context_), "cuCtxSetCurrent"); }

Status Gpu::Explain(Status failure) const {
  if (failure.ok() || failure.code == Code::kDeviceLost) return failure;
  size_t free_bytes = 0, total_bytes = 0;
  const Return told = driver().MemGetInfo(&free_bytes, &total_bytes);
  return IsLoss(told) ? Status::Error(Code::kDeviceLost, failure.message + "; " + Check(told, "cuMemGetInfo").message) : failure;
}

int64_t Gpu::FreeBytes() const {
  size_t free_bytes = 0, total_bytes = 0;
  return driver().MemGetInfo(&free_bytes, &total_bytes) == kSuccess ? static_cast<int64_t>(free_bytes) : 0;
}

Result<std::vector<GpuInfo>> ListGpus() {
  using Found = Result<std::vector<GpuInfo>>;
  const auto opened = OpenDriver();
  if (!opened.ok()) return {opened.status, {}};
  const Driver& cuda = driver();
  int count = 0;
  Status done = Check(cuda.DeviceGetCount(&count), "cuDeviceGetCount");
  std::vector<GpuInfo> all;
  for (int index = 0; done.ok() && index < count; ++index) {
    Device device = 0;
    char name[256] = "";
    std::string id;
    int major = 0, minor = 0;
    size_t free_bytes = 0, total_bytes = 0;
    const auto gpu = Gpu::Find("gpu:" + std::to_string(index));
    if (!gpu.ok()) return {gpu.status, {}};
    done = gpu.value->Enter();
    if (done.ok()) done = Check(cuda.DeviceGet(&device, index), "cuDeviceGet");
    if (done.ok()) done = Check(cuda.DeviceGetName(name, sizeof name, device), "cuDeviceGetName");
    if (done.ok()) done = ReadId(device, &id);
    if (done.ok()) done = Check(cuda.DeviceGetAttribute(&major, kAttributeComputeMajor, device), "cuDeviceGetAttribute");
    if (done.ok()) done = Check(cuda.DeviceGetAttribute(&minor, kAttributeComputeMinor, device), "cuDeviceGetAttribute");
    if (done.ok()) done = Check(cuda.MemGetInfo(&free_bytes, &total_bytes), "cuMemGetInfo");
    all.push_back({index, name, id, std::to_string(major) + "." + std::to_string(minor), static_cast<int64_t>(total_bytes), static_cast<int64_t>(free_bytes)});
  }
  return done.ok() ? Found::Of(std::move(all)) : Found{done, {}};
}

}  // namespace pilotlight::cuda
