// What the ONNX Runtime tests share: where library and models lie, a loaded engine with a slot, tensors from plain values.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "core/backend.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
// What the library allocates for itself while it starts it keeps for ever: no leak of ours.
using LibraryStarts = __lsan::ScopedDisabler;
#else
struct LibraryStarts {
  ~LibraryStarts() {}
};
#endif

inline pilotlight::Capability OpenLibraryAt(const std::string& path) {
  const LibraryStarts starts;
  pilotlight::SetOnnxRuntimeLibrary(path);
  pilotlight::OnnxRuntimeBackend().Load(pilotlight::EngineSpec());
  return pilotlight::OnnxRuntimeBackend().Probe();
}

inline std::string LibraryFile() {
  if (const char* path = std::getenv("PILOTLIGHT_ONNXRUNTIME_LIBRARY")) return path;
#if defined(__APPLE__)
  constexpr char kFile[] = "darwin/arm64/libonnxruntime.1.dylib";
#elif defined(__aarch64__)
  constexpr char kFile[] = "linux/arm64/libonnxruntime.so.1";
#else
  constexpr char kFile[] = "linux/x64/libonnxruntime.so.1";
#endif
  return std::string(PILOTLIGHT_NODE_MODULES) + "/onnxruntime-node/bin/napi-v6/" + kFile;
}

inline std::string ModelFile(const std::string& name) { return std::string(PILOTLIGHT_NODE_MODULES) + "/../test/support/models/" + name; }

inline pilotlight::Result<std::unique_ptr<pilotlight::Engine>> Load(const std::string& path, int threads = 1) {
  OpenLibraryAt(LibraryFile());
  pilotlight::EngineSpec spec;
  spec.path = path;
  spec.threads = threads;
  return pilotlight::OnnxRuntimeBackend().Load(spec);
}

using Tensors = std::vector<pilotlight::Tensor>;

struct Answer {
  pilotlight::Status status;
  Tensors outputs;
};

inline Answer Run(pilotlight::Slot& slot, const Tensors& inputs, const std::vector<bool>& wanted = {}) {
  pilotlight::RunRequest request;
  request.inputs = &inputs;
  request.wanted = wanted.empty() ? nullptr : &wanted;
  Answer answer;
  answer.status = slot.Run(request, &answer.outputs);
  return answer;
}

struct Model {
  explicit Model(const std::string& name, int threads = 1) {
    auto loaded = Load(ModelFile(name), threads);
    if (!loaded.ok()) check::Fail(__FILE__, __LINE__, loaded.status.message);
    engine = std::move(loaded.value);
    slot = engine->NewSlot().value;
  }

  std::unique_ptr<pilotlight::Engine> engine;
  std::unique_ptr<pilotlight::Slot> slot;
};

inline pilotlight::Tensor OfBytes(pilotlight::ElementType type, std::vector<int64_t> shape, const void* bytes, size_t size) {
  pilotlight::Tensor tensor;
  tensor.type = type;
  tensor.shape = std::move(shape);
  if (size == 0) return tensor;
  tensor.bytes = pilotlight::Bytes::Allocate(size);
  std::memcpy(tensor.bytes.data(), bytes, size);
  return tensor;
}

inline pilotlight::Tensor OfFloats(std::vector<int64_t> shape, const std::vector<float>& values) {
  return OfBytes(pilotlight::ElementType::kFloat32, std::move(shape), values.data(), values.size() * sizeof(float));
}

inline pilotlight::Tensor OfStrings(std::vector<int64_t> shape, std::vector<std::string> values) {
  pilotlight::Tensor tensor;
  tensor.type = pilotlight::ElementType::kString;
  tensor.shape = std::move(shape);
  tensor.strings = std::move(values);
  return tensor;
}

inline Tensors One(pilotlight::Tensor tensor) {
  Tensors tensors;
  tensors.push_back(std::move(tensor));
  return tensors;
}

inline std::vector<float> Floats(const pilotlight::Tensor& tensor) {
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}
