// The pretended IEngineInspector: JSON as TensorRT 10 gives it at detailed verbosity.
#include "builder.h"
#include "builder_slots.h"

namespace pilotlight::doubles {
namespace {

struct Inspector {
  const void* const* table;
  Object object;
  std::string text;
};

const char* EngineInformation(Inspector* inspector, int32_t) { return inspector->text.c_str(); }

std::string FormatOf(const std::string& type) {
  if (type == "float16") return "Row major linear FP16 format";
  return type == "int8" ? "Four wide channel vectorized row major Int8 format" : "Row major linear FP32";
}

std::string Describe(const LayerText& layer) {
  std::string metadata;
  for (const std::string& from : layer.from) metadata += (metadata.empty() ? "" : "\\u001e") + ("[ONNX Layer: " + from + "]");
  std::string text = "{\n  \"Name\": \"" + layer.name + "\",\n  \"LayerType\": \"" + layer.kind + "\",\n  \"Inputs\": [{\"Name\": \"x\", \"Format/Datatype\": \"" +
                     FormatOf(layer.type) + "\"}],\n  \"Outputs\": []";
  if (layer.weights > 0) text += ",\n  \"Weights\": {\"Type\": \"" + std::string(layer.type == "float16" ? "Half" : layer.type == "int8" ? "Int8" : "Float") +
                                 "\", \"Count\": " + std::to_string(layer.weights) + "}";
  return text + ",\n  \"Metadata\": \"" + metadata + "\"\n}";
}

}  // namespace

void* MakeInspector(Engine* engine) {
  static const Table& table = *new Table([] {
    Table made = EmptyTable("IEngineInspector");
    Set(&made, inspector_slot::kEngineInformation, &EngineInformation);
    return made;
  }());
  auto* const inspector = new Inspector;
  inspector->table = table.data();
  inspector->object = {DestructorsOfImplementation<Inspector>(), inspector};
  std::string layers;
  for (const LayerText& layer : engine->plan.layers) layers += (layers.empty() ? "" : ",\n") + Describe(layer);
  inspector->text = "{\"Layers\": [" + layers + "],\n\"Bindings\": []}";
  return &inspector->object;
}

}  // namespace pilotlight::doubles
