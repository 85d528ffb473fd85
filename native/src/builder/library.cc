#include "builder/library.h"

#include <dlfcn.h>

#include <atomic>
#include <mutex>

#include "builder/lines.h"
#include "core/backend.h"
#include "tensorrt/library.h"

namespace pilotlight::build {
namespace {

constexpr size_t kErrorsMax = 8000;
constexpr int32_t kSeverityInfo = 3;

class TellingLogger final : public trt::Logger {
 public:
  void Log(int32_t severity, const char* text) noexcept override {
    try {
      if (severity <= trt::kSeverityError) {
        std::lock_guard<std::mutex> lock(mutex_);
        if (errors_.size() < kErrorsMax) errors_ += (errors_.empty() ? "" : "; ") + std::string(text);
      } else if (severity == trt::kSeverityWarning || tells_all_) {
        Tell(Json().Text("event", severity == trt::kSeverityWarning ? "warning" : "log").Text("detail", text).Flag("isDetail", severity > kSeverityInfo));
      }
    } catch (const std::bad_alloc&) {
    }
  }
  std::string Take() {
    std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(errors_, {});
  }
  void TellAll() { tells_all_ = true; }
  bool tells_all() const { return tells_all_; }

 private:
  std::mutex mutex_;
  std::string errors_;
  std::atomic<bool> tells_all_{false};
};

TellingLogger& logger() {
  static TellingLogger& leaked = *new TellingLogger;
  return leaked;
}

std::string FolderOf(const std::string& path) {
  const size_t end = path.rfind('/');
  return end == std::string::npos ? "" : path.substr(0, end + 1);
}

// First beside TensorRT itself, then wherever the loader looks.
void* OpenBeside(const Library& library, const std::string& name, std::string* path, std::string* reason) {
  for (const std::string& candidate : {FolderOf(library.path) + name, name}) {
    void* handle = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) {
      *path = candidate;
      return handle;
    }
    const char* text = dlerror();
    if (reason->empty() || candidate != name) *reason = text != nullptr ? text : "cannot be opened";
  }
  return nullptr;
}

std::vector<std::string> OpenOwnPlugins(const Library& library) {
  std::string path, reason;
  void* handle = OpenBeside(library, "libnvinfer_plugin.so." + std::to_string(library.major), &path, &reason);
  const auto init = reinterpret_cast<bool (*)(void*, const char*)>(handle == nullptr ? nullptr : dlsym(handle, "initLibNvInferPlugins"));
  if (init != nullptr && init(&logger(), "")) return {path};
  return {};
}

}  // namespace

trt::Logger& BuildLogger() { return logger(); }
void TellAll() { logger().TellAll(); }

void Trace(const char* call) {
  if (logger().tells_all()) TellEvent("call", call);
}

std::string TakeErrors() { return logger().Take(); }

Result<Library> OpenLibrary(const Options& options) {
  SetCudaLibrary(options.driver);
  SetTensorRtLibrary(options.library);
  SetTensorRtPlugins(options.plugins);
  AllowPlanHostCode(options.allow_host_code);
  const auto opened = trt::OpenLibrary();
  if (!opened.ok()) return {opened.status, {}};
  Library library;
  library.path = opened.value->path;
  library.version = opened.value->version;
  library.number = opened.value->number;
  library.major = library.number / 10000;
  library.slots = library.major == 10 ? kSlots10 : kSlots11;
  library.flags = library.major == 10 ? kFlags10 : kFlags11;
  library.create_runtime = opened.value->create_runtime;
  void* handle = dlopen(library.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  library.create_builder = reinterpret_cast<decltype(library.create_builder)>(handle == nullptr ? nullptr : dlsym(handle, "createInferBuilder_INTERNAL"));
  if (options.verb == "build" && library.create_builder == nullptr) {
    return Result<Library>::Error(Code::kMissingLibrary, "TensorRT from " + library.path + " has no builder (a lean or dispatch runtime?): install the whole libnvinfer");
  }
  library.plugins = OpenOwnPlugins(library);
  library.plugins.insert(library.plugins.end(), options.plugins.begin(), options.plugins.end());
  Tell(Json().Text("event", "library").Text("version", library.version).Text("path", library.path).Texts("plugins", library.plugins));
  return Result<Library>::Of(std::move(library));
}

Result<Parser> OpenParser(const Library& library) {
  const std::string name = "libnvonnxparser.so." + std::to_string(library.major);
  Parser parser;
  std::string reason;
  void* handle = OpenBeside(library, name, &parser.path, &reason);
  parser.create = reinterpret_cast<decltype(parser.create)>(handle == nullptr ? nullptr : dlsym(handle, "createNvOnnxParser_INTERNAL"));
  if (parser.create != nullptr) return Result<Parser>::Of(std::move(parser));
  if (handle != nullptr) reason = parser.path + " has no createNvOnnxParser_INTERNAL";
  return Result<Parser>::Error(Code::kMissingLibrary, "TensorRT's ONNX parser " + name + ": " + reason + "; install it beside " + library.path +
                                                        " (Debian: libnvonnxparsers" + std::to_string(library.major) + ", of version " + library.version + ")");
}

Status Failure(Code code, const std::string& what, const Library& library) {
  const std::string errors = TakeErrors();
  constexpr char kUnable[] = "Unable to load library: ";
  const size_t at = errors.find(kUnable);
  if (at == std::string::npos) return Status::Error(code, what + ": " + (errors.empty() ? "TensorRT gave no reason" : errors));
  const size_t from = at + sizeof kUnable - 1;
  const std::string missing = errors.substr(from, errors.find_first_of(" :;)", from) - from);
  const std::string remedy = missing.find("builder_resource") != std::string::npos
    ? "it belongs to the builder of TensorRT " + library.version + " for GPUs of this kind: install it (Debian: libnvinfer-bin or libnvinfer" +
        std::to_string(library.major) + ") into the folder of " + library.path + ", or build with a release that brings it"
    : "install it into the folder of " + library.path;
  return Status::Error(Code::kMissingLibrary, what + ": " + missing + " is missing: " + remedy + " (" + errors + ")");
}

}  // namespace pilotlight::build
