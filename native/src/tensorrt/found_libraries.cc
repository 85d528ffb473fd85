// For `doctor`: which of NVIDIA's libraries a host has, and what the missing ones are good for. The builder's resources are some
// gigabytes, so they are looked for and not opened.
#include <dirent.h>
#include <dlfcn.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/backend.h"
#include "cuda/driver.h"
#include "tensorrt/library.h"

namespace pilotlight {
namespace {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

FoundLibrary Driver() {
  FoundLibrary found{"NVIDIA driver", "", cuda::LibraryPath(), ""};
  const auto opened = cuda::OpenDriver();
  found.reason = opened.status.message;
  if (opened.ok()) found.version = "CUDA " + std::to_string(opened.value->version / 1000) + "." + std::to_string(opened.value->version % 1000 / 10);
  return found;
}

FoundLibrary Runtime() {
  const auto opened = trt::OpenLibrary();
  return {"TensorRT", opened.ok() ? opened.value->version : "", trt::LibraryPath(), opened.status.message};
}

// Beside TensorRT, or where the loader finds it.
void* OpenPart(const std::string& file, std::string* path, std::string* reason) {
  *path = FolderOf(trt::library().path) + file;
  void* handle = dlopen(path->c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle != nullptr) return handle;
  handle = dlopen(file.c_str(), RTLD_LAZY | RTLD_LOCAL);
  const char* const said = handle == nullptr ? dlerror() : nullptr;
  if (said != nullptr) *reason = said;
  return handle;
}

std::string SoName(const char* stem) { return std::string(stem) + ".so." + std::to_string(trt::MajorOf(trt::library().number)); }

FoundLibrary Parser() {
  FoundLibrary found;
  found.name = "ONNX parser";
  const std::string file = SoName("libnvonnxparser");
  void* const handle = OpenPart(file, &found.path, &found.reason);
  if (handle == nullptr) {
    found.reason += "; only `pilotlight engine build` needs it: install TensorRT's " + file;
    return found;
  }
  const auto version = reinterpret_cast<int32_t (*)()>(dlsym(handle, "getNvOnnxParserVersion"));
  if (version == nullptr) {
    found.reason = "this library is not TensorRT's ONNX parser";
    return found;
  }
  found.path = trt::PathOf(reinterpret_cast<void*>(version), found.path);
  found.version = trt::VersionText(version());
  return found;
}

FoundLibrary Plugins() {
  FoundLibrary found;
  found.name = "TensorRT's plugins";
  const std::string file = SoName("libnvinfer_plugin");
  void* const handle = OpenPart(file, &found.path, &found.reason);
  if (handle == nullptr) {
    found.reason += "; only plans with TensorRT's own plugins need it: install TensorRT's " + file + " and name it in tensorrtPlugins";
    return found;
  }
  found.path = trt::PathOf(dlsym(handle, "initLibNvInferPlugins"), found.path);
  return found;
}

std::vector<std::string> FilesIn(const std::string& folder, const std::string& beginning) {
  std::vector<std::string> files;
  DIR* const opened = opendir(folder.c_str());
  if (opened == nullptr) return files;
  while (const dirent* entry = readdir(opened)) {
    if (beginning.compare(0, std::string::npos, entry->d_name, beginning.size()) == 0) files.push_back(entry->d_name);
  }
  closedir(opened);
  std::sort(files.begin(), files.end());
  return files;
}

FoundLibrary BuilderResources() {
  FoundLibrary found;
  found.name = "builder resources";
  const std::string folder = FolderOf(trt::library().path);
  for (const std::string& file : FilesIn(folder.empty() ? "." : folder, "libnvinfer_builder_resource")) {
    found.version = trt::library().version;
    found.path += (found.path.empty() ? folder : ", ") + file;
  }
  if (!found.path.empty()) return found;
  found.path = folder + "libnvinfer_builder_resource*";
  found.reason = "there is none beside TensorRT; only `pilotlight engine build` needs it: install all of TensorRT, not its runtime alone";
  return found;
}

}  // namespace

std::vector<FoundLibrary> FindNvidiaLibraries() {
  std::vector<FoundLibrary> all = {Driver(), Runtime()};
  if (all.back().reason.empty()) {
    all.push_back(Parser());
    all.push_back(BuilderResources());
    all.push_back(Plugins());
  }
  return all;
}

}  // namespace pilotlight
