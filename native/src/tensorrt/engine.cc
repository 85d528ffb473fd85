#include "tensorrt/engine.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "cuda/pinned.h"
#include "tensorrt/library.h"
#include "tensorrt/plan_file.h"
#include "tensorrt/plan_header.h"
#include "tensorrt/slot.h"

namespace pilotlight::trt {
namespace {

std::mutex& making() {
  static std::mutex& leaked = *new std::mutex;
  return leaked;
}

bool FromDataType(DataType type, ElementType* found) {
  switch (type) {
    case DataType::kFloat: *found = ElementType::kFloat32; return true;
    case DataType::kHalf: *found = ElementType::kFloat16; return true;
    case DataType::kBfloat16: *found = ElementType::kBfloat16; return true;
    case DataType::kInt8: *found = ElementType::kInt8; return true;
    case DataType::kUint8: *found = ElementType::kUint8; return true;
    case DataType::kInt32: *found = ElementType::kInt32; return true;
    case DataType::kInt64: *found = ElementType::kInt64; return true;
    case DataType::kBool: *found = ElementType::kBool; return true;
    case DataType::kFp8:
    case DataType::kInt4: break;
  }
  return false;
}

Status CheckVersion(const std::string& path) {
  const auto header = ReadPlanHeader(path);
  if (!header.ok()) return header.status;
  const PlanHeader& plan = header.value;
  // One that brings its own code may run on a later version: TensorRT judges.
  if (IsPlanHostCodeAllowed()) return Status::Ok();
  if (!plan.is_known || plan.major * 10000 + plan.minor * 100 + plan.patch == library().number) return Status::Ok();
  const std::string built = std::to_string(plan.major) + "." + std::to_string(plan.minor) + "." + std::to_string(plan.patch);
  return Status::Error(Code::kBadModel, path + ": was built by TensorRT " + built + ", and this host has " + library().version + " (" + library().path +
                                          "); build it with that version, or install the one that built it");
}

TensorSpec SpecOf(const std::string& name, ElementType type, const Dims& dims) {
  TensorSpec spec;
  spec.name = name;
  spec.type = type;
  spec.shape.assign(dims.axes, dims.axes + dims.rank);
  spec.symbols.resize(spec.shape.size());
  return spec;
}

}  // namespace

// Of the engine's own pool, so that what it holds can be told.
class TensorRtEngine::Allocator final : public GpuAllocator {
 public:
  explicit Allocator(cuda::MemoryPool& pool) : pool_(pool) {}

  void* AllocateAsync(uint64_t size, uint64_t, uint32_t, void* stream) noexcept override {
    if (size == 0) return nullptr;
    void* const memory = reinterpret_cast<void*>(pool_.Allocate(size, static_cast<cuda::Stream*>(stream)));
    if (memory == nullptr) refused_bytes_.store(size, std::memory_order_relaxed);
    return memory;
  }

  bool FreeAsync(void* memory, void* stream) noexcept override {
    if (memory != nullptr) pool_.Free(reinterpret_cast<cuda::DevicePtr>(memory), static_cast<cuda::Stream*>(stream));
    return true;
  }

  // Of the last block that the GPU did not have: TensorRT itself only tells that something failed. 0: it had all.
  uint64_t refused_bytes() const { return refused_bytes_.load(std::memory_order_relaxed); }

 private:
  cuda::MemoryPool& pool_;
  std::atomic<uint64_t> refused_bytes_{0};
};

Result<std::unique_ptr<Engine>> TensorRtEngine::Load(const EngineSpec& spec) {
  using Loaded = Result<std::unique_ptr<Engine>>;
  const auto opened = OpenLibrary();
  if (!opened.ok()) return {opened.status, nullptr};
  const auto gpu = cuda::Gpu::Find(spec.device);
  if (!gpu.ok()) return {gpu.status, nullptr};
  Status done = gpu.value->Enter();
  if (done.ok()) done = CheckVersion(spec.path);
  if (!done.ok()) return {done, nullptr};

  auto pool = cuda::MemoryPool::Make(*gpu.value);
  if (!pool.ok()) return {pool.status, nullptr};
  std::unique_ptr<TensorRtEngine> engine(new TensorRtEngine(*gpu.value, std::move(pool.value)));
  done = engine->Deserialize(spec.path);
  if (done.ok()) done = engine->ReadTensors();
  if (!done.ok()) return {gpu.value->Explain(Status::Error(done.code, spec.path + ": " + done.message)), nullptr};
  return Loaded::Of(std::move(engine));
}

TensorRtEngine::TensorRtEngine(const cuda::Gpu& gpu, std::unique_ptr<cuda::MemoryPool> pool)
    : gpu_(gpu), pool_(std::move(pool)), allocator_(std::make_unique<Allocator>(*pool_)) {}

TensorRtEngine::~TensorRtEngine() {
  gpu_.Enter();
  std::lock_guard<std::mutex> lock(making());
  engine_.reset();
  runtime_.reset();
  cuda::PinnedMemory::Get().Release(pinned_bytes_.load(std::memory_order_relaxed));
}

Status TensorRtEngine::Deserialize(const std::string& path) {
  std::lock_guard<std::mutex> lock(making());
  TakeReason();
  runtime_.reset(NewRuntime());
  if (runtime_ == nullptr) return Status::Error(Code::kLoadFailed, TakeReason());
  const Slots& slots = library().slots;
  CallSlot<void, GpuAllocator*>(runtime_.get(), slots.runtime.set_gpu_allocator, allocator_.get());
  const auto read = DeserializeFile(runtime_.get(), path);
  if (!read.ok()) return read.status;
  engine_.reset(read.value);
  const uint64_t refused = allocator_->refused_bytes();
  if (engine_ == nullptr && refused > 0) return Status::Error(Code::kNoMemory, "the GPU has no " + std::to_string(refused) + " bytes left: " + TakeReason());
  if (engine_ == nullptr) return Status::Error(Code::kBadModel, TakeReason());
  scratch_bytes_ = CallSlot<int64_t>(engine_.get(), slots.engine.device_memory_bytes);
  return Status::Ok();
}

Status TensorRtEngine::ReadTensors() {
  const auto& slots = library().slots.engine;
  void* const engine = engine_.get();
  const int32_t count = CallSlot<int32_t>(engine, slots.tensor_count);
  for (int32_t i = 0; i < count; ++i) {
    const char* const name = CallSlot<const char*, int32_t>(engine, slots.tensor_name, i);
    auto io = ReadTensor(name);
    if (!io.ok()) return io.status;
    const bool is_input = CallSlot<IoMode, const char*>(engine, slots.tensor_mode, name) == IoMode::kInput;
    (is_input ? signature_.inputs : signature_.outputs).push_back(SpecOf(io.value.name, io.value.type, CallSlot<Dims, const char*>(engine, slots.tensor_shape, name)));
    (is_input ? inputs_ : outputs_).push_back(std::move(io.value));
  }
  profiles_.resize(static_cast<size_t>(CallSlot<int32_t>(engine, slots.profile_count)));
  for (size_t profile = 0; profile < profiles_.size(); ++profile) {
    for (const IoTensor& io : inputs_) profiles_[profile].push_back(ReadRange(io, static_cast<int32_t>(profile)));
  }
  return Status::Ok();
}

Result<IoTensor> TensorRtEngine::ReadTensor(const char* name) const {
  const auto& slots = library().slots.engine;
  const auto refuse = [name](const std::string& why) { return Result<IoTensor>::Error(Code::kBadModel, "\"" + std::string(name) + "\" " + why); };
  IoTensor io;
  io.name = name;
  if (!FromDataType(CallSlot<DataType, const char*>(engine_.get(), slots.tensor_type, name), &io.type)) return refuse("has an element type that a tensor here cannot have");
  io.on_host = CallSlot<Location, const char*>(engine_.get(), slots.tensor_location, name) == Location::kHost;
  if (io.on_host && io.type != ElementType::kInt32 && io.type != ElementType::kInt64) return refuse("is a shape tensor of another type than int32 and int64");
  if (CallSlot<int32_t, const char*>(engine_.get(), slots.tensor_format, name) != kFormatLinear) {
    return refuse("does not lie row by row: build the engine without a format for its inputs and outputs");
  }
  return Result<IoTensor>::Of(std::move(io));
}

InputRange TensorRtEngine::ReadRange(const IoTensor& io, int32_t profile) const {
  const auto& slots = library().slots.engine;
  const char* const name = io.name.c_str();
  InputRange range;
  range.min = CallSlot<Dims, const char*, int32_t, Selector>(engine_.get(), slots.profile_shape, name, profile, Selector::kMin);
  range.max = CallSlot<Dims, const char*, int32_t, Selector>(engine_.get(), slots.profile_shape, name, profile, Selector::kMax);
  if (!io.on_host) return range;
  const void* const values = CallSlot<const void*, const char*, int32_t, Selector>(engine_.get(), slots.profile_values, name, profile, Selector::kMax);
  for (size_t i = 0; values != nullptr && i < ElementsOf(range.max); ++i) {
    range.max_values.push_back(MajorOf(library().number) >= 11 ? static_cast<const int64_t*>(values)[i] : static_cast<const int32_t*>(values)[i]);
  }
  return range;
}

Object TensorRtEngine::NewContext() {
  std::lock_guard<std::mutex> lock(making());
  TakeReason();
  return Object(CallSlot<void*, int32_t>(engine_.get(), library().slots.engine.create_context, kUserManagedMemory));
}

Result<std::unique_ptr<Slot>> TensorRtEngine::NewSlot() {
  auto slot = TensorRtSlot::Make(*this);
  slot.status = gpu_.Explain(std::move(slot.status));
  return slot;
}

Status TensorRtEngine::ReservePinned(size_t run_bytes, size_t largest) {
  // A run and its successor.
  const size_t bytes = 2 * run_bytes;
  const Status done = cuda::PinnedMemory::Get().Reserve(bytes, largest);
  if (done.ok()) pinned_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  return done;
}

Bytes TensorRtEngine::AllocateInput(size_t size) {
  Bytes bytes = size >= kStagedBytes ? cuda::PinnedMemory::Get().Take(size) : Bytes();
  return bytes.data() != nullptr ? std::move(bytes) : Bytes::Allocate(size);
}

void TensorRtEngine::Count(const EngineMemory& more) {
  scratch_held_.fetch_add(more.scratch_bytes, std::memory_order_relaxed);
  staging_held_.fetch_add(more.staging_bytes, std::memory_order_relaxed);
  graphs_held_.fetch_add(more.graphs_bytes, std::memory_order_relaxed);
}

EngineMemory TensorRtEngine::memory() const {
  EngineMemory memory;
  memory.scratch_bytes = scratch_held_.load(std::memory_order_relaxed);
  memory.staging_bytes = staging_held_.load(std::memory_order_relaxed);
  memory.graphs_bytes = graphs_held_.load(std::memory_order_relaxed);
  // All else that the pool has of the device: weights, what the library keeps beside them, and what is reserved in whole chunks.
  memory.weights_bytes = std::max<int64_t>(0, pool_->reserved_bytes() - memory.scratch_bytes - memory.staging_bytes);
  return memory;
}

}  // namespace pilotlight::trt
