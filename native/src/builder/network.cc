#include "builder/network.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "builder/lines.h"
#include "builder/sample_list.h"

namespace pilotlight::build {
namespace {

// LayerType, the same in both majors.
constexpr const char* kLayerTypes[] = {
  "convolution", "cast", "activation", "pooling", "lrn", "scale", "softmax", "deconvolution", "concatenation", "elementwise", "plugin", "unary", "padding",
  "shuffle", "reduce", "topk", "gather", "matrix-multiply", "ragged-softmax", "constant", "identity", "plugin-v2", "slice", "shape", "parametric-relu", "resize",
  "trip-limit", "recurrence", "iterator", "loop-output", "select", "fill", "quantize", "dequantize", "condition", "conditional-input", "conditional-output",
  "scatter", "einsum", "assertion", "one-hot", "non-zero", "grid-sample", "nms", "reverse-sequence", "normalization", "plugin-v3", "squeeze", "unsqueeze",
  "cumulative", "dynamic-quantize", "attention-input", "attention-output", "rotary-embedding", "kv-cache-update", "moe", "dist-collective",
};
constexpr int32_t kConstant = 19;
// Parts of loops and branches: what they give is nothing outside of them.
constexpr int32_t kInside[] = {26, 27, 28, 29, 34, 35, 36};

std::string LayerTypeName(int32_t type) {
  return type >= 0 && static_cast<size_t>(type) < std::size(kLayerTypes) ? kLayerTypes[type] : "layer type " + std::to_string(type);
}

bool IsInside(int32_t type) { return std::find(std::begin(kInside), std::end(kInside), type) != std::end(kInside); }

bool IsReal(trt::DataType type) { return type == trt::DataType::kFloat || type == trt::DataType::kHalf || type == trt::DataType::kBfloat16; }

std::string Or(const char* text, const char* otherwise) { return text == nullptr || *text == '\0' ? otherwise : text; }

constexpr int32_t kPluginV2 = 21, kPluginV3 = 46;

// Empty: the layer is no plugin.
std::vector<Json> PluginOf(void* layer, int32_t type) {
  using P = PluginSlots;
  if (type != kPluginV2 && type != kPluginV3) return {};
  const bool is_new = type == kPluginV3;
  void* plugin = OfLayerKind(layer, P::kOfLayer);
  if (is_new && plugin != nullptr) plugin = CallOwn<void*, int32_t>(plugin, P::kCapability, P::kCore);
  if (plugin == nullptr) return {};
  const auto text = [plugin](int slot) { return Or(CallOwn<const char*>(plugin, slot), ""); };
  return {Json().Text("name", text(is_new ? P::kName3 : P::kName2)).Text("version", text(is_new ? P::kVersion3 : P::kVersion2))
            .Text("namespace", text(is_new ? P::kNamespace3 : P::kNamespace2))};
}

std::string ParserErrors(const Library& library, void* parser) {
  using E = ParserErrorSlots;
  std::string all;
  const int count = CallOwn<int>(parser, library.slots.parser.error_count);
  for (int i = 0; i < count; ++i) {
    const void* const error = CallOwn<const void*, int>(parser, library.slots.parser.error, i);
    if (error == nullptr) continue;
    const auto text = [error](int slot) { return Or(CallOwn<const char*>(error, slot), "?"); };
    const int node = CallOwn<int>(error, E::kNode);  // -1: of the file as a whole
    if (!all.empty()) all += "; ";
    if (node >= 0) all += "node " + std::to_string(node) + " \"" + text(E::kNodeName) + "\" (" + text(E::kNodeOperator) + "): ";
    all += text(E::kDescription) + " (" + text(E::kFile) + ":" + std::to_string(CallOwn<int>(error, E::kLine)) + ")";
  }
  return all;
}

}  // namespace

const char* TypeName(trt::DataType type) {
  constexpr const char* kNames[] = {"float32", "float16", "int8", "int32", "bool", "uint8", "fp8", "bfloat16", "int64", "int4", "fp4", "e8m0"};
  const auto index = static_cast<size_t>(type);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

Result<Network> Network::Parse(const Library& library, const Parser& parser, void* definition, const std::string& path) {
  const auto refuse = [&path](const std::string& why) { return Result<Network>{Status::Error(Code::kBadModel, path + ": " + why), Network({}, nullptr)}; };
  std::ifstream file(path, std::ios::binary);
  const std::string model{std::istreambuf_iterator<char>(file), {}};
  if (!file.good() && !file.eof()) return refuse("cannot be read");
  if (model.empty()) return refuse("is empty or cannot be read");
  Network network(library, definition);
  void* const object = parser.create(definition, &BuildLogger(), kParserVersion);
  if (object == nullptr) return {Failure(Code::kLoadFailed, "TensorRT's ONNX parser cannot be created", library), Network({}, nullptr)};
  network.parser_ = std::unique_ptr<void, ParserDeleter>(object, {library.slots.parser.destroy});
  // The path tells where weights in files of their own lie.
  if (!CallOwn<bool, const void*, size_t, const char*>(object, library.slots.parser.parse, model.data(), model.size(), path.c_str())) {
    const std::string errors = ParserErrors(library, object);
    const std::string log = TakeErrors();
    return refuse("TensorRT's ONNX parser refuses it: " + (errors.empty() ? Or(log.c_str(), "it gave no reason") : errors));
  }
  const auto& slots = library.slots.network;
  for (int32_t i = 0; i < trt::CallSlot<int32_t>(definition, slots.input_count); ++i) {
    network.inputs_.push_back(network.Describe(trt::CallSlot<void*, int32_t>(definition, slots.input, i)));
  }
  for (int32_t i = 0; i < trt::CallSlot<int32_t>(definition, slots.output_count); ++i) {
    network.outputs_.push_back(network.Describe(trt::CallSlot<void*, int32_t>(definition, slots.output, i)));
  }
  return {Status::Ok(), std::move(network)};
}

NetworkTensor Network::Describe(void* tensor) const {
  const auto& slots = library_.slots.tensor;
  NetworkTensor described;
  described.tensor = tensor;
  described.name = Or(trt::CallSlot<const char*>(tensor, slots.name), "");
  described.type = trt::CallSlot<trt::DataType>(tensor, slots.type);
  const trt::Dims dims = trt::CallSlot<trt::Dims>(tensor, slots.dimensions);
  // A rank below 0: TensorRT does not know.
  if (dims.rank > 0) described.shape.assign(dims.axes, dims.axes + std::min<int32_t>(dims.rank, 8));
  described.is_shape = trt::CallSlot<bool>(tensor, slots.is_shape);
  return described;
}

std::vector<Network::Layer> Network::Layers() const {
  const auto& slots = library_.slots.layer;
  std::vector<Layer> layers;
  const int32_t count = trt::CallSlot<int32_t>(network_, library_.slots.network.layer_count);
  for (int32_t i = 0; i < count; ++i) {
    Layer layer;
    layer.layer = trt::CallSlot<void*, int32_t>(network_, library_.slots.network.layer, i);
    layer.type = trt::CallSlot<int32_t>(layer.layer, slots.type);
    layer.name = Or(trt::CallSlot<const char*>(layer.layer, slots.name), "");
    for (int32_t k = 0; k < trt::CallSlot<int32_t>(layer.layer, slots.input_count); ++k) {
      void* const input = trt::CallSlot<void*, int32_t>(layer.layer, slots.input, k);  // null: an optional one that is left out
      if (input != nullptr) layer.inputs.push_back(Or(trt::CallSlot<const char*>(input, library_.slots.tensor.name), ""));
    }
    for (int32_t k = 0; k < trt::CallSlot<int32_t>(layer.layer, slots.output_count); ++k) {
      void* const output = trt::CallSlot<void*, int32_t>(layer.layer, slots.output, k);
      if (output != nullptr) layer.outputs.push_back(Describe(output));
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

void Network::TellAll() const {
  const auto list = [](const std::vector<NetworkTensor>& tensors) {
    std::vector<Json> all;
    for (const NetworkTensor& tensor : tensors) {
      all.push_back(Json().Text("name", tensor.name).Text("type", TypeName(tensor.type)).Integers("shape", tensor.shape).Flag("isShape", tensor.is_shape));
    }
    return all;
  };
  const std::vector<Layer> layers = Layers();
  Tell(Json().Text("event", "network").Objects("inputs", list(inputs_)).Objects("outputs", list(outputs_)).Integer("layers", static_cast<int64_t>(layers.size())));
  for (const Layer& layer : layers) {
    Tell(Json().Text("event", "layer").Text("name", layer.name).Text("type", LayerTypeName(layer.type)).Texts("inputs", layer.inputs).Objects("outputs", list(layer.outputs))
           .Objects("plugins", PluginOf(layer.layer, layer.type)));
  }
}

bool Network::Has(trt::DataType type) const {
  const auto is_it = [type](const NetworkTensor& tensor) { return tensor.type == type; };
  if (std::any_of(inputs_.begin(), inputs_.end(), is_it)) return true;
  const std::vector<Layer> layers = Layers();
  return std::any_of(layers.begin(), layers.end(), [&](const Layer& layer) { return std::any_of(layer.outputs.begin(), layer.outputs.end(), is_it); });
}

Status Network::KeepPrecision(const std::vector<std::string>& names) const {
  const std::vector<Layer> layers = Layers();
  for (const std::string& name : names) {
    const auto found = std::find_if(layers.begin(), layers.end(), [&name](const Layer& layer) { return layer.name == name; });
    if (found == layers.end()) {
      return Status::Error(Code::kBadInput, "--keep-precision " + name + ": the network has no layer of this name; `pilotlight engine inspect` lists those of a plan, " +
                                              "--compare-layers those that lose most");
    }
    trt::CallSlot<void, trt::DataType>(found->layer, library_.slots.layer.set_precision, trt::DataType::kFloat);
    for (size_t i = 0; i < found->outputs.size(); ++i) {
      if (!IsReal(found->outputs[i].type)) continue;
      trt::CallSlot<void, int32_t, trt::DataType>(found->layer, library_.slots.layer.set_output_type, static_cast<int32_t>(i), trt::DataType::kFloat);
    }
  }
  return Status::Ok();
}

void Network::MarkLayers() const {
  for (const Layer& layer : Layers()) {
    if (layer.type == kConstant || IsInside(layer.type)) continue;
    for (const NetworkTensor& output : layer.outputs) {
      if (!IsReal(output.type) || output.is_shape || trt::CallSlot<bool>(output.tensor, library_.slots.tensor.is_output)) continue;
      trt::CallSlot<void, void*>(network_, library_.slots.network.mark_output, output.tensor);
    }
  }
}

}  // namespace pilotlight::build
