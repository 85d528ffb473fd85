// Where the CUDA provider, or what it needs, is not there, that is told with what would do, and models go on loading on the CPU.
#include <algorithm>

#include "onnxruntime/cuda_libraries.h"
#include "onnxruntime/needed_libraries.h"
#include "onnxruntime_model.h"

using namespace pilotlight;

TEST("without a CUDA provider the backend is there for the CPU, and says what GPUs would take") {
  const Capability capability = OpenLibraryAt(LibraryFile());
  CHECK(capability.available);
  CHECK_EQUAL(capability.reason, "");
  CHECK(!capability.on_gpu);
  CHECK_CONTAINS(capability.gpu_reason, "libonnxruntime_providers_cuda.so");
  CHECK_CONTAINS(capability.gpu_reason, LibraryFile().substr(0, LibraryFile().rfind('/')));
  CHECK_CONTAINS(capability.gpu_reason, "set onnxruntimeLibrary to the folder onnxruntime/capi of PyPI's onnxruntime-gpu");
}

TEST("a load on a GPU is refused with the same, and the file's and the device's name") {
  OpenLibraryAt(LibraryFile());
  EngineSpec spec;
  spec.path = ModelFile("add-three.onnx");
  spec.device = "gpu:0";
  const auto loaded = OnnxRuntimeBackend().Load(spec);
  CHECK_EQUAL(loaded.status.code, Code::kMissingLibrary);
  CHECK_CONTAINS(loaded.status.message, ModelFile("add-three.onnx") + " cannot be loaded on gpu:0");
  CHECK_CONTAINS(loaded.status.message, "libonnxruntime_providers_cuda.so");

  Model model("add-three.onnx");
  CHECK((Floats(Run(*model.slot, One(OfFloats({1}, {4}))).outputs[0]) == std::vector<float>{7}));
}

TEST("a device that is none is refused") {
  EngineSpec spec;
  spec.path = ModelFile("add-three.onnx");
  for (const char* device : {"gpu", "gpu:", "gpu:one", "gpu:1234", "tpu:0"}) {
    spec.device = device;
    const auto loaded = OnnxRuntimeBackend().Load(spec);
    CHECK_EQUAL(loaded.status.code, Code::kLoadFailed);
    CHECK_CONTAINS(loaded.status.message, std::string("not on ") + device);
  }
}

#if defined(__linux__)

TEST("what a library needs is read from its file") {
  const std::vector<std::string> needed = ort::NeededLibraries(std::string(PILOTLIGHT_DOUBLE_PYTHON) + "/onnxruntime/capi/libonnxruntime_providers_cuda.so");
  CHECK((std::find(needed.begin(), needed.end(), "libcublas.so.13") != needed.end()));
}

TEST("a file that is no library needs nothing") {
  CHECK(ort::NeededLibraries(__FILE__).empty());
  CHECK(ort::NeededLibraries("/nonexistent").empty());
  CHECK(ort::NeededLibraries(ModelFile("")).empty());
}

TEST("all libraries that a provider needs and that are nowhere are named at once, with where they were looked for") {
  const std::string provider = std::string(PILOTLIGHT_DOUBLE_PYTHON) + "/onnxruntime/capi/libonnxruntime_providers_cuda.so";
  const Status opened = ort::OpenCudaLibraries(provider, {"/nonexistent"});
  CHECK_EQUAL(opened.code, Code::kMissingLibrary);
  CHECK_CONTAINS(opened.message, "libcublas.so.13, libcudnn.so.9");
  CHECK_CONTAINS(opened.message, "/nonexistent");
  CHECK_CONTAINS(opened.message, "cudaLibraries");
}

TEST("they are found in the parts of a Python environment, and those that they need themselves are opened before them") {
  const std::string python = PILOTLIGHT_DOUBLE_PYTHON;
  CHECK(ort::OpenCudaLibraries(python + "/onnxruntime/capi/libonnxruntime_providers_cuda.so", {python + "/nvidia"}).ok());
}

#endif
