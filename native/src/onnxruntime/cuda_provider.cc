#include "onnxruntime/cuda_provider.h"

#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <vector>

#include "core/backend.h"
#include "onnxruntime/cuda_libraries.h"

namespace pilotlight {
namespace {

constexpr char kProvider[] = "libonnxruntime_providers_cuda.so";
// In a Python environment, as seen from the folder onnxruntime/capi: what pip installs of NVIDIA's.
constexpr char kPythonNeighbour[] = "/../../nvidia";

struct Opening {
  std::mutex mutex;
  std::vector<std::string> folders;
  bool is_open = false;
};

Opening& opening() {
  static Opening& leaked = *new Opening;
  return leaked;
}

Status Refuse(const ort::Library& library, const std::string& why) {
  return Status::Error(Code::kMissingLibrary, "ONNX Runtime " + library.version + " (" + library.folder + ") runs models on the CPU only: " + why);
}

struct Option {
  const char* name;
  const char* value;
};

// Graphs stay off (enable_cuda_graph): with them a session may run only one job at a time, in one shape, at fixed addresses.
constexpr Option kOptions[] = {
    // The arena takes what a run needs, not the next power of two: memory is counted, and others wait for it.
    {"arena_extend_strategy", "kSameAsRequested"},
    // Trying all algorithms at the first run of each shape takes seconds and much memory, also in requests that no warm-up has met.
    {"cudnn_conv_algo_search", "HEURISTIC"},
    // A copy on another stream could read memory that the arena has given out again.
    {"do_copy_in_default_stream", "1"},
    {"enable_cuda_graph", "0"},
};

}  // namespace

void SetCudaLibraries(const std::vector<std::string>& folders) {
  std::lock_guard<std::mutex> lock(opening().mutex);
  opening().folders = folders;
}

namespace ort {

int GpuIndex(const std::string& device) {
  constexpr char kPrefix[] = "gpu:";
  if (device.rfind(kPrefix, 0) != 0) return -1;
  const std::string digits = device.substr(sizeof(kPrefix) - 1);
  if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != std::string::npos) return -1;
  return std::atoi(digits.c_str());
}

Status OpenCudaProvider(const Library& library) {
  std::lock_guard<std::mutex> lock(opening().mutex);
  if (opening().is_open) return Status::Ok();
  const std::string provider = library.folder + "/" + kProvider;
  if (access(provider.c_str(), R_OK) != 0) {
    return Refuse(library, std::string("its CUDA provider (") + kProvider + ") is not there; set onnxruntimeLibrary to the folder onnxruntime/capi of PyPI's onnxruntime-gpu, which brings it");
  }
  std::vector<std::string> folders = opening().folders;
  if (char* const neighbour = realpath((library.folder + kPythonNeighbour).c_str(), nullptr)) {
    folders.push_back(neighbour);
    std::free(neighbour);
  }
  Status needed = OpenCudaLibraries(provider, folders);
  if (!needed.ok()) return Refuse(library, needed.message);

  // What it makes is of no use yet, but making it opens the provider.
  Calls ok;
  CudaOptionsHandle made;
  if (!ok.Make(&made, api().CreateCUDAProviderOptions)) return Refuse(library, ok.failure().text);
  opening().is_open = true;
  return Status::Ok();
}

bool AppendCudaProvider(Calls& ok, OrtSessionOptions* options, int gpu) {
  const std::string index = std::to_string(gpu);
  std::vector<const char*> names = {"device_id"}, values = {index.c_str()};
  for (const Option& option : kOptions) {
    names.push_back(option.name);
    values.push_back(option.value);
  }
  CudaOptionsHandle cuda;
  return ok.Make(&cuda, api().CreateCUDAProviderOptions) && ok(api().UpdateCUDAProviderOptions(cuda.get(), names.data(), values.data(), names.size())) &&
         ok(api().SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda.get()));
}

}  // namespace ort
}  // namespace pilotlight
