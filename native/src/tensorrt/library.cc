#include "tensorrt/library.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <atomic>
#include <cassert>
#include <memory>
#include <mutex>
#include <vector>

#include "core/backend.h"

namespace pilotlight {
namespace {

constexpr const char* kNames[] = {"libnvinfer.so.10", "libnvinfer.so.11"};
constexpr char kRemedy[] = "install TensorRT 10 or 11, or set tensorrtLibrary to its libnvinfer or to the folder that holds it";

struct Opening {
  std::mutex mutex;
  std::string wanted;
  std::atomic<const trt::Library*> library{nullptr};
};

Opening& opening() {
  static Opening& leaked = *new Opening;
  return leaked;
}

std::vector<std::string> Candidates(const std::string& wanted) {
  std::vector<std::string> paths;
  struct stat found;
  const bool is_folder = !wanted.empty() && stat(wanted.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
  if (!wanted.empty() && !is_folder) return {wanted};
  for (const char* name : kNames) paths.push_back(is_folder ? wanted + "/" + name : name);
  return paths;
}

Result<const trt::Library*> Refuse(const std::string& path, const std::string& why) {
  return Result<const trt::Library*>::Error(Code::kMissingLibrary, "TensorRT from " + path + ": " + why + "; " + kRemedy);
}

Result<const trt::Library*> Open(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return Refuse(path, reason != nullptr ? reason : "cannot be opened");
  }
  const auto get_version = reinterpret_cast<int32_t (*)()>(dlsym(handle, "getInferLibVersion"));
  const auto create = reinterpret_cast<void* (*)(void*, int32_t)>(dlsym(handle, "createInferRuntime_INTERNAL"));
  if (get_version == nullptr || create == nullptr) return Refuse(path, "this library is not TensorRT's runtime");
  const int32_t number = get_version();
  const int32_t major = number / 10000;
  const std::string version = std::to_string(major) + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
  // Another major has another layout: a call would run whatever stands in that place.
  if (major != 10 && major != 11) return Refuse(path, "its version is " + version + ", and only 10 and 11 are known");
  return Result<const trt::Library*>::Of(new trt::Library{path, version, number, major == 10 ? trt::kSlots10 : trt::kSlots11, create});
}

// Keeps what is worth telling of the calls of each thread.
class KeepingLogger final : public trt::Logger {
 public:
  void Log(int32_t severity, const char* text) noexcept override {
    if (severity > trt::kSeverityError) return;
    try {
      if (reason().size() < kReasonMax) reason() += (reason().empty() ? "" : "; ") + std::string(text);
    } catch (const std::bad_alloc&) {
    }
  }

  static std::string& reason() {
    thread_local std::string text;
    return text;
  }

 private:
  static constexpr size_t kReasonMax = 2000;
};

}  // namespace

void SetTensorRtLibrary(const std::string& path) {
  std::lock_guard<std::mutex> lock(opening().mutex);
  opening().wanted = path;
}

namespace trt {

Result<const Library*> OpenLibrary() {
  if (const Library* open = opening().library.load(std::memory_order_acquire)) return Result<const Library*>::Of(open);
  std::lock_guard<std::mutex> lock(opening().mutex);
  if (const Library* open = opening().library.load(std::memory_order_relaxed)) return Result<const Library*>::Of(open);
  Result<const Library*> last;
  for (const std::string& path : Candidates(opening().wanted)) {
    last = Open(path);
    if (!last.ok()) continue;
    opening().library.store(last.value, std::memory_order_release);
    return last;
  }
  return last;
}

std::string LibraryPath() {
  std::lock_guard<std::mutex> lock(opening().mutex);
  const Library* open = opening().library.load(std::memory_order_relaxed);
  return open != nullptr ? open->path : Candidates(opening().wanted).front();
}

const Library& library() {
  const Library* open = opening().library.load(std::memory_order_acquire);
  assert(open != nullptr && "the library is opened before anything of it is used");
  return *open;
}

Logger& logger() {
  static Logger& leaked = *new KeepingLogger;
  return leaked;
}

std::string TakeReason() {
  std::string taken;
  taken.swap(KeepingLogger::reason());
  return taken.empty() ? "TensorRT gave no reason" : taken;
}

}  // namespace trt
}  // namespace pilotlight
