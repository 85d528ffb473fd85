#include "tensorrt/context.h"

#include <algorithm>
#include <utility>

#include "tensorrt/library.h"

namespace pilotlight::trt {
namespace {

const auto& Calls() { return library().slots.context; }

}  // namespace

bool Shapes::any_by_data() const { return std::find(decided_by_data.begin(), decided_by_data.end(), true) != decided_by_data.end(); }

Result<std::unique_ptr<Context>> Context::Make(TensorRtEngine& engine, size_t profile, cuda::Stream* stream, const cuda::DeviceBlock& scratch) {
  using Made = Result<std::unique_ptr<Context>>;
  Object object = engine.NewContext();
  if (object == nullptr) return Made::Error(Code::kNoMemory, TakeReason());
  std::unique_ptr<Context> context(new Context(engine, std::move(object)));
  void* const raw = context->context_.get();
  CallSlot<void, void*, int64_t>(raw, Calls().set_device_memory, reinterpret_cast<void*>(scratch.address()), static_cast<int64_t>(scratch.size()));
  // The first one is chosen by itself.
  if (profile > 0 && !CallSlot<bool, int32_t, cuda::Stream*>(raw, Calls().set_profile, static_cast<int32_t>(profile), stream)) {
    return Made::Error(Code::kLoadFailed, "profile " + std::to_string(profile) + ": " + TakeReason());
  }
  return Made::Of(std::move(context));
}

Status Context::SetAddress(const IoTensor& io, void* memory) {
  TakeReason();
  if (CallSlot<bool, const char*, void*>(context_.get(), Calls().set_tensor_address, io.name.c_str(), memory)) return Status::Ok();
  return Status::Error(Code::kLoadFailed, "\"" + io.name + "\": " + TakeReason());
}

Status Context::SetAllocator(const IoTensor& io, OutputAllocator* allocator) {
  TakeReason();
  if (CallSlot<bool, const char*, OutputAllocator*>(context_.get(), Calls().set_output_allocator, io.name.c_str(), allocator)) return Status::Ok();
  return Status::Error(Code::kLoadFailed, "\"" + io.name + "\": " + TakeReason());
}

Status Context::SetShapes(const std::vector<int64_t>& key, const std::vector<Dims>& shapes, Shapes* found) {
  TakeReason();
  key_.clear();
  found->input_bytes.clear();
  for (size_t i = 0; i < shapes.size(); ++i) {
    const IoTensor& io = engine_.inputs()[i];
    if (!CallSlot<bool, const char*, const Dims*>(context_.get(), Calls().set_input_shape, io.name.c_str(), &shapes[i])) {
      return Status::Error(Code::kBadInput, "input \"" + io.name + "\": " + TakeReason());
    }
    found->input_bytes.push_back(ElementsOf(shapes[i]) * ElementBytes(io.type));
  }
  Status done = InferShapes(found);
  if (done.ok()) key_ = key;
  return done;
}

Status Context::InferShapes(Shapes* found) {
  // What is wrong with the values of a shape tensor shows here.
  if (CallSlot<int32_t, int32_t, const char**>(context_.get(), Calls().infer_shapes, 0, nullptr) != 0) return Status::Error(Code::kBadInput, TakeReason());
  found->output_shapes.clear();
  found->output_bytes.clear();
  found->decided_by_data.clear();
  for (const IoTensor& io : engine_.outputs()) {
    const Dims dims = CallSlot<Dims, const char*>(context_.get(), Calls().tensor_shape, io.name.c_str());
    const bool by_data = std::any_of(dims.axes, dims.axes + dims.rank, [](int64_t axis) { return axis < 0; });
    const int64_t most = by_data ? CallSlot<int64_t, const char*>(context_.get(), Calls().max_output_bytes, io.name.c_str()) : 0;
    if (by_data && most < 0) return Status::Error(Code::kBadModel, "output \"" + io.name + "\" has a size that only its data decide, and no bound: " + TakeReason());
    found->output_shapes.emplace_back(dims.axes, dims.axes + dims.rank);
    found->output_bytes.push_back(by_data ? static_cast<size_t>(most) : ElementsOf(dims) * ElementBytes(io.type));
    found->decided_by_data.push_back(by_data);
  }
  return Status::Ok();
}

Status Context::Enqueue(cuda::Stream* stream) {
  TakeReason();
  if (CallSlot<bool, cuda::Stream*>(context_.get(), Calls().enqueue, stream)) return Status::Ok();
  return engine_.gpu().Explain(Status::Error(Code::kEngineFailed, TakeReason()));
}

}  // namespace pilotlight::trt
