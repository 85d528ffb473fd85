// The pretended ICudaEngine.
#include <algorithm>
#include <chrono>
#include <thread>

#include "builder.h"
#include "objects.h"
#include "slots.h"

namespace pilotlight::doubles {
namespace {

// Of IGpuAllocator's own table.
constexpr int kAllocate = 4, kFree = 6, kAllocateAsync = 7, kFreeAsync = 8;
constexpr uint64_t kAlignment = 256;
constexpr int32_t kPackedFormat = 3;  // kCHW4

void DestroyEngine(Object* object) {
  auto* const engine = static_cast<Engine*>(object->implementation);
  if (engine->contexts > 0) WrongUse("an engine is destroyed before its " + std::to_string(engine->contexts) + " contexts");
  delete engine;
}

int32_t Layers(Engine* engine) { return static_cast<int32_t>(engine->plan.layers.empty() ? engine->plan.outputs.size() : engine->plan.layers.size()); }
int32_t Compatibility(Engine* engine) { return engine->plan.compatibility; }
const char* Name(Engine*) { return "double"; }
int32_t Profiles(Engine* engine) { return engine->plan.profiles(); }
int32_t Tensors(Engine* engine) { return static_cast<int32_t>(engine->plan.inputs.size() + engine->plan.outputs.size()); }

const char* TensorName(Engine* engine, int32_t at) {
  const auto index = static_cast<size_t>(at);
  const auto& plan = engine->plan;
  if (at < 0 || index >= plan.inputs.size() + plan.outputs.size()) return nullptr;
  return index < plan.inputs.size() ? plan.inputs[index].name.c_str() : plan.outputs[index - plan.inputs.size()].name.c_str();
}

Dims Shape(Engine* engine, const char* name) {
  if (const InputText* input = engine->Input(name)) return input->shape;
  if (const OutputText* output = engine->Output(name)) return output->shape;
  Dims none;
  none.rank = -1;
  return none;
}

DataType Type(Engine* engine, const char* name) {
  if (const InputText* input = engine->Input(name)) return input->type;
  const OutputText* output = engine->Output(name);
  return output != nullptr ? output->type : DataType::kFloat;
}

trt::Location LocationOf(Engine* engine, const char* name) {
  const InputText* input = engine->Input(name);
  return input != nullptr && input->is_host ? trt::Location::kHost : trt::Location::kDevice;
}

bool IsShapeInference(Engine* engine, const char* name) { return LocationOf(engine, name) == trt::Location::kHost; }

trt::IoMode Mode(Engine* engine, const char* name) {
  if (engine->Input(name) != nullptr) return trt::IoMode::kInput;
  return engine->Output(name) != nullptr ? trt::IoMode::kOutput : trt::IoMode::kNone;
}

int32_t ElementBytes(Engine* engine, const char* name) { return static_cast<int32_t>(BytesOf(Type(engine, name), 1)); }

int32_t Format(Engine* engine, const char* name) {
  const InputText* input = engine->Input(name);
  return input != nullptr && input->is_packed ? kPackedFormat : trt::kFormatLinear;
}

Dims ProfileShape(Engine* engine, const char* name, int32_t profile, trt::Selector select) {
  const InputText* input = engine->Input(name);
  Dims none;
  none.rank = -1;
  if (input == nullptr || input->profiles.count(profile) == 0) return none;
  return input->profiles.at(profile).select[static_cast<size_t>(select)];
}

const int64_t* ProfileValues(Engine* engine, const char* name, int32_t profile, trt::Selector select) {
  const InputText* input = engine->Input(name);
  if (input == nullptr || !input->is_host || input->profiles.count(profile) == 0) return nullptr;
  return input->profiles.at(profile).values[static_cast<size_t>(select)].data();
}

const int32_t* ProfileValues32(Engine* engine, const char* name, int32_t profile, trt::Selector select) {
  const int64_t* const values = ProfileValues(engine, name, profile, select);
  if (values == nullptr) return nullptr;
  thread_local std::vector<int32_t> narrow;
  narrow.assign(values, values + engine->Input(name)->profiles.at(profile).values[static_cast<size_t>(select)].size());
  return narrow.data();
}

int32_t None(Engine*) { return 0; }
int64_t NoBytes(Engine*) { return 0; }
const char* NoAlias(Engine*, const char*) { return nullptr; }

int64_t Scratch(Engine* engine) {
  int64_t most = 0;
  for (int profile = 0; profile < engine->plan.profiles(); ++profile) most = std::max(most, engine->ScratchOf(profile));
  return most;
}

int64_t ScratchOfProfile(Engine* engine, int32_t profile) { return engine->ScratchOf(profile); }
int64_t Stat(Engine* engine, int32_t stat) { return stat == 0 ? engine->plan.weights : -1; }

const Table& EngineTable() {
  static const Table& table = *new Table([] {
    Table made = EmptyTable("ICudaEngine");
    using namespace engine_slot;
    Set(&made, kCreateContext, &MakeContext);
    Set(&made, kLayers, &Layers);
    Set(&made, kName, &Name);
    Set(&made, kProfiles, &Profiles);
    Set(&made, kShape, &Shape);
    Set(&made, kType, &Type);
    Set(&made, kLocation, &LocationOf);
    Set(&made, kIsShapeInference, &IsShapeInference);
    Set(&made, kMode, &Mode);
    Set(&made, kElementBytes, &ElementBytes);
    Set(&made, kFormat, &Format);
    Set(&made, kProfileShape, &ProfileShape);
    Set(&made, kProfileValues, &ProfileValues);
    Set(&made, kProfileValues32, &ProfileValues32);
    Set(&made, kTensors, &Tensors);
    Set(&made, kTensorName, &TensorName);
    Set(&made, kHardwareCompatibility, &Compatibility);
    Set(&made, kCreateInspector, &MakeInspector);
    Set(&made, kAuxStreams, &None);
    Set(&made, kStreamableWeights, &NoBytes);
    Set(&made, kScratch, &Scratch);
    Set(&made, kScratchOfProfile, &ScratchOfProfile);
    Set(&made, kStat, &Stat);
    Set(&made, kAliasedInput, &NoAlias);
    return made;
  }());
  return table;
}

// Why this library on this GPU does not take the plan, in TensorRT's words; "" when it does.
std::string ObjectionTo(const PlanText& plan) {
  if (plan.version != LibraryVersion()) {
    return std::string("IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine plan file is not compatible with this version of TensorRT, expecting library version ") +
           LibraryVersion() + " got " + plan.version + ", please rebuild.)";
  }
  std::string compute;
  if (const auto failure = CurrentCompute(&compute)) return "IRuntime::deserializeCudaEngine: Error Code 1: Cuda Runtime (" + ErrorOf(failure) + ")";
  if (!plan.compute.empty() && plan.compute != compute) {
    return "IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine plan file is generated on an incompatible device, expecting compute " + compute +
           " got compute " + plan.compute + ", please rebuild.)";
  }
  for (const std::string& plugin : plan.plugins) {
    if (!HasPlugin(plugin)) return "IPluginRegistry::getCreator: Error Code 4: Internal Error (Cannot find plugin: " + plugin + ", version: 1, namespace:.)";
  }
  return "";
}

}  // namespace

uint64_t Engine::Allocate(int64_t bytes, cuda::Stream* stream) {
  if (bytes == 0) return 0;
  const auto size = static_cast<uint64_t>(bytes);
  return reinterpret_cast<uint64_t>(CallVirtual<void*, uint64_t, uint64_t, uint32_t, void*>(allocator, kAllocateAsync, size, kAlignment, 0, stream));
}

void Engine::Free(uint64_t memory, cuda::Stream* stream) {
  if (memory != 0) CallVirtual<bool, void*, void*>(allocator, kFreeAsync, reinterpret_cast<void*>(memory), stream);
}

Engine::~Engine() {
  if (weights != 0 && IsInFlight({weights, static_cast<size_t>(plan.weights), true})) WrongUse("an engine is destroyed while it runs");
  Free(weights);
  --runtime->engines;
  CountAlive("engines", -1);
}

const InputText* Engine::Input(const std::string& name) const {
  const auto found = std::find_if(plan.inputs.begin(), plan.inputs.end(), [&](const InputText& input) { return input.name == name; });
  return found == plan.inputs.end() ? nullptr : &*found;
}

const OutputText* Engine::Output(const std::string& name) const {
  const auto found = std::find_if(plan.outputs.begin(), plan.outputs.end(), [&](const OutputText& output) { return output.name == name; });
  return found == plan.outputs.end() ? nullptr : &*found;
}

int64_t Engine::ScratchOf(int profile) const { return plan.scratch[std::min(static_cast<size_t>(profile), plan.scratch.size() - 1)]; }

void* MakeEngine(Runtime* runtime, const void* data, size_t size) {
  static const std::array<const void*, 2>& destructors =
    *new std::array<const void*, 2>{reinterpret_cast<const void*>(&DestroyEngine), reinterpret_cast<const void*>(&DestroyEngine)};
  PlanText plan;
  std::string objection = ReadPlanText(data, size, &plan);
  const auto failure = CountCall("deserializeCudaEngine");
  if (objection.empty() && failure != 0) objection = "IRuntime::deserializeCudaEngine: Error Code 1: Cuda Runtime (" + ErrorOf(failure) + ")";
  if (objection.empty()) objection = ObjectionTo(plan);
  if (objection.empty() && runtime->allocator == nullptr) WrongUse("no allocator was set, so what the engine takes is not counted");
  if (objection.empty()) {
    std::this_thread::sleep_for(std::chrono::microseconds(plan.load_us));
    auto* const engine = new Engine;
    engine->table = EngineTable().data();
    engine->object = {destructors.data(), engine};
    engine->runtime = runtime;
    engine->allocator = runtime->allocator;
    engine->plan = std::move(plan);
    ++runtime->engines;
    CountAlive("engines", 1);
    engine->weights = engine->Allocate(engine->plan.weights);
    if (engine->weights != 0 || engine->plan.weights == 0) return &engine->object;
    objection = "IRuntime::deserializeCudaEngine: Error Code 2: OutOfMemory (Requested size was " + std::to_string(engine->plan.weights) + " bytes.)";
    delete engine;
  }
  runtime->Log(objection);
  runtime->Log("IRuntime::deserializeCudaEngine: Error Code 4: Internal Error (Engine deserialization failed.)");
  return nullptr;
}

}  // namespace pilotlight::doubles
