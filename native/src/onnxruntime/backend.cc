// The backend's door: answers whether the library is there, and loads engines.
#include "core/backend.h"

#include "onnxruntime/cuda_provider.h"
#include "onnxruntime/engine.h"
#include "onnxruntime/library.h"

namespace pilotlight {
namespace {

class OnnxRuntime final : public Backend {
 public:
  Capability Probe() override {
    const Result<const ort::Library*> library = ort::OpenLibrary();
    Capability capability;
    capability.backend = "onnxruntime";
    capability.available = library.ok();
    capability.library = ort::LibraryPath();
    capability.version = library.ok() ? library.value->version : "";
    capability.reason = library.status.message;
    if (library.ok()) {
      const Status provider = ort::OpenCudaProvider(*library.value);
      capability.on_gpu = provider.ok();
      capability.gpu_reason = provider.message;
    }
    return capability;
  }

  Result<std::unique_ptr<Engine>> Load(const EngineSpec& spec) override {
    if (spec.device == "cpu" || ort::GpuIndex(spec.device) >= 0) return ort::OnnxEngine::Load(spec);
    return Result<std::unique_ptr<Engine>>::Error(Code::kLoadFailed, "the backend onnxruntime loads on the CPU and on GPUs, not on " + spec.device);
  }

  // On the CPU, where it costs no memory of a GPU, unless only the GPU has its operators.
  Result<Signature> Inspect(const std::string& path, const std::string& device) override {
    auto signature = Backend::Inspect(path, "cpu");
    return signature.ok() || device == "cpu" || !Probe().on_gpu ? signature : Backend::Inspect(path, device);
  }
};

}  // namespace

Backend& OnnxRuntimeBackend() {
  static Backend* leaked = new OnnxRuntime;
  return *leaked;
}

}  // namespace pilotlight
