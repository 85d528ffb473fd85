// The backend's door: answers whether TensorRT and a driver are there, and loads engines.
#include "core/backend.h"

#include "cuda/device.h"
#include "tensorrt/engine.h"
#include "tensorrt/library.h"

namespace pilotlight {
namespace {

class TensorRt final : public Backend {
 public:
  Capability Probe() override {
    const auto library = trt::OpenLibrary();
    const auto driver = cuda::OpenDriver();
    Capability capability;
    capability.backend = "tensorrt";
    capability.available = library.ok() && driver.ok();
    capability.library = trt::LibraryPath();
    capability.version = library.ok() ? library.value->version : "";
    capability.reason = library.status.message + (library.ok() || driver.ok() ? "" : "; ") + driver.status.message;
    return capability;
  }

  Result<std::unique_ptr<Engine>> Load(const EngineSpec& spec) override { return trt::TensorRtEngine::Load(spec); }
};

}  // namespace

Backend& TensorRtBackend() {
  static Backend* leaked = new TensorRt;
  return *leaked;
}

}  // namespace pilotlight
