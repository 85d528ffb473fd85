#include "tensorrt/slot.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <utility>

namespace pilotlight::trt {
namespace {

// Graphs hold memory, so a model of very many shapes keeps those it met first.
constexpr size_t kGraphsMax = 64;

std::atomic<bool> are_graphs_used{true};

std::vector<Dims> AllDimsOf(const RunRequest& request) {
  std::vector<Dims> dims;
  for (const Tensor& input : *request.inputs) dims.push_back(DimsOf(input.shape));
  return dims;
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
  for (size_t profile = 0; profile < engine_.profiles().size(); ++profile) {
    auto context = Context::Make(engine_, profile, stream_, scratch_);
    if (!context.ok()) return context.status;
    contexts_.push_back(std::move(context.value));
  }
  EngineMemory held;
  held.scratch_bytes = static_cast<int64_t>(scratch_.size());
  done = buffers_.Open(contexts_, &held);
  if (done.ok()) Hold(held);
  return done;
}

TensorRtSlot::~TensorRtSlot() {
  const cuda::Driver& cuda = cuda::driver();
  engine_.gpu().Enter();
  if (stream_ != nullptr) cuda.StreamSynchronize(stream_);
  plans_.clear();
  contexts_.clear();
  engine_.Count({0, -held_.scratch_bytes, -held_.staging_bytes, -held_.graphs_bytes});
  if (done_ != nullptr) cuda.EventDestroy(done_);
  if (stream_ != nullptr) cuda.StreamDestroy(stream_);
}

Status TensorRtSlot::Run(const RunRequest& request, std::vector<Tensor>* outputs) {
  Status status;
  const Began began = StartAside(request, &status, outputs);
  if (began != Began::kStarted) return status;
  status = Wait();
  return status.ok() ? buffers_.Take(request, running_->shapes, outputs) : status;
}

DrivenSlot::Began TensorRtSlot::Start(const RunRequest& request, Status* failure) {
  *failure = engine_.gpu().Enter();
  if (!failure->ok()) return Began::kFailed;
  Plan* const known = KnownPlan(request);
  // What has no graph takes some 0.4 ms to enqueue.
  if (known == nullptr || known->graph == nullptr || !buffers_.Stage(request, known->shapes)) return Began::kAside;
  *failure = Replay(*known);
  // Where there is time to make room.
  if (failure->code == Code::kNoMemory) return Began::kAside;
  return failure->ok() ? Began::kStarted : Began::kFailed;
}

DrivenSlot::Began TensorRtSlot::StartAside(const RunRequest& request, Status* failure, std::vector<Tensor>*) {
  assert(request.inputs->size() == engine_.inputs().size() && "inputs are checked against the signature before they are submitted");
  *failure = engine_.gpu().Enter();
  if (!failure->ok()) return Began::kFailed;
  *failure = LaunchAside(request);
  // Once: a run that is short of memory without any graph stays so.
  if (failure->code == Code::kNoMemory && FreeGraphs()) *failure = LaunchAside(request);
  return failure->ok() ? Began::kStarted : Began::kFailed;
}

Status TensorRtSlot::LaunchAside(const RunRequest& request) {
  const auto found = PlanFor(request);
  if (!found.ok()) return found.status;
  Plan& plan = *found.value;
  const bool is_pinned = buffers_.Stage(request, plan.shapes);
  return plan.graph != nullptr && is_pinned ? Replay(plan) : EnqueueAgain(request, &plan);
}

bool TensorRtSlot::FreeGraphs() {
  // What was begun for the run that failed may still go on.
  if (cuda::driver().StreamSynchronize(stream_) != cuda::kSuccess) return false;
  const bool any = std::any_of(plans_.begin(), plans_.end(), [](const auto& one) { return one.second.graph != nullptr; });
  if (!any) return false;
  // Each shape's next run is as its first, and captures it again if there is room then.
  plans_.clear();
  Hold({0, 0, 0, -held_.graphs_bytes});
  return true;
}

bool TensorRtSlot::Poll(const RunRequest& request, Status* status, std::vector<Tensor>* outputs) {
  const cuda::Return found = cuda::driver().EventQuery(done_);
  if (found == cuda::kNotReady) return false;
  *status = cuda::Check(found, "the run on the GPU");
  if (status->ok()) *status = buffers_.Take(request, running_->shapes, outputs);
  return true;
}

Status TensorRtSlot::Replay(const Plan& plan) {
  running_ = &plan;
  Status done = buffers_.Point(*plan.graph, plan.shapes);
  if (done.ok()) done = plan.graph->Launch(stream_);
  return done.ok() ? cuda::Check(cuda::driver().EventRecord(done_, stream_), "cuEventRecord") : done;
}

Status TensorRtSlot::EnqueueAgain(const RunRequest& request, Plan* plan) {
  running_ = plan;
  Status done = plan->context->HasShapes(key_) ? Status::Ok() : plan->context->SetShapes(key_, AllDimsOf(request), &plan->shapes);
  if (done.ok()) done = Enqueue(*plan);
  return done.ok() ? cuda::Check(cuda::driver().EventRecord(done_, stream_), "cuEventRecord") : done;
}

Status TensorRtSlot::Enqueue(const Plan& plan) {
  Status done = buffers_.CopyIn(plan.shapes, stream_);
  if (done.ok()) done = plan.context->Enqueue(stream_);
  return done.ok() ? buffers_.CopyOut(plan.shapes, stream_) : done;
}

TensorRtSlot::Plan* TensorRtSlot::KnownPlan(const RunRequest& request) {
  key_.clear();
  for (size_t i = 0; i < request.inputs->size(); ++i) {
    const Tensor& input = (*request.inputs)[i];
    key_.insert(key_.end(), input.shape.begin(), input.shape.end());
    if (!engine_.inputs()[i].on_host) continue;
    const std::vector<int64_t> values = ValuesOf(input);
    key_.insert(key_.end(), values.begin(), values.end());
  }
  const auto found = plans_.find(key_);
  return found == plans_.end() ? nullptr : &found->second;
}

Result<TensorRtSlot::Plan*> TensorRtSlot::PlanFor(const RunRequest& request) {
  Plan* const known = KnownPlan(request);
  buffers_.StageValues(request);
  if (known != nullptr) return Result<Plan*>::Of(known);
  const auto profile = FindProfile(engine_.profiles(), engine_.inputs(), *request.inputs);
  if (!profile.ok()) return {profile.status, nullptr};
  return NewPlan(request, *contexts_[profile.value]);
}

Result<TensorRtSlot::Plan*> TensorRtSlot::NewPlan(const RunRequest& request, Context& context) {
  Plan plan;
  plan.context = &context;
  Status done = context.SetShapes(key_, AllDimsOf(request), &plan.shapes);
  if (!done.ok()) return {done, nullptr};
  // A shape's first run is what makes it ready, and a graph can be captured only after it.
  const bool is_pinned = buffers_.Stage(request, plan.shapes);
  done = Enqueue(plan);
  if (done.ok()) done = cuda::Check(cuda::driver().EventRecord(done_, stream_), "cuEventRecord");
  if (done.ok()) done = Wait();
  if (!done.ok()) return {done, nullptr};
  const auto graphs = static_cast<size_t>(std::count_if(plans_.begin(), plans_.end(), [](const auto& one) { return one.second.graph != nullptr; }));
  if (is_pinned && graphs < kGraphsMax) Capture(&plan);
  return Result<Plan*>::Of(&(plans_[key_] = std::move(plan)));
}

void TensorRtSlot::Capture(Plan* plan) {
  // What the host is told of a run, a replay does not tell it again.
  const bool tells_host = std::any_of(engine_.outputs().begin(), engine_.outputs().end(), [](const IoTensor& io) { return io.on_host; });
  if (tells_host || plan->shapes.any_by_data() || !are_graphs_used.load(std::memory_order_relaxed)) return;
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
  for (;;) {
    const cuda::Return found = cuda::driver().EventQuery(done_);
    if (found == cuda::kSuccess) return Status::Ok();
    if (found != cuda::kNotReady) return cuda::Check(found, "the run on the GPU");
  }
}

}  // namespace pilotlight::trt

void pilotlight::UseGraphs(bool are_used) { pilotlight::trt::are_graphs_used.store(are_used, std::memory_order_relaxed); }
