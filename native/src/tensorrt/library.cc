#include "tensorrt/library.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <atomic>
#include <cassert>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "core/backend.h"

namespace pilotlight {
namespace {

constexpr const char* kNames[] = {"libnvinfer.so.10", "libnvinfer.so.11"};
constexpr char kRemedy[] = "install TensorRT 10 or 11, or set tensorrtLibrary to its libnvinfer or to the folder that holds it";
// Plugins are registered under this name unless their plans ask for another.
constexpr char kDefaultNamespace[] = "";

struct Opening {
  std::mutex mutex;
  std::string wanted;
  std::vector<std::string> plugins;
  std::set<std::string> opened_plugins;
  const trt::Library* found = nullptr;
  // With its plugins.
  std::atomic<const trt::Library*> library{nullptr};
  std::atomic<bool> is_host_code_allowed{false};
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

// What dlopen says, without the path at its beginning: the message has it already.
std::string OpenFailure(const std::string& path) {
  const char* const reason = dlerror();
  std::string text = reason != nullptr ? reason : "cannot be opened";
  const std::string named = path + ": ";
  return text.compare(0, named.size(), named) == 0 ? text.substr(named.size()) : text;
}

Result<const trt::Library*> Open(const std::string& path) {
  const auto refuse = [&path](const std::string& why) { return Result<const trt::Library*>::Error(Code::kMissingLibrary, "from " + path + ": " + why); };
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return refuse(OpenFailure(path));
  const auto get_version = reinterpret_cast<int32_t (*)()>(dlsym(handle, "getInferLibVersion"));
  const auto create = reinterpret_cast<void* (*)(void*, int32_t)>(dlsym(handle, "createInferRuntime_INTERNAL"));
  if (get_version == nullptr || create == nullptr) return refuse("this library is not TensorRT's runtime");
  const int32_t number = get_version();
  const int32_t major = trt::MajorOf(number);
  const std::string version = trt::VersionText(number);
  // Another major has another layout: a call would run whatever stands in that place.
  if (major != 10 && major != 11) return refuse("its version is " + version + ", and only 10 and 11 are known");
  return Result<const trt::Library*>::Of(new trt::Library{trt::PathOf(reinterpret_cast<void*>(get_version), path), version, number,
                                                          major == 10 ? trt::kSlots10 : trt::kSlots11, create});
}

std::string LoadersSearch() {
  const char* const folders = getenv("LD_LIBRARY_PATH");
  return std::string("the loader looked in LD_LIBRARY_PATH (") + (folders != nullptr && *folders != '\0' ? folders : "not set") + ") and where `ldconfig -p` says";
}

Result<const trt::Library*> OpenFirst(const std::string& wanted) {
  std::string failures;
  for (const std::string& path : Candidates(wanted)) {
    auto found = Open(path);
    if (found.ok()) return found;
    failures += (failures.empty() ? "" : "; ") + found.status.message;
  }
  return Result<const trt::Library*>::Error(Code::kMissingLibrary, "TensorRT " + failures + "; " + (wanted.empty() ? LoadersSearch() + "; " : "") + kRemedy);
}

Status OpenPlugin(const std::string& path) {
  const auto refuse = [&path](const std::string& why) {
    return Status::Error(Code::kMissingLibrary, "the plugin library " + path + " (setting tensorrtPlugins): " + why + "; correct the setting, or install what is missing");
  };
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return refuse(OpenFailure(path));
  // Others register their plugins while they are opened.
  const auto initialize = reinterpret_cast<bool (*)(void*, const char*)>(dlsym(handle, "initLibNvInferPlugins"));
  if (initialize == nullptr) return Status::Ok();
  trt::TakeReason();
  return initialize(&trt::logger(), kDefaultNamespace) ? Status::Ok() : refuse("its initLibNvInferPlugins failed: " + trt::TakeReason());
}

// Under the mutex.
Status OpenPlugins(Opening& opening) {
  for (const std::string& path : opening.plugins) {
    if (opening.opened_plugins.count(path) > 0) continue;
    Status opened = OpenPlugin(path);
    if (!opened.ok()) return opened;
    opening.opened_plugins.insert(path);
  }
  return Status::Ok();
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

void SetTensorRtPlugins(const std::vector<std::string>& paths) {
  std::lock_guard<std::mutex> lock(opening().mutex);
  opening().plugins = paths;
}

void AllowPlanHostCode(bool is_allowed) { opening().is_host_code_allowed.store(is_allowed, std::memory_order_relaxed); }

namespace trt {

int32_t MajorOf(int32_t number) { return number < 10000 ? number / 1000 : number / 10000; }

std::string VersionText(int32_t number) {
  const int32_t rest = number < 10000 ? number % 1000 : number % 10000;
  return std::to_string(MajorOf(number)) + "." + std::to_string(rest / 100) + "." + std::to_string(rest % 100);
}

std::string PathOf(const void* function, const std::string& otherwise) {
  Dl_info found = {};
  return dladdr(function, &found) != 0 && found.dli_fname != nullptr ? found.dli_fname : otherwise;
}

Result<const Library*> OpenLibrary() {
  if (const Library* open = opening().library.load(std::memory_order_acquire)) return Result<const Library*>::Of(open);
  std::lock_guard<std::mutex> lock(opening().mutex);
  if (opening().found == nullptr) {
    auto found = OpenFirst(opening().wanted);
    if (!found.ok()) return found;
    opening().found = found.value;
  }
  Status plugins = OpenPlugins(opening());
  if (!plugins.ok()) return {std::move(plugins), nullptr};
  opening().library.store(opening().found, std::memory_order_release);
  return Result<const Library*>::Of(opening().found);
}

std::string LibraryPath() {
  std::lock_guard<std::mutex> lock(opening().mutex);
  return opening().found != nullptr ? opening().found->path : Candidates(opening().wanted).front();
}

const Library& library() {
  const Library* open = opening().library.load(std::memory_order_acquire);
  assert(open != nullptr && "the library is opened before anything of it is used");
  return *open;
}

void* NewRuntime() {
  const Library& opened = library();
  void* const runtime = opened.create_runtime(&logger(), opened.number);
  if (runtime != nullptr && IsPlanHostCodeAllowed()) CallSlot<void, bool>(runtime, opened.slots.runtime.allow_host_code, true);
  return runtime;
}

bool IsPlanHostCodeAllowed() { return opening().is_host_code_allowed.load(std::memory_order_relaxed); }

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
