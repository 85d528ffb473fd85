// One run of a context: what must be set before it, what the GPU then does, and outputs whose size only their data decide.
#include <chrono>
#include <cstring>
#include <thread>

#include "compute.h"
#include "objects.h"

namespace pilotlight::doubles {
namespace {

// Of IOutputAllocator's own table.
constexpr int kReallocateOutputAsync = 5, kNotifyShape = 6;
constexpr uint64_t kAlignment = 256;

struct Place {
  uint64_t address = 0;
  std::vector<int64_t> shape;
  size_t bytes = 0;
  std::vector<unsigned char> host;  // of a shape tensor, as it was at the enqueue
};

// All that a run needs, as it is when it is enqueued.
struct Snapshot {
  Engine* engine = nullptr;
  std::vector<Place> inputs, outputs;
};

std::vector<int64_t> ShapeOf(const Dims& dims) { return {dims.axes, dims.axes + dims.rank}; }

uint64_t AddressOf(const Context& context, const std::string& name) {
  const auto found = context.addresses.find(name);
  return found == context.addresses.end() ? 0 : found->second;
}

// Why it cannot run yet; "" when it can.
std::string TakeSnapshot(const Context& context, Snapshot* snapshot) {
  const auto usage = [](const std::string& what) { return "enqueueV3: Error Code 3: API Usage Error (Parameter check failed, condition: " + what + ")"; };
  snapshot->engine = context.engine;
  for (const InputText& input : context.engine->plan.inputs) {
    Place place;
    Dims dims;
    if (!context.ShapeOf(input, &dims)) return usage("allInputDimensionsSpecified(" + std::to_string(context.profile) + "). Shape of " + input.name + " is not set.");
    place.shape = ShapeOf(dims);
    place.bytes = BytesOf(input.type, ElementsOf(place.shape));
    place.address = AddressOf(context, input.name);
    if (place.address == 0) return usage("mContext.profileObliviousBindings.at(profileObliviousIndex). Address is not set for input tensor " + input.name +
                                         ". Call setInputTensorAddress or setTensorAddress before enqueue/execute.");
    if (input.is_host) {
      const auto* const data = reinterpret_cast<const unsigned char*>(place.address);
      place.host.assign(data, data + place.bytes);
    }
    snapshot->inputs.push_back(std::move(place));
  }
  for (const OutputText& output : context.engine->plan.outputs) {
    Place place;
    Dims dims;
    place.address = AddressOf(context, output.name);
    if (context.ShapeOf(output, &dims)) {
      place.shape = ShapeOf(dims);
      place.bytes = BytesOf(output.type, ElementsOf(place.shape));
    }
    if (place.address == 0 && context.allocators.count(output.name) == 0) return usage("mContext.profileObliviousBindings.at(profileObliviousIndex) || getPtrOrNull(mOutputAllocators, "
      "profileObliviousIndex). Neither address or allocator is set for output tensor " + output.name + ". Call setOutputTensorAddress, setTensorAddress or setOutputAllocator before enqueue/execute.");
    snapshot->outputs.push_back(std::move(place));
  }
  const std::string objection = context.ObjectionToValues();
  if (!objection.empty()) return "enqueueV3: " + objection;
  const int64_t scratch = context.engine->ScratchOf(context.profile);
  if (scratch > context.scratch_bytes || (scratch > 0 && context.scratch == 0)) {
    return usage("mDeviceMemory. The context needs " + std::to_string(scratch) + " bytes of device memory, and has " + std::to_string(context.scratch_bytes) + ".");
  }
  return "";
}

std::string KeyOf(const Snapshot& snapshot, int profile) {
  std::string key = std::to_string(profile);
  for (const Place& place : snapshot.inputs) {
    for (const int64_t axis : place.shape) key += ',' + std::to_string(axis);
    key += ';' + std::string(place.host.begin(), place.host.end());
  }
  return key;
}

cuda::Return Beyond(const std::string& name) {
  WrongUse("the memory of \"" + name + "\" is smaller than its shape needs, or is not there any more");
  return 700;
}

// What the GPU does.
cuda::Return Do(const Snapshot& snapshot, std::vector<std::vector<unsigned char>>* kept, std::vector<std::vector<int64_t>>* shapes) {
  const PlanText& plan = snapshot.engine->plan;
  const int64_t run = ++snapshot.engine->runs;
  if (plan.fault != 0 && run == plan.fault_at_run) return plan.fault;
  std::vector<TensorNow> inputs;
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    const Place& place = snapshot.inputs[i];
    const unsigned char* const data = plan.inputs[i].is_host ? place.host.data() : place.bytes == 0 ? nullptr : MemoryAt(place.address, place.bytes);
    if (data == nullptr && place.bytes > 0) return Beyond(plan.inputs[i].name);
    inputs.push_back({data, plan.inputs[i].type, place.shape});
  }
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    std::vector<int64_t> shape;
    std::vector<unsigned char> bytes = Compute(plan.outputs[i], inputs, &shape);
    if (kept != nullptr) {
      kept->push_back(std::move(bytes));
      shapes->push_back(std::move(shape));
      continue;
    }
    unsigned char* const data = bytes.empty() ? nullptr : MemoryAt(snapshot.outputs[i].address, bytes.size());
    if (data == nullptr && !bytes.empty()) return Beyond(plan.outputs[i].name);
    if (data != nullptr) std::memcpy(data, bytes.data(), bytes.size());
  }
  return 0;
}

Run RunOf(const Context& context, const Snapshot& snapshot) {
  const PlanText& plan = context.engine->plan;
  Run run;
  run.name = "a run";
  const int64_t rows = snapshot.inputs.empty() || snapshot.inputs[0].shape.empty() ? 0 : snapshot.inputs[0].shape[0];
  run.ns = (plan.run_us + plan.row_us * rows) * 1000;
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    if (!plan.inputs[i].is_host) run.ranges.push_back({snapshot.inputs[i].address, snapshot.inputs[i].bytes, false});
  }
  for (const Place& place : snapshot.outputs) run.ranges.push_back({place.address, place.bytes, true});
  run.ranges.push_back({context.scratch, static_cast<size_t>(context.engine->ScratchOf(context.profile)), true});
  run.ranges.push_back({context.engine->weights, static_cast<size_t>(plan.weights), false});
  // The context's own state.
  run.ranges.push_back({reinterpret_cast<uint64_t>(&context), 1, true});
  run.objection = [is_alive = context.is_alive]() -> std::string { return is_alive->load() ? "" : "the context has been destroyed"; };
  return run;
}

// Waits for the sizes, as the real library does: so it cannot be captured.
cuda::Return EnqueueDataDependent(Context* context, Snapshot snapshot, cuda::Stream* stream) {
  auto kept = std::make_shared<std::vector<std::vector<unsigned char>>>();
  auto shapes = std::make_shared<std::vector<std::vector<int64_t>>>();
  Run first = RunOf(*context, snapshot);
  first.effect = [snapshot, kept, shapes] { return Do(snapshot, kept.get(), shapes.get()); };
  cuda::Return failure = LaunchRun(stream, std::move(first));
  if (failure == 0) failure = AwaitStream(stream);
  if (failure != 0) return failure;
  Run second;
  second.name = "a run's outputs";
  for (size_t i = 0; i < snapshot.outputs.size(); ++i) {
    const std::string& name = context->engine->plan.outputs[i].name;
    uint64_t address = snapshot.outputs[i].address;
    const auto allocator = context->allocators.find(name);
    if (allocator != context->allocators.end() && allocator->second != nullptr) {
      // Never of size 0.
      const uint64_t bytes = std::max<uint64_t>((*kept)[i].size(), 1);
      void* const current = reinterpret_cast<void*>(address);
      address = reinterpret_cast<uint64_t>(CallVirtual<void*, const char*, void*, uint64_t, uint64_t, void*>(allocator->second, kReallocateOutputAsync, name.c_str(), current,
                                                                                                             bytes, kAlignment, stream));
      Dims dims;
      dims.rank = static_cast<int32_t>((*shapes)[i].size());
      std::copy((*shapes)[i].begin(), (*shapes)[i].end(), dims.axes);
      CallVirtual<void, const char*, const Dims*>(allocator->second, kNotifyShape, name.c_str(), &dims);
      if (address == 0) return cuda::kOutOfMemory;
    }
    snapshot.outputs[i].address = address;
    second.ranges.push_back({address, (*kept)[i].size(), true});
  }
  second.effect = [snapshot, kept]() -> cuda::Return {
    for (size_t i = 0; i < kept->size(); ++i) {
      const auto& bytes = (*kept)[i];
      unsigned char* const data = bytes.empty() ? nullptr : MemoryAt(snapshot.outputs[i].address, bytes.size());
      if (data == nullptr && !bytes.empty()) return Beyond(snapshot.engine->plan.outputs[i].name);
      if (data != nullptr) std::memcpy(data, bytes.data(), bytes.size());
    }
    return 0;
  };
  return LaunchRun(stream, std::move(second));
}

}  // namespace

bool Enqueue(Context* context, cuda::Stream* stream) {
  const auto refuse = [&](const std::string& why) {
    context->Log(why);
    return false;
  };
  const auto failed = [&](cuda::Return failure) { return refuse("enqueueV3: Error Code 1: Cuda Runtime (" + ErrorOf(failure) + ")"); };
  const PlanText& plan = context->engine->plan;
  std::this_thread::sleep_for(std::chrono::microseconds(plan.enqueue_us));
  if (const auto failure = CountCall("enqueueV3")) return failed(failure);
  Snapshot snapshot;
  const std::string objection = TakeSnapshot(*context, &snapshot);
  if (!objection.empty()) return refuse(objection);
  const std::string key = KeyOf(snapshot, context->profile);
  // What a shape's first run sets up cannot be captured.
  if (IsCapturing(stream) && (!plan.is_capturable || plan.has_data_dependent_output() || context->ready.count(key) == 0)) {
    SpoilCapture(stream);
    return failed(900);
  }
  cuda::Return failure = 0;
  if (plan.has_data_dependent_output()) {
    failure = EnqueueDataDependent(context, std::move(snapshot), stream);
  } else {
    Run run = RunOf(*context, snapshot);
    run.effect = [snapshot] { return Do(snapshot, nullptr, nullptr); };
    failure = LaunchRun(stream, std::move(run));
  }
  if (failure != 0) return failed(failure);
  context->ready.insert(key);
  return true;
}

}  // namespace pilotlight::doubles
