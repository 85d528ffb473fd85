#include "tensorrt/slot.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "tensorrt/library.h"

namespace pilotlight::trt {
namespace {

// Graphs hold memory, so a model of very many shapes keeps those it met first.
constexpr size_t kPlansMax = 64;

size_t BytesOf(const Dims& dims, ElementType type) {
  size_t bytes = ElementBytes(type);
  for (int32_t i = 0; i < dims.rank; ++i) bytes *= static_cast<size_t>(dims.axes[i]);
  return bytes;
}

Dims DimsOf(const std::vector<int64_t>& shape) {
  Dims dims;
  dims.rank = static_cast<int32_t>(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) dims.axes[i] = shape[i];
  return dims;
}

std::string Describe(const Dims& dims) {
  std::string text;
  for (int32_t i = 0; i < dims.rank; ++i) text += (i == 0 ? "" : "x") + std::to_string(dims.axes[i]);
  return text;
}

}  // namespace

Result<std::unique_ptr<Slot>> TensorRtSlot::Make(TensorRtEngine& engine) {
  std::unique_ptr<TensorRtSlot> slot(new TensorRtSlot(engine));
  const Status done = slot->Open();
  if (!done.ok()) return {done, nullptr};
  return Result<std::unique_ptr<Slot>>::Of(std::move(slot));
}

Status TensorRtSlot::Open() {
  const cuda::Driver& cuda = cuda::driver();
  Status done = engine_.gpu().Enter();
  if (done.ok()) done = cuda::Check(cuda.StreamCreate(&stream_, cuda::kStreamNonBlocking), "cuStreamCreate");
  if (done.ok()) done = cuda::Check(cuda.EventCreate(&done_, cuda::kEventDisableTiming), "cuEventCreate");
  if (!done.ok()) return done;

  auto scratch = cuda::DeviceBlock::Allocate(engine_.pool(), static_cast<size_t>(engine_.scratch_bytes()));
  if (!scratch.ok()) return scratch.status;
  scratch_ = std::move(scratch.value);
  context_ = engine_.NewContext();
  if (context_ == nullptr) return Status::Error(Code::kNoMemory, TakeReason());
  const auto& slots = library().slots.context;
  CallSlot<void, void*, int64_t>(context_.get(), slots.set_device_memory, reinterpret_cast<void*>(scratch_.address()), static_cast<int64_t>(scratch_.size()));

  // The largest shapes tell how large the buffers must be.
  Plan largest;
  std::vector<Dims> shapes;
  for (const IoTensor& input : engine_.inputs()) shapes.push_back(input.max);
  done = SetShapes(shapes, &largest);
  EngineMemory held;
  held.scratch_bytes = static_cast<int64_t>(scratch_.size());
  size_t run_bytes = 0;
  const auto add = [&](std::vector<Buffer>* buffers, const IoTensor& io, size_t bytes) {
    auto host = cuda::PinnedBlock::Allocate(bytes);
    auto device = cuda::DeviceBlock::Allocate(engine_.pool(), bytes);
    if (!host.ok()) return host.status;
    if (!device.ok()) return device.status;
    held.staging_bytes += static_cast<int64_t>(bytes);
    run_bytes += bytes >= kStagedBytes ? bytes : 0;
    void* const address = reinterpret_cast<void*>(device.value.address());
    buffers->push_back({std::move(host.value), std::move(device.value), nullptr, {}});
    const bool is_set = CallSlot<bool, const char*, void*>(context_.get(), slots.set_tensor_address, io.name.c_str(), address);
    return is_set ? Status::Ok() : Status::Error(Code::kLoadFailed, "\"" + io.name + "\": " + TakeReason());
  };
  for (size_t i = 0; done.ok() && i < engine_.inputs().size(); ++i) done = add(&inputs_, engine_.inputs()[i], largest.input_bytes[i]);
  for (size_t i = 0; done.ok() && i < engine_.outputs().size(); ++i) done = add(&outputs_, engine_.outputs()[i], largest.output_bytes[i]);
  if (done.ok()) done = engine_.NeedStaging(run_bytes);
  if (done.ok()) Hold(held);
  return done;
}

TensorRtSlot::~TensorRtSlot() {
  const cuda::Driver& cuda = cuda::driver();
  engine_.gpu().Enter();
  if (stream_ != nullptr) cuda.StreamSynchronize(stream_);
  plans_.clear();
  context_.reset();
  engine_.Count({0, -held_.scratch_bytes, -held_.staging_bytes, -held_.graphs_bytes});
  if (done_ != nullptr) cuda.EventDestroy(done_);
  if (stream_ != nullptr) cuda.StreamDestroy(stream_);
}

Status TensorRtSlot::Run(const RunRequest& request, std::vector<Tensor>* outputs) {
  assert(request.inputs->size() == inputs_.size() && "inputs are checked against the signature before they are submitted");
  Status done = engine_.gpu().Enter();
  if (done.ok()) done = CheckRange(request);
  if (!done.ok()) return done;
  StageIn(request);
  const auto found = PlanFor(request);
  if (!found.ok()) return found.status;
  running_ = found.value;
  StageOut(request, *running_);
  done = Launch(*running_);
  if (done.ok()) done = Wait();
  return done.ok() ? CopyOut(request, outputs) : done;
}

DrivenSlot::Began TensorRtSlot::Start(const RunRequest& request, Status* failure) {
  *failure = engine_.gpu().Enter();
  if (failure->ok()) *failure = CheckRange(request);
  if (!failure->ok()) return Began::kFailed;
  running_ = KnownPlan(request);
  // What has no graph takes some 0.4 ms to enqueue.
  if (running_ == nullptr || running_->graph == nullptr) return Began::kAside;
  StageIn(request);
  StageOut(request, *running_);
  *failure = Launch(*running_);
  if (failure->ok()) *failure = cuda::Check(cuda::driver().EventRecord(done_, stream_), "cuEventRecord");
  return failure->ok() ? Began::kStarted : Began::kFailed;
}

bool TensorRtSlot::Poll(const RunRequest& request, Status* status, std::vector<Tensor>* outputs) {
  const cuda::Return found = cuda::driver().EventQuery(done_);
  if (found == cuda::kNotReady) return false;
  *status = cuda::Check(found, "the run on the GPU");
  if (status->ok()) *status = CopyOut(request, outputs);
  return true;
}

Status TensorRtSlot::Launch(const Plan& plan) {
  if (plan.graph == nullptr) return Enqueue(plan);
  Status done = Status::Ok();
  const auto point = [&](const std::vector<Buffer>& buffers, const std::vector<size_t>& bytes) {
    for (size_t i = 0; done.ok() && i < buffers.size(); ++i) {
      if (bytes[i] > 0) done = plan.graph->Point(buffers[i].device.address(), buffers[i].now);
    }
  };
  point(inputs_, plan.input_bytes);
  point(outputs_, plan.output_bytes);
  return done.ok() ? plan.graph->Launch(stream_) : done;
}

void TensorRtSlot::StageIn(const RunRequest& request) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Bytes& bytes = (*request.inputs)[i].bytes;
    const bool is_staged = engine_.staging() != nullptr && engine_.staging()->Owns(bytes);
    inputs_[i].now = is_staged ? bytes.data() : inputs_[i].host.data();
    if (!is_staged && bytes.size() > 0) std::memcpy(inputs_[i].host.data(), bytes.data(), bytes.size());
  }
}

void TensorRtSlot::StageOut(const RunRequest& request, const Plan& plan) {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    Buffer& output = outputs_[i];
    const bool is_wanted = request.wanted == nullptr || (*request.wanted)[i];
    output.staged = is_wanted && plan.output_bytes[i] >= kStagedBytes && engine_.staging() != nullptr ? engine_.staging()->Take(plan.output_bytes[i]) : Bytes();
    output.now = output.staged.data() != nullptr ? output.staged.data() : output.host.data();
  }
}

Status TensorRtSlot::CopyOut(const RunRequest& request, std::vector<Tensor>* outputs) {
  outputs->clear();
  outputs->resize(outputs_.size());
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (request.wanted != nullptr && !(*request.wanted)[i]) continue;
    Tensor& tensor = (*outputs)[i];
    tensor.type = engine_.outputs()[i].type;
    tensor.shape = running_->output_shapes[i];
    tensor.bytes = std::move(outputs_[i].staged);
    if (tensor.bytes.data() != nullptr) continue;
    tensor.bytes = Bytes::Allocate(running_->output_bytes[i]);
    if (tensor.bytes.data() == nullptr) return Status::Error(Code::kNoMemory, "no memory for output \"" + engine_.outputs()[i].name + "\"");
    std::memcpy(tensor.bytes.data(), outputs_[i].host.data(), running_->output_bytes[i]);
  }
  return Status::Ok();
}

Status TensorRtSlot::CheckRange(const RunRequest& request) const {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const IoTensor& io = engine_.inputs()[i];
    const std::vector<int64_t>& shape = (*request.inputs)[i].shape;
    bool fits = shape.size() == static_cast<size_t>(io.max.rank);
    for (size_t axis = 0; fits && axis < shape.size(); ++axis) fits = io.min.axes[axis] <= shape[axis] && shape[axis] <= io.max.axes[axis];
    if (fits) continue;
    return Status::Error(Code::kBadInput, "input \"" + io.name + "\" is " + Describe(DimsOf(shape)) + ", and the engine takes " + Describe(io.min) +
                                            " to " + Describe(io.max));
  }
  return Status::Ok();
}

Status TensorRtSlot::SetShapes(const std::vector<Dims>& shapes, Plan* plan) {
  const auto& slots = library().slots.context;
  void* const context = context_.get();
  TakeReason();
  plan->input_bytes.clear();
  for (size_t i = 0; i < shapes.size(); ++i) {
    const IoTensor& io = engine_.inputs()[i];
    if (!CallSlot<bool, const char*, const Dims*>(context, slots.set_input_shape, io.name.c_str(), &shapes[i])) {
      return Status::Error(Code::kBadInput, "input \"" + io.name + "\": " + TakeReason());
    }
    plan->input_bytes.push_back(BytesOf(shapes[i], io.type));
  }
  if (CallSlot<int32_t, int32_t, const char**>(context, slots.infer_shapes, 0, nullptr) != 0) return Status::Error(Code::kEngineFailed, TakeReason());
  plan->output_shapes.clear();
  plan->output_bytes.clear();
  for (const IoTensor& io : engine_.outputs()) {
    const Dims dims = CallSlot<Dims, const char*>(context, slots.tensor_shape, io.name.c_str());
    for (int32_t axis = 0; axis < dims.rank; ++axis) {
      if (dims.axes[axis] < 0) return Status::Error(Code::kBadModel, "output \"" + io.name + "\" has a size that only its data decide: not yet");
    }
    plan->output_shapes.emplace_back(dims.axes, dims.axes + dims.rank);
    plan->output_bytes.push_back(BytesOf(dims, io.type));
  }
  return Status::Ok();
}

TensorRtSlot::Plan* TensorRtSlot::KnownPlan(const RunRequest& request) {
  key_.clear();
  for (const Tensor& input : *request.inputs) key_.insert(key_.end(), input.shape.begin(), input.shape.end());
  const auto found = plans_.find(key_);
  return found == plans_.end() ? nullptr : &found->second;
}

Result<TensorRtSlot::Plan*> TensorRtSlot::PlanFor(const RunRequest& request) {
  Plan* const known = KnownPlan(request);
  if (known != nullptr && (known->graph != nullptr || set_key_ == key_)) return Result<Plan*>::Of(known);

  std::vector<Dims> shapes;
  for (const Tensor& input : *request.inputs) shapes.push_back(DimsOf(input.shape));
  Plan plan;
  Status done = SetShapes(shapes, &plan);
  set_key_ = key_;
  if (!done.ok()) return {done, nullptr};
  if (known != nullptr) return Result<Plan*>::Of(known);
  // A shape's first run is what makes it ready, and a graph can be captured only after it.
  StageOut(request, plan);
  done = Enqueue(plan);
  if (done.ok()) done = Wait();
  if (!done.ok()) return {done, nullptr};
  if (plans_.size() < kPlansMax) Capture(&plan);
  return Result<Plan*>::Of(&(plans_[key_] = std::move(plan)));
}

Status TensorRtSlot::Enqueue(const Plan& plan) {
  const cuda::Driver& cuda = cuda::driver();
  Status done = Status::Ok();
  for (size_t i = 0; done.ok() && i < inputs_.size(); ++i) {
    if (plan.input_bytes[i] == 0) continue;
    done = cuda::Check(cuda.MemcpyToDeviceAsync(inputs_[i].device.address(), inputs_[i].now, plan.input_bytes[i], stream_), "cuMemcpyHtoDAsync");
  }
  if (!done.ok()) return done;
  TakeReason();
  if (!CallSlot<bool, cuda::Stream*>(context_.get(), library().slots.context.enqueue, stream_)) return Status::Error(Code::kEngineFailed, TakeReason());
  for (size_t i = 0; done.ok() && i < outputs_.size(); ++i) {
    if (plan.output_bytes[i] == 0) continue;
    done = cuda::Check(cuda.MemcpyToHostAsync(outputs_[i].now, outputs_[i].device.address(), plan.output_bytes[i], stream_), "cuMemcpyDtoHAsync");
  }
  return done;
}

void TensorRtSlot::Capture(Plan* plan) {
  const int64_t free_before = engine_.gpu().FreeBytes();
  plan->graph = cuda::CapturedGraph::Capture(engine_.gpu(), stream_, [&] { return Enqueue(*plan); });
  // Others may come and go meanwhile, so it is no more than a good guess.
  if (plan->graph != nullptr) Hold({0, 0, 0, std::max<int64_t>(0, free_before - engine_.gpu().FreeBytes())});
}

void TensorRtSlot::Hold(const EngineMemory& more) {
  held_.scratch_bytes += more.scratch_bytes;
  held_.staging_bytes += more.staging_bytes;
  held_.graphs_bytes += more.graphs_bytes;
  engine_.Count(more);
}

Status TensorRtSlot::Wait() {
  const cuda::Driver& cuda = cuda::driver();
  Status done = cuda::Check(cuda.EventRecord(done_, stream_), "cuEventRecord");
  if (!done.ok()) return done;
  for (;;) {
    const cuda::Return found = cuda.EventQuery(done_);
    if (found == cuda::kSuccess) return Status::Ok();
    if (found != cuda::kNotReady) return cuda::Check(found, "the run on the GPU");
  }
}

}  // namespace pilotlight::trt
