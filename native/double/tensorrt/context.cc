// The pretended IExecutionContext: shapes and addresses. What it does with them stands in enqueue.cc.
#include <algorithm>

#include "compute.h"
#include "objects.h"
#include "slots.h"

namespace pilotlight::doubles {
namespace {

// One context is used by one thread at a time: with the real library two of them get wrong results and no word of it.
class Turn {
 public:
  Turn(Context* context, const char* call) : context_(context) {
    if (context_->users.fetch_add(1) > 0) WrongUse(std::string("two threads are in one context at once, one of them in ") + call);
  }
  ~Turn() { context_->users.fetch_sub(1); }

 private:
  Context* context_;
};

void DestroyContext(Object* object) {
  auto* const context = static_cast<Context*>(object->implementation);
  if (IsInFlight({reinterpret_cast<uint64_t>(context), 1, true})) WrongUse("a context is destroyed while it runs");
  context->is_alive->store(false);
  context->engine->Free(context->persistent);
  if (!context->is_user_managed) context->engine->Free(context->scratch);
  --context->engine->contexts;
  CountAlive("contexts", -1);
  delete context;
}

Object* EngineOf(Context* context) { return &context->engine->object; }
int32_t Profile(Context* context) { return context->profile; }

bool AllSpecified(Context* context) {
  const auto& inputs = context->engine->plan.inputs;
  Dims dims;
  return std::all_of(inputs.begin(), inputs.end(), [&](const InputText& input) { return input.is_host || context->ShapeOf(input, &dims); });
}

bool SetProfile(Context* context, int32_t profile, cuda::Stream*) {
  const Turn turn(context, "setOptimizationProfileAsync");
  if (profile < 0 || profile >= context->engine->plan.profiles()) return false;
  context->profile = profile;
  context->shapes.clear();
  return true;
}

bool SetInputShape(Context* context, const char* name, const Dims* dims) {
  const Turn turn(context, "setInputShape");
  if (const auto failure = CountCall("setInputShape")) {
    context->Log("setInputShape: Error Code 1: Cuda Runtime (" + ErrorOf(failure) + ")");
    return false;
  }
  const InputText* const input = context->engine->Input(name);
  if (input == nullptr) {
    context->Log(std::string("setInputShape: Error Code 3: API Usage Error (Given invalid tensor name: ") + name + ". Get valid tensor names with getIOTensorName())");
    return false;
  }
  for (int32_t axis = 0; axis < input->shape.rank && dims->rank == input->shape.rank; ++axis) {
    if (input->shape.axes[axis] < 0 || input->shape.axes[axis] == dims->axes[axis]) continue;
    context->Log("setInputShape: Error Code 3: API Usage Error (Parameter check failed, condition: engineDims.d[i] == dims.d[i]. Static dimension mismatch while setting input shape for " +
                 input->name + ". Set dimensions are " + Describe(*dims) + ". Expected dimensions are " + Describe(input->shape) + ".)");
    return false;
  }
  const auto& range = input->profiles.at(input->profiles.count(context->profile) > 0 ? context->profile : 0);
  bool fits = dims->rank == input->shape.rank;
  for (int32_t axis = 0; fits && axis < dims->rank; ++axis) fits = range.select[0].axes[axis] <= dims->axes[axis] && dims->axes[axis] <= range.select[2].axes[axis];
  if (fits) {
    context->shapes[name] = *dims;
    return true;
  }
  context->Log("setInputShape: Error Code 3: API Usage Error (Parameter check failed, condition: satisfyProfile. Set dimension " + Describe(*dims) + " for tensor " + input->name +
               " does not satisfy any optimization profiles. Valid range for profile " + std::to_string(context->profile) + ": " + Describe(range.select[0]) + ".." +
               Describe(range.select[2]) + ".)");
  return false;
}

Dims ShapeNow(Context* context, const char* name) {
  const Turn turn(context, "getTensorShape");
  Dims dims;
  if (const InputText* input = context->engine->Input(name)) {
    if (!context->ShapeOf(*input, &dims)) dims = input->shape;
  } else if (const OutputText* output = context->engine->Output(name)) {
    if (!context->ShapeOf(*output, &dims)) dims = output->shape;
  } else {
    dims.rank = -1;
  }
  return dims;
}

bool SetAddress(Context* context, const char* name, uint64_t address) {
  const Turn turn(context, "setTensorAddress");
  const InputText* const input = context->engine->Input(name);
  if (input == nullptr && context->engine->Output(name) == nullptr) return false;
  const bool is_host = input != nullptr && input->is_host;
  if (!is_host && address % 256 != 0) WrongUse(std::string("the address of \"") + name + "\" is not a multiple of 256");
  if (is_host != (address >> 56 == 0) && address != 0) WrongUse(std::string("the address of \"") + name + "\" is " + (is_host ? "on the GPU, and it is a shape tensor" : "on the host"));
  context->addresses[name] = address;
  return true;
}

bool SetInputAddress(Context* context, const char* name, uint64_t address) { return context->engine->Input(name) != nullptr && SetAddress(context, name, address); }
bool SetOutputAddress(Context* context, const char* name, uint64_t address) { return context->engine->Output(name) != nullptr && SetAddress(context, name, address); }

uint64_t Address(Context* context, const char* name) {
  const auto found = context->addresses.find(name);
  return found == context->addresses.end() ? 0 : found->second;
}

int32_t InferShapes(Context* context, int32_t most, const char** names) {
  const Turn turn(context, "inferShapes");
  int32_t missing = 0;
  Dims dims;
  for (const InputText& input : context->engine->plan.inputs) {
    const bool is_known = input.is_host ? Address(context, input.name.c_str()) != 0 : context->ShapeOf(input, &dims);
    if (is_known) continue;
    if (missing < most) names[missing] = input.name.c_str();
    ++missing;
  }
  if (missing > 0) return missing;
  const std::string objection = context->ObjectionToValues();
  if (objection.empty()) return 0;
  context->Log("inferShapes: " + objection);
  return -1;
}

bool SetOutputAllocator(Context* context, const char* name, void* allocator) {
  const Turn turn(context, "setOutputAllocator");
  if (context->engine->Output(name) == nullptr) return false;
  context->allocators[name] = allocator;
  return true;
}

void* OutputAllocator(Context* context, const char* name) {
  const auto found = context->allocators.find(name);
  return found == context->allocators.end() ? nullptr : found->second;
}

int64_t MaxOutputSize(Context* context, const char* name) {
  const Turn turn(context, "getMaxOutputSize");
  const OutputText* const output = context->engine->Output(name);
  if (output == nullptr) return -1;
  Dims dims;
  int64_t elements = 1;
  if (output->kind == OutputText::Kind::kNonzero) {
    if (!context->ShapeOf(context->engine->plan.inputs[output->inputs[0]], &dims)) return -1;
    elements = dims.rank;
  } else if (!context->ShapeOf(*output, &dims)) {
    return -1;
  }
  for (int32_t axis = 0; axis < dims.rank; ++axis) elements *= dims.axes[axis];
  return static_cast<int64_t>(BytesOf(output->type, elements));
}

bool SetTemporaryAllocator(Context*, void*) { return true; }
void SetCacheLimit(Context*, size_t) {}
void SetAuxStreams(Context*, void**, int32_t) {}
int64_t ScratchForShapes(Context* context) { return AllSpecified(context) ? context->engine->ScratchOf(context->profile) : 0; }

void SetScratch(Context* context, uint64_t memory, int64_t bytes) {
  const Turn turn(context, "setDeviceMemoryV2");
  if (!context->is_user_managed) WrongUse("memory is set on a context that manages its own");
  context->scratch = memory;
  context->scratch_bytes = bytes;
}

bool EnqueueInTurn(Context* context, cuda::Stream* stream) {
  const Turn turn(context, "enqueueV3");
  return Enqueue(context, stream);
}

const Table& ContextTable() {
  static const Table& table = *new Table([] {
    Table made = EmptyTable("IExecutionContext");
    using namespace context_slot;
    Set(&made, kEngine, &EngineOf);
    Set(&made, kProfile, &Profile);
    Set(&made, kAllSpecified, &AllSpecified);
    Set(&made, kSetProfile, &SetProfile);
    Set(&made, kSetShape, &SetInputShape);
    Set(&made, kShape, &ShapeNow);
    Set(&made, kSetAddress, &SetAddress);
    Set(&made, kSetInputAddress, &SetInputAddress);
    Set(&made, kSetOutputAddress, &SetOutputAddress);
    Set(&made, kAddress, &Address);
    Set(&made, kInferShapes, &InferShapes);
    Set(&made, kSetOutputAllocator, &SetOutputAllocator);
    Set(&made, kOutputAllocator, &OutputAllocator);
    Set(&made, kMaxOutputSize, &MaxOutputSize);
    Set(&made, kSetTemporaryAllocator, &SetTemporaryAllocator);
    Set(&made, kEnqueue, &EnqueueInTurn);
    Set(&made, kSetCacheLimit, &SetCacheLimit);
    Set(&made, kSetAuxStreams, &SetAuxStreams);
    Set(&made, kScratchForShapes, &ScratchForShapes);
    Set(&made, kSetScratch, &SetScratch);
    return made;
  }());
  return table;
}

}  // namespace

bool Context::ShapeOf(const InputText& input, Dims* dims) const {
  const auto set = shapes.find(input.name);
  *dims = set != shapes.end() ? set->second : input.shape;
  return std::none_of(dims->axes, dims->axes + dims->rank, [](int64_t axis) { return axis < 0; });
}

bool Context::ShapeOf(const OutputText& output, Dims* dims) const {
  const InputText& input = engine->plan.inputs[output.inputs[0]];
  if (output.kind == OutputText::Kind::kNonzero) return false;
  if (output.kind == OutputText::Kind::kFill) {
    const std::vector<int64_t> values = ValuesOf(input);
    dims->rank = static_cast<int32_t>(values.size());
    std::copy(values.begin(), values.end(), dims->axes);
    return !values.empty();
  }
  if (!ShapeOf(input, dims)) return false;
  if (output.kind == OutputText::Kind::kSum) {
    std::copy(dims->axes + output.axis + 1, dims->axes + dims->rank, dims->axes + output.axis);
    --dims->rank;
  }
  return true;
}

std::string Context::ObjectionToValues() const {
  for (const InputText& input : engine->plan.inputs) {
    const auto range = input.profiles.find(profile);
    if (!input.is_host || range == input.profiles.end()) continue;
    const std::vector<int64_t> values = ValuesOf(input);
    for (size_t at = 0; at < values.size() && at < range->second.values[0].size(); ++at) {
      const int64_t least = range->second.values[0][at], most = range->second.values[2][at];
      if (least <= values[at] && values[at] <= most) continue;
      return "Error Code 3: API Usage Error (Parameter check failed, condition: satisfyProfile. Value " + std::to_string(values[at]) + " of shape tensor " + input.name +
             " is not in the range of profile " + std::to_string(profile) + ": " + std::to_string(least) + ".." + std::to_string(most) + ".)";
    }
  }
  return "";
}

std::vector<int64_t> Context::ValuesOf(const InputText& shape_tensor) const {
  std::vector<int64_t> values;
  const auto address = addresses.find(shape_tensor.name);
  if (address == addresses.end() || address->second == 0) return values;
  const auto* const data = reinterpret_cast<const unsigned char*>(address->second);
  const int64_t count = shape_tensor.shape.rank == 0 ? 1 : shape_tensor.shape.axes[0];
  for (int64_t at = 0; at < count; ++at) values.push_back(static_cast<int64_t>(ReadElement(data, shape_tensor.type, at)));
  return values;
}

void* MakeContext(Engine* engine, int32_t strategy) {
  static const std::array<const void*, 2>& destructors =
    *new std::array<const void*, 2>{reinterpret_cast<const void*>(&DestroyContext), reinterpret_cast<const void*>(&DestroyContext)};
  const auto refuse = [&](const std::string& why) {
    engine->runtime->Log("ICudaEngine::createExecutionContext: Error Code " + why);
    return nullptr;
  };
  if (const auto failure = CountCall("createExecutionContext")) return refuse("1: Cuda Runtime (" + ErrorOf(failure) + ")");
  const uint64_t persistent = engine->Allocate(engine->plan.persistent);
  if (persistent == 0 && engine->plan.persistent > 0) return refuse("2: OutOfMemory (Requested size was " + std::to_string(engine->plan.persistent) + " bytes.)");
  const bool is_user_managed = strategy == trt::kUserManagedMemory;
  int64_t most = 0;
  for (int profile = 0; profile < engine->plan.profiles(); ++profile) most = std::max(most, engine->ScratchOf(profile));
  const uint64_t scratch = is_user_managed ? 0 : engine->Allocate(most);
  if (!is_user_managed && scratch == 0 && most > 0) {
    engine->Free(persistent);
    return refuse("2: OutOfMemory (Requested size was " + std::to_string(most) + " bytes.)");
  }
  auto* const context = new Context;
  context->table = ContextTable().data();
  context->object = {destructors.data(), context};
  context->engine = engine;
  context->is_user_managed = is_user_managed;
  context->persistent = persistent;
  context->scratch = scratch;
  context->scratch_bytes = is_user_managed ? 0 : most;
  ++engine->contexts;
  CountAlive("contexts", 1);
  return &context->object;
}

}  // namespace pilotlight::doubles
