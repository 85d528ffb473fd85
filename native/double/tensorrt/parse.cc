#include "parse.h"

#include <algorithm>
#include <cmath>

#include "network.h"
#include "onnx_graph.h"

namespace pilotlight::doubles {
namespace {

bool TypeOf(int onnx, DataType* type) {
  switch (onnx) {
    case 1: *type = DataType::kFloat; return true;
    case 2: *type = DataType::kUint8; return true;
    case 3: *type = DataType::kInt8; return true;
    case 6: *type = DataType::kInt32; return true;
    case 7: *type = DataType::kInt64; return true;
    case 9: *type = DataType::kBool; return true;
    case 10: *type = DataType::kHalf; return true;
    case 16: *type = DataType::kBfloat16; return true;
  }
  return false;
}

class Parsing {
 public:
  Parsing(Network& network, const OnnxGraph& graph) : network_(network), graph_(graph) {}

  bool Run(ParseFailure* failure) {
    for (const OnnxValue& input : graph_.inputs) {
      DataType type;
      if (!TypeOf(input.type, &type)) return false;
      Dims dims;
      dims.rank = static_cast<int32_t>(input.shape.size());
      std::copy(input.shape.begin(), input.shape.end(), dims.axes);
      NetworkTensor* const tensor = network_.AddTensor(input.name, type, dims);
      tensor->is_input = true;
      tensor->x = network_.inputs.size();
      network_.inputs.push_back(tensor);
    }
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (Take(graph_.nodes[i])) continue;
      *failure = {static_cast<int>(i), graph_.nodes[i].name, graph_.nodes[i].op, "Plugin not found, are the plugin name, version, and namespace correct?"};
      return false;
    }
    for (const OnnxValue& output : graph_.outputs) {
      NetworkTensor* const tensor = network_.Find(output.name);
      if (tensor == nullptr) return false;
      tensor->is_output = true;
      network_.outputs.push_back(tensor);
    }
    return true;
  }

 private:
  bool Take(const OnnxNode& node) {
    NetworkTensor* x = node.inputs.empty() ? nullptr : network_.Find(node.inputs[0]);
    NetworkTensor* y = node.inputs.size() < 2 ? nullptr : network_.Find(node.inputs[1]);
    if (x == nullptr) std::swap(x, y);
    if (x == nullptr || node.outputs.size() != 1) return false;
    if (node.op == "Identity") return Add(node, kIdentityLayer, {x}, 1, 0);
    if (node.op == "Cast") return TakeCast(node, x);
    if (node.op != "Mul" && node.op != "Add") return false;
    if (y != nullptr) return node.op == "Add" && TakeSum(node, x, y);
    double scalar = NAN;
    for (const std::string& name : node.inputs) {
      const auto found = graph_.scalars.find(name);
      if (found != graph_.scalars.end()) scalar = found->second;
    }
    if (std::isnan(scalar)) return false;
    NetworkTensor* const constant = network_.AddTensor("(Unnamed Layer* " + std::to_string(network_.layers.size()) + ") [Constant]_output", x->type, Dims{});
    network_.AddLayer(kConstantLayer, "(Unnamed Layer* " + std::to_string(network_.layers.size()) + ") [Constant]", {}, constant);
    return Add(node, kElementwiseLayer, {x, constant}, node.op == "Mul" ? scalar : 1, node.op == "Mul" ? 0 : scalar);
  }

  bool TakeCast(const OnnxNode& node, NetworkTensor* x) {
    const auto to = node.integers.find("to");
    DataType type;
    if (to == node.integers.end() || !TypeOf(static_cast<int>(to->second), &type)) return false;
    Add(node, kCastLayer, {x}, 1, 0);
    network_.tensors.back()->type = type;
    return true;
  }

  bool TakeSum(const OnnxNode& node, NetworkTensor* x, NetworkTensor* y) {
    if (!x->is_input || !y->is_input) return false;
    Add(node, kElementwiseLayer, {x, y}, 1, 0);
    network_.tensors.back()->y = y->x;
    return true;
  }

  bool Add(const OnnxNode& node, int32_t type, std::vector<NetworkTensor*> from, double a, double b) {
    NetworkTensor* const x = from[0];
    NetworkTensor* const output = network_.AddTensor(node.outputs[0], x->type, x->dims);
    output->x = x->x;
    output->y = x->y;
    NetworkLayer* const layer = network_.AddLayer(type, node.name, std::move(from), output);
    layer->a = a;
    layer->b = b;
    return true;
  }

  Network& network_;
  const OnnxGraph& graph_;
};

}  // namespace

bool ParseOnnx(void* network, const void* data, size_t size, ParseFailure* failure) {
  OnnxGraph graph;
  *failure = {-1, "", "", "Failed to parse the ONNX model: ModelProto deserialization failed."};
  return ReadOnnxGraph(data, size, &graph) && Parsing(*NetworkOf(network), graph).Run(failure);
}

}  // namespace pilotlight::doubles
