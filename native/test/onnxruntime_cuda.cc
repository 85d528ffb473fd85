// What a session on a GPU asks of ONNX Runtime, on a double of PyPI's onnxruntime-gpu: its provider is there, its runs go to the CPU.
#include <dlfcn.h>

#include "double.h"
#include "onnxruntime/onnxruntime.h"
#include "onnxruntime_model.h"

using namespace pilotlight;

namespace {

#if defined(__linux__)

std::string DoubleFolder() { return std::string(PILOTLIGHT_DOUBLE_PYTHON) + "/onnxruntime/capi"; }

template <typename Function>
Function* FromDouble(const char* name) {
  void* const handle = dlopen((DoubleFolder() + "/libonnxruntime.so.1").c_str(), RTLD_NOW | RTLD_NOLOAD);
  CHECK(handle != nullptr);
  return reinterpret_cast<Function*>(dlsym(handle, name));
}

Result<std::unique_ptr<Engine>> LoadOn(const std::string& device, const std::string& model = "add-three.onnx") {
  OpenLibraryAt(DoubleFolder());
  EngineSpec spec;
  spec.path = ModelFile(model);
  spec.device = device;
  return OnnxRuntimeBackend().Load(spec);
}

#endif

}  // namespace

#if defined(__linux__)

TEST("with the provider and what it needs beside it, in a Python environment, the backend is there for GPUs without a setting") {
  const Capability capability = OpenLibraryAt(DoubleFolder());
  CHECK_EQUAL(capability.reason, "");
  CHECK_EQUAL(capability.gpu_reason, "");
  CHECK(capability.available);
  CHECK(capability.on_gpu);
}

TEST("a session on a GPU has the provider's options: its device, and an arena that takes no more than it needs") {
  auto loaded = LoadOn("gpu:1");
  CHECK_EQUAL(loaded.status.message, "");
  const std::string options = FromDouble<doubles::CudaOptionsFunction>(doubles::kCudaOptions)();
  CHECK_CONTAINS(options, "device_id=1 ");
  CHECK_CONTAINS(options, "arena_extend_strategy=kSameAsRequested");
  CHECK_CONTAINS(options, "cudnn_conv_algo_search=HEURISTIC");
  CHECK_CONTAINS(options, "do_copy_in_default_stream=1");
  CHECK_CONTAINS(options, "enable_cuda_graph=0");
}

TEST("its slots share the session, answer, and their memory is the arena's") {
  auto loaded = LoadOn("gpu:0", "slow.onnx");
  CHECK(loaded.ok());
  auto some = loaded.value->NewSlot(), other = loaded.value->NewSlot();
  const int64_t n = 256;
  CHECK(Run(*some.value, One(OfFloats({n, n}, std::vector<float>(n * n, 0)))).status.ok());
  CHECK(Run(*other.value, One(OfFloats({n, n}, std::vector<float>(n * n, 0)))).status.ok());
  CHECK(loaded.value->memory().weights_bytes > 0);
  CHECK(loaded.value->memory().scratch_bytes >= n * n * 4);
}

TEST("once a run has shown how large inputs are, they lie in pinned memory, which goes with the last engine") {
  const doubles::Double driver(PILOTLIGHT_DOUBLE_FOLDER);
  SetCudaLibrary(driver.folder());
  const int64_t before = driver.Count("pinned");
  const int64_t n = 256;
  const size_t size = n * n * sizeof(float);
  {
    auto loaded = LoadOn("gpu:0", "slow.onnx");
    auto slot = loaded.value->NewSlot();
    { const Bytes input = loaded.value->AllocateInput(size); }
    CHECK_EQUAL(driver.Count("pinned"), before);
    CHECK(Run(*slot.value, One(OfFloats({n, n}, std::vector<float>(n * n, 0)))).status.ok());
    CHECK_EQUAL(driver.Count("pinned"), before + 1);

    const Bytes some = loaded.value->AllocateInput(size), others = loaded.value->AllocateInput(size), more = loaded.value->AllocateInput(size);
    CHECK_EQUAL(static_cast<size_t>(others.data() - some.data()), size);  // of one block, for two runs of the one slot
    CHECK_EQUAL(more.size(), size);
    CHECK(Run(*slot.value, One(OfFloats({8, 8}, std::vector<float>(64, 0)))).status.ok());
    CHECK_EQUAL(driver.Count("pinned"), before + 1);
  }
  CHECK_EQUAL(driver.Count("pinned"), before);
}

TEST("a load that the GPU fails is the machine's fault, not the file's, and told as it is") {
  LoadOn("gpu:0");
  const auto fail = FromDouble<doubles::FailLoadsFunction>(doubles::kFailLoads);
  fail("CUDA failure 100: no CUDA-capable device is detected ; GPU=0");
  const auto refused = LoadOn("gpu:0");
  fail("CUDA failure 2: out of memory ; GPU=0");
  const auto full = LoadOn("gpu:0");
  fail("");
  CHECK_EQUAL(refused.status.code, Code::kLoadFailed);
  CHECK_CONTAINS(refused.status.message, "on gpu:0: CUDA failure 100: no CUDA-capable device is detected");
  CHECK_EQUAL(full.status.code, Code::kNoMemory);
  CHECK(LoadOn("gpu:0").ok());
}

TEST("a run that the GPU fails is told as it is, and one that found no memory as that") {
  auto loaded = LoadOn("gpu:0");
  auto slot = loaded.value->NewSlot();
  const auto fail = FromDouble<doubles::FailRunsFunction>(doubles::kFailRuns);
  fail("CUDNN failure 5003: CUDNN_STATUS_EXECUTION_FAILED ; GPU=0");
  const Answer failed = Run(*slot.value, One(OfFloats({1}, {4})));
  fail("Failed to allocate memory for requested buffer of size 1048576");
  const Answer full = Run(*slot.value, One(OfFloats({1}, {4})));
  fail("");
  CHECK_EQUAL(failed.status.code, Code::kEngineFailed);
  CHECK_CONTAINS(failed.status.message, "ONNX Runtime: CUDNN failure 5003");
  CHECK_EQUAL(full.status.code, Code::kNoMemory);
  CHECK((Floats(Run(*slot.value, One(OfFloats({1}, {4}))).outputs[0]) == std::vector<float>{7}));
}

#endif
