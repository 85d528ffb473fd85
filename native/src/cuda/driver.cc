#include "cuda/driver.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <iterator>
#include <memory>
#include <mutex>

#include "core/backend.h"

namespace pilotlight {
namespace cuda {
namespace {

constexpr char kLibrary[] = "libcuda.so.1";

// After one of these the driver gives it to every call of the process: an uncorrectable memory error, an error that was contained, an
// illegal address, a launch that timed out, an assertion, the faults of a kernel (714 to 719), tensor memory that leaked, a client of MPS
// that was ended, an external device.
constexpr Return kLosses[] = {214, 226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 810, 911};

struct Opening {
  std::mutex mutex;
  std::string wanted;
};

Opening& opening() {
  static Opening& leaked = *new Opening;
  return leaked;
}

std::string PathOf(const std::string& wanted) {
  struct stat found;
  if (wanted.empty()) return kLibrary;
  return stat(wanted.c_str(), &found) == 0 && S_ISDIR(found.st_mode) ? wanted + "/" + kLibrary : wanted;
}

std::atomic<const Driver*> opened{nullptr};

Result<const Driver*> Refuse(const std::string& path, const std::string& why) {
  return Result<const Driver*>::Error(Code::kMissingLibrary,
    "the NVIDIA driver (" + path + "): " + why + "; install NVIDIA's driver, and in a container start it with the GPUs of the host");
}

Result<const Driver*> Open(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return Refuse(path, reason != nullptr ? reason : "cannot be opened");
  }
  auto found = std::make_unique<Driver>();
#define PILOTLIGHT_CUDA_FIND(name, symbol, parameters) \
  found->name = reinterpret_cast<decltype(found->name)>(dlsym(handle, #symbol)); \
  if (found->name == nullptr) return Refuse(path, "it is too old: " #symbol " is missing, which CUDA 12 has");
  PILOTLIGHT_CUDA_FUNCTIONS(PILOTLIGHT_CUDA_FIND)
#undef PILOTLIGHT_CUDA_FIND
  const Return ready = found->Init(0);
  if (ready != kSuccess) {
    const char* name = nullptr;
    found->GetErrorName(ready, &name);
    return Refuse(path, "it does not start: " + std::string(name != nullptr ? name : "unknown error"));
  }
  found->DriverGetVersion(&found->version);
  return Result<const Driver*>::Of(found.release());
}

}  // namespace
}  // namespace cuda

void SetCudaLibrary(const std::string& path) {
  std::lock_guard<std::mutex> lock(cuda::opening().mutex);
  cuda::opening().wanted = path;
}

namespace cuda {

Result<const Driver*> OpenDriver() {
  if (const Driver* open = opened.load(std::memory_order_acquire)) return Result<const Driver*>::Of(open);
  std::lock_guard<std::mutex> lock(opening().mutex);
  if (const Driver* open = opened.load(std::memory_order_relaxed)) return Result<const Driver*>::Of(open);
  Result<const Driver*> result = Open(PathOf(opening().wanted));
  if (result.ok()) opened.store(result.value, std::memory_order_release);
  return result;
}

std::string LibraryPath() {
  const Driver* open = opened.load(std::memory_order_acquire);
  Dl_info found = {};
  const bool is_found = open != nullptr && dladdr(reinterpret_cast<const void*>(open->Init), &found) != 0 && found.dli_fname != nullptr;
  if (is_found) return found.dli_fname;
  std::lock_guard<std::mutex> lock(opening().mutex);
  return PathOf(opening().wanted);
}

const Driver& driver() {
  const Driver* open = opened.load(std::memory_order_acquire);
  assert(open != nullptr && "the driver is opened before anything of it is used");
  return *open;
}

bool IsLoss(Return returned) { return std::find(std::begin(kLosses), std::end(kLosses), returned) != std::end(kLosses); }

Status Check(Return returned, const char* what) {
  if (returned == kSuccess) return Status::Ok();
  const char* name = nullptr;
  const char* text = nullptr;
  driver().GetErrorName(returned, &name);
  driver().GetErrorString(returned, &text);
  const Code code = returned == kOutOfMemory ? Code::kNoMemory : IsLoss(returned) ? Code::kDeviceLost : Code::kEngineFailed;
  return Status::Error(code, std::string(what) + ": " + (name != nullptr ? name : "unknown error") + (text != nullptr ? std::string(" (") + text + ")" : ""));
}

}  // namespace cuda
}  // namespace pilotlight
