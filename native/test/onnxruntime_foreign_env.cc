// Somebody else in this process (onnxruntime-node) may have started ONNX Runtime first, with thread pools of another kind.
#include <dlfcn.h>

#include "onnxruntime/abi.h"
#include "onnxruntime_model.h"

using namespace pilotlight;

namespace {

void StartAsOnnxruntimeNodeDoes() {
  const LibraryStarts starts;
  void* handle = dlopen(LibraryFile().c_str(), RTLD_NOW | RTLD_LOCAL);
  CHECK(handle != nullptr);
  const auto get_base = reinterpret_cast<const ort::OrtApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  const auto* table = static_cast<void* const*>(get_base()->GetApi(ort::kApiVersion));
  using CreateEnv = ort::OrtStatus* (*)(int level, const char* id, ort::OrtEnv** env);
  ort::OrtEnv* env = nullptr;
  CHECK(reinterpret_cast<CreateEnv>(table[3])(ort::kLogFatal, "other", &env) == nullptr);
}

}  // namespace

TEST("models load and run all the same") {
  StartAsOnnxruntimeNodeDoes();
  Model first("add-three.onnx"), second("two-outputs.onnx");
  CHECK((Floats(Run(*first.slot, One(OfFloats({1}, {4}))).outputs[0]) == std::vector<float>{7}));
}
