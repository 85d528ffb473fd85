// One IExecutionContext, which stays with one profile: the shapes that it runs next, and its enqueue.
#pragma once

#include <memory>
#include <vector>

#include "cuda/memory.h"
#include "tensorrt/engine.h"

namespace pilotlight::trt {

// All that a set of inputs decides before it runs.
struct Shapes {
  std::vector<size_t> input_bytes;
  std::vector<std::vector<int64_t>> output_shapes;
  std::vector<size_t> output_bytes;   // at most, where the data decide
  std::vector<bool> decided_by_data;  // by output
  bool any_by_data() const;
};

class Context {
 public:
  // On `scratch` and with `stream` for as long as it lives.
  static Result<std::unique_ptr<Context>> Make(TensorRtEngine& engine, size_t profile, cuda::Stream* stream, const cuda::DeviceBlock& scratch);

  Status SetAddress(const IoTensor& io, void* memory);
  Status SetAllocator(const IoTensor& io, OutputAllocator* allocator);
  // `key` names the inputs' shapes and the values of its shape tensors, which lie at their addresses. kBadInput: the engine refuses them.
  Status SetShapes(const std::vector<int64_t>& key, const std::vector<Dims>& shapes, Shapes* found);
  bool HasShapes(const std::vector<int64_t>& key) const { return key_ == key; }
  Status Enqueue(cuda::Stream* stream);

 private:
  explicit Context(TensorRtEngine& engine, Object context) : engine_(engine), context_(std::move(context)) {}
  Status InferShapes(Shapes* found);

  TensorRtEngine& engine_;
  const Object context_;
  std::vector<int64_t> key_;
};

}  // namespace pilotlight::trt
