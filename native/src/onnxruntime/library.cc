#include "onnxruntime/library.h"

#include <dirent.h>
#include <dlfcn.h>
#include <sys/stat.h>

#include <atomic>
#include <cassert>
#include <cstdio>
#include <mutex>

#include "core/backend.h"

namespace pilotlight {
namespace {

#ifdef __APPLE__
constexpr char kLibraryName[] = "libonnxruntime.1.dylib";
constexpr char kLibraryPrefix[] = "libonnxruntime.";
#else
constexpr char kLibraryName[] = "libonnxruntime.so.1";
constexpr char kLibraryPrefix[] = "libonnxruntime.so";
#endif
constexpr char kRemedy[] =
    "set onnxruntimeLibrary to libonnxruntime of ONNX Runtime 1.23 or later, or run `npm ci` to get the one of onnxruntime-node";

struct Opening {
  std::mutex mutex;
  std::string wanted;
  std::atomic<const ort::Library*> library{nullptr};
};

Opening& opening() {
  static Opening* leaked = new Opening;
  return *leaked;
}

bool IsFolder(const std::string& path) {
  struct stat found;
  return stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

// PyPI's packages name the file by its full version only (libonnxruntime.so.1.31.1), npm's by the major one.
std::string FindInFolder(const std::string& folder) {
  std::string best;
  if (DIR* listing = opendir(folder.c_str())) {
    while (const dirent* entry = readdir(listing)) {
      const std::string name = entry->d_name;
      if (name.rfind(kLibraryPrefix, 0) == 0 && (best.empty() || name.size() < best.size())) best = name;
    }
    closedir(listing);
  }
  return folder + "/" + (best.empty() ? kLibraryName : best);
}

std::string Resolve(const std::string& wanted) {
  if (wanted.empty()) return kLibraryName;
  return IsFolder(wanted) ? FindInFolder(wanted) : wanted;
}

Result<const ort::Library*> Refuse(const std::string& path, const std::string& found) {
  return Result<const ort::Library*>::Error(Code::kMissingLibrary, "ONNX Runtime from " + path + ": " + found + "; " + kRemedy);
}

// Wherever the loader found it.
std::string FolderOf(const void* function, const std::string& path) {
  Dl_info found = {};
  const std::string file = dladdr(function, &found) != 0 && found.dli_fname != nullptr ? found.dli_fname : path;
  const size_t end = file.rfind('/');
  return end == std::string::npos ? "." : file.substr(0, end);
}

Result<const ort::Library*> Open(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return Refuse(path, reason != nullptr ? reason : "cannot be opened");
  }
  const auto get_base = reinterpret_cast<const ort::OrtApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  if (get_base == nullptr) return Refuse(path, "this library has no OrtGetApiBase, so it is not ONNX Runtime");

  const ort::OrtApiBase* base = get_base();
  const std::string version = base->GetVersionString();
  unsigned major = 0, minor = 0;
  // Asking an old library for a version that it has not prints on stderr; the version's text says it as well.
  if (std::sscanf(version.c_str(), "%u.%u", &major, &minor) != 2 || major != 1 || minor < ort::kApiVersion) {
    return Refuse(path, "its version is " + version);
  }
  const void* table = base->GetApi(ort::kApiVersion);
  if (table == nullptr) return Refuse(path, "version " + version + " does not offer API version " + std::to_string(ort::kApiVersion));

  ort::TensorHasShape has_shape = nullptr;
  if (minor >= ort::kApiVersionWithRank) {
    const auto* later = static_cast<void* const*>(base->GetApi(ort::kApiVersionWithRank));
    if (later != nullptr) has_shape = reinterpret_cast<ort::TensorHasShape>(later[ort::kTensorHasShapeSlot]);
  }
  return Result<const ort::Library*>::Of(new ort::Library{path, FolderOf(reinterpret_cast<const void*>(get_base), path), version, ort::Api(table), has_shape});
}

}  // namespace

void SetOnnxRuntimeLibrary(const std::string& path) {
  std::lock_guard<std::mutex> lock(opening().mutex);
  opening().wanted = path;
}

namespace ort {

Result<const Library*> OpenLibrary() {
  if (const Library* open = opening().library.load(std::memory_order_acquire)) return Result<const Library*>::Of(open);
  std::lock_guard<std::mutex> lock(opening().mutex);
  if (const Library* open = opening().library.load(std::memory_order_relaxed)) return Result<const Library*>::Of(open);
  Result<const Library*> opened = Open(Resolve(opening().wanted));
  if (opened.ok()) opening().library.store(opened.value, std::memory_order_release);
  return opened;
}

std::string LibraryPath() {
  std::lock_guard<std::mutex> lock(opening().mutex);
  const Library* open = opening().library.load(std::memory_order_relaxed);
  return open != nullptr ? open->path : Resolve(opening().wanted);
}

const Api& api() {
  const Library* open = opening().library.load(std::memory_order_acquire);
  assert(open != nullptr && "the library is opened before anything of it is used");
  return open->api;
}

}  // namespace ort
}  // namespace pilotlight
