#include "onnxruntime/cuda_libraries.h"

#include <dirent.h>
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "onnxruntime/needed_libraries.h"

namespace pilotlight::ort {
namespace {

// Opened by name when the first convolution asks for it, so no file says that it is needed.
constexpr char kCudnn[] = "libcudnn.so.9";
// Opened by name too, by few operators and by cuDNN, whatever their versions: they may be missing.
constexpr const char* kOptional[] = {"libcufft.so.", "libnvrtc-builtins.so.", "libnvrtc.so."};
constexpr char kDriver[] = "libcuda.so.1";

bool IsNvidias(const std::string& name) { return name.rfind("libcu", 0) == 0 || name.rfind("libnv", 0) == 0; }

// In order: what a folder lists first is chance.
std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  if (DIR* listing = opendir(folder.c_str())) {
    while (const dirent* entry = readdir(listing)) {
      if (entry->d_name[0] != '.') names.push_back(entry->d_name);
    }
    closedir(listing);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// `folder` itself, and `folder/PART/lib`.
std::vector<std::string> WithParts(const std::vector<std::string>& folders) {
  std::vector<std::string> all;
  for (const std::string& folder : folders) {
    all.push_back(folder);
    for (const std::string& part : NamesIn(folder)) all.push_back(folder + "/" + part + "/lib");
  }
  return all;
}

class Opening {
 public:
  explicit Opening(const std::vector<std::string>& folders) : places_(WithParts(folders)) {}

  void Open(const std::string& name) {
    if (!seen_.insert(name).second) return;
    const std::string file = Find(name);
    if (!file.empty()) OpenNeeded(file);
    // Never closed: the provider uses them for the life of the process.
    if (dlopen(file.empty() ? name.c_str() : file.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr) return;
    const char* reason = dlerror();
    missing_.push_back(name + (name == kDriver ? " (NVIDIA's driver)" : ""));
    if (!file.empty() && reason != nullptr) missing_.back() += std::string(" (") + reason + ")";
  }

  void OpenAllNamed(const std::string& beginning) const {
    for (const std::string& place : places_) {
      for (const std::string& name : NamesIn(place)) {
        if (name.rfind(beginning, 0) == 0) dlopen((place + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
      }
    }
  }

  void OpenNeeded(const std::string& file) {
    for (const std::string& needed : NeededLibraries(file)) {
      if (IsNvidias(needed)) Open(needed);
    }
  }

  const std::vector<std::string>& missing() const { return missing_; }

 private:
  std::string Find(const std::string& name) const {
    for (const std::string& place : places_) {
      const std::string file = place + "/" + name;
      if (access(file.c_str(), R_OK) == 0) return file;
    }
    return "";
  }

  const std::vector<std::string> places_;
  std::set<std::string> seen_;
  std::vector<std::string> missing_;
};

std::string Join(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

}  // namespace

Status OpenCudaLibraries(const std::string& provider, const std::vector<std::string>& folders) {
  Opening opening(folders);
  opening.OpenNeeded(provider);
  opening.Open(kCudnn);
  if (opening.missing().empty()) {
    for (const char* beginning : kOptional) opening.OpenAllNamed(beginning);
    return Status::Ok();
  }
  return Status::Error(Code::kMissingLibrary, "its CUDA provider needs " + Join(opening.missing()) + ": the loader does not find them"
    + (folders.empty() ? "" : ", and they are not in " + Join(folders)) + "; set cudaLibraries to the folders that hold them "
    "(`pip install 'onnxruntime-gpu[cuda,cudnn]'` brings all but NVIDIA's driver)");
}

}  // namespace pilotlight::ort
