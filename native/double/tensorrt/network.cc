#include "network.h"

#include <algorithm>

#include "builder_slots.h"

namespace pilotlight::doubles {
namespace {

template <typename T>
const void* const* Destructors() {
  static const std::array<const void*, 2>& made = *new std::array<const void*, 2>{
    reinterpret_cast<const void*>(+[](Object* object) { delete static_cast<T*>(object->implementation); }),
    reinterpret_cast<const void*>(+[](Object* object) { delete static_cast<T*>(object->implementation); })};
  return made.data();
}

const char* TensorName(NetworkTensor* tensor) { return tensor->name.c_str(); }
Dims TensorDims(NetworkTensor* tensor) { return tensor->dims; }
DataType TensorType(NetworkTensor* tensor) { return tensor->type; }
bool IsOutput(NetworkTensor* tensor) { return tensor->is_output; }
bool IsShape(NetworkTensor*) { return false; }

const Table& TensorTable() {
  static const Table& table = *new Table([] {
    Table made = EmptyTable("ITensor");
    Set(&made, tensor_slot::kName, &TensorName);
    Set(&made, tensor_slot::kDimensions, &TensorDims);
    Set(&made, tensor_slot::kType, &TensorType);
    Set(&made, tensor_slot::kIsOutput, &IsOutput);
    Set(&made, tensor_slot::kIsShape, &IsShape);
    return made;
  }());
  return table;
}

int32_t LayerType(NetworkLayer* layer) { return layer->type; }
const char* LayerName(NetworkLayer* layer) { return layer->name.c_str(); }
int32_t LayerInputs(NetworkLayer* layer) { return static_cast<int32_t>(layer->inputs.size()); }
void* LayerInput(NetworkLayer* layer, int32_t at) { return &layer->inputs[static_cast<size_t>(at)]->object; }
int32_t LayerOutputs(NetworkLayer*) { return 1; }
void* LayerOutput(NetworkLayer* layer, int32_t) { return &layer->output->object; }
void SetPrecision(NetworkLayer* layer, DataType type) { layer->is_precise = type == DataType::kFloat; }

void SetOutputType(NetworkLayer* layer, int32_t, DataType type) {
  if (!layer->is_precise || type != DataType::kFloat) WrongUse("an output's type is set before its layer's precision, or to another");
}

const Table& LayerTable() {
  static const Table& table = *new Table([] {
    Table made = EmptyTable("ILayer");
    Set(&made, layer_slot::kType, &LayerType);
    Set(&made, layer_slot::kName, &LayerName);
    Set(&made, layer_slot::kInputs, &LayerInputs);
    Set(&made, layer_slot::kInput, &LayerInput);
    Set(&made, layer_slot::kOutputs, &LayerOutputs);
    Set(&made, layer_slot::kOutput, &LayerOutput);
    Set(&made, layer_slot::kSetPrecision, &SetPrecision);
    Set(&made, layer_slot::kSetOutputType, &SetOutputType);
    return made;
  }());
  return table;
}

template <auto list>
int32_t CountOf(Network* network) { return static_cast<int32_t>((network->*list).size()); }

template <auto list>
void* ObjectAt(Network* network, int32_t at) {
  if (at < 0 || static_cast<size_t>(at) >= (network->*list).size()) return nullptr;
  return &(network->*list)[static_cast<size_t>(at)]->object;
}

void MarkOutput(Network* network, Object* object) {
  auto* const tensor = static_cast<NetworkTensor*>(object->implementation);
  if (tensor->is_output || tensor->is_input) WrongUse("\"" + tensor->name + "\" is marked as an output, and is one already or an input");
  tensor->is_output = true;
  network->outputs.push_back(tensor);
}

const Table& NetworkTable() {
  static const Table& table = *new Table([] {
    Table made = EmptyTable("INetworkDefinition");
    Set(&made, network_slot::kMarkOutput, &MarkOutput);
    Set(&made, network_slot::kLayers, &CountOf<&Network::layers>);
    Set(&made, network_slot::kLayer, &ObjectAt<&Network::layers>);
    Set(&made, network_slot::kInputs, &CountOf<&Network::inputs>);
    Set(&made, network_slot::kInput, &ObjectAt<&Network::inputs>);
    Set(&made, network_slot::kOutputs, &CountOf<&Network::outputs>);
    Set(&made, network_slot::kOutput, &ObjectAt<&Network::outputs>);
    return made;
  }());
  return table;
}

}  // namespace

NetworkTensor* Network::Find(const std::string& name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const auto& tensor) { return tensor->name == name; });
  return found == tensors.end() ? nullptr : found->get();
}

NetworkTensor* Network::AddTensor(const std::string& name, DataType type, const Dims& dims) {
  NetworkTensor& tensor = *tensors.emplace_back(std::make_unique<NetworkTensor>());
  tensor.table = TensorTable().data();
  tensor.object = {nullptr, &tensor};
  tensor.name = name;
  tensor.type = type;
  tensor.dims = dims;
  return &tensor;
}

NetworkLayer* Network::AddLayer(int32_t type, const std::string& name, std::vector<NetworkTensor*> from, NetworkTensor* output) {
  NetworkLayer& layer = *layers.emplace_back(std::make_unique<NetworkLayer>());
  layer.table = LayerTable().data();
  layer.object = {nullptr, &layer};
  layer.type = type;
  layer.name = name;
  layer.inputs = std::move(from);
  layer.output = output;
  return &layer;
}

bool Network::is_dynamic() const {
  return std::any_of(inputs.begin(), inputs.end(), [](const NetworkTensor* input) {
    return std::find(input->dims.axes, input->dims.axes + input->dims.rank, -1) != input->dims.axes + input->dims.rank;
  });
}

void* MakeNetwork(uint32_t flags) {
  constexpr uint32_t kStronglyTyped = 2;
  auto* const network = new Network;
  network->table = NetworkTable().data();
  network->object = {Destructors<Network>(), network};
  network->is_typed = !kIsTen || (flags & kStronglyTyped) != 0;
  return &network->object;
}

Network* NetworkOf(void* object) { return static_cast<Network*>(static_cast<Object*>(object)->implementation); }

}  // namespace pilotlight::doubles
