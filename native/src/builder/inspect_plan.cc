#include "builder/inspect_plan.h"

#include "builder/device.h"
#include "builder/library.h"
#include "builder/lines.h"
#include "builder/network.h"
#include "tensorrt/engine.h"

namespace pilotlight::build {
namespace {

std::vector<int64_t> Axes(const trt::Dims& dims) {
  return dims.rank <= 0 ? std::vector<int64_t>() : std::vector<int64_t>(dims.axes, dims.axes + (dims.rank < 8 ? dims.rank : 8));
}

// What a shape tensor may hold in a profile; null pointer: nothing is told. TensorRT 10 tells in 32 bits.
std::vector<int64_t> ProfileValues(const Library& library, const trt::Slots& shared, void* engine, const char* name, int32_t profile, trt::Selector selector) {
  const void* const values = trt::CallSlot<const void*, const char*, int32_t, trt::Selector>(engine, shared.engine.profile_values, name, profile, selector);
  const trt::Dims dims = trt::CallSlot<trt::Dims, const char*>(engine, shared.engine.tensor_shape, name);
  const int64_t count = dims.rank == 0 ? 1 : dims.rank == 1 ? dims.axes[0] : 0;
  std::vector<int64_t> all;
  for (int64_t i = 0; values != nullptr && i < count; ++i) {
    all.push_back(library.major == 10 ? static_cast<const int32_t*>(values)[i] : static_cast<const int64_t*>(values)[i]);
  }
  return all;
}

void TellEngine(const Library& library, const trt::Slots& shared, void* engine) {
  const auto& slots = shared.engine;
  const int32_t profiles = trt::CallSlot<int32_t>(engine, library.slots.engine.profile_count);
  std::vector<Json> tensors;
  const int32_t count = trt::CallSlot<int32_t>(engine, slots.tensor_count);
  for (int32_t i = 0; i < count; ++i) {
    const char* const name = trt::CallSlot<const char*, int32_t>(engine, slots.tensor_name, i);
    const bool is_input = trt::CallSlot<trt::IoMode, const char*>(engine, slots.tensor_mode, name) == trt::IoMode::kInput;
    const bool is_host = trt::CallSlot<trt::Location, const char*>(engine, slots.tensor_location, name) == trt::Location::kHost;
    Json tensor;
    tensor.Text("name", name).Flag("isInput", is_input).Flag("isShape", is_host).Text("type", TypeName(trt::CallSlot<trt::DataType, const char*>(engine, slots.tensor_type, name)));
    tensor.Integers("shape", Axes(trt::CallSlot<trt::Dims, const char*>(engine, slots.tensor_shape, name)));
    std::vector<Json> ranges;
    for (int32_t profile = 0; is_input && profile < profiles; ++profile) {
      const auto of = [&](trt::Selector selector) {
        if (is_host) return ProfileValues(library, shared, engine, name, profile, selector);
        return Axes(trt::CallSlot<trt::Dims, const char*, int32_t, trt::Selector>(engine, slots.profile_shape, name, profile, selector));
      };
      ranges.push_back(Json().Integers("min", of(trt::Selector::kMin)).Integers("opt", of(trt::Selector::kOpt)).Integers("max", of(trt::Selector::kMax)));
    }
    tensors.push_back(tensor.Objects("profiles", ranges));
  }
  Tell(Json().Text("event", "engine").Objects("tensors", tensors).Integer("profiles", profiles)
         .Integer("layers", trt::CallSlot<int32_t>(engine, library.slots.engine.layer_count))
         .Integer("scratchBytes", trt::CallSlot<int64_t>(engine, library.slots.engine.device_memory_bytes))
         .Integer("hardwareCompatibility", trt::CallSlot<int32_t>(engine, library.slots.engine.compatibility)));
}

}  // namespace

Status InspectPlan(const Options& options) {
  const auto opened = OpenLibrary(options);
  if (!opened.ok()) return opened.status;
  const Library& library = opened.value;
  const auto device = EnterDevice();
  if (!device.ok()) return device.status;
  EngineSpec spec;
  spec.path = options.plan;
  spec.device = "gpu:0";
  Trace("load");
  const auto loaded = trt::TensorRtEngine::Load(spec);
  if (!loaded.ok()) return loaded.status;
  void* const engine = static_cast<trt::TensorRtEngine&>(*loaded.value).engine();
  Trace("tensors of the engine");
  TellEngine(library, library.major == 10 ? trt::kSlots10 : trt::kSlots11, engine);
  Trace("createEngineInspector");
  const Object inspector(trt::CallSlot<void*>(engine, library.slots.engine.create_inspector));
  Trace("getEngineInformation");
  const char* const text = inspector == nullptr ? nullptr : trt::CallSlot<const char*, int32_t>(inspector.get(), library.slots.inspector.engine_information, kJson);
  if (text == nullptr) return Failure(Code::kEngineFailed, options.plan + ": TensorRT tells nothing of its layers", library);
  // As text: it is TensorRT's JSON, and need not be right.
  Tell(Json().Text("event", "inspection").Text("text", text));
  return Status::Ok();
}

}  // namespace pilotlight::build
