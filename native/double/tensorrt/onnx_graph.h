// As much of an ONNX file as the pretended parser understands: inputs and outputs, nodes, and initializers of one element.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pilotlight::doubles {

struct OnnxValue {
  std::string name;
  int type = 0;  // TensorProto.DataType
  std::vector<int64_t> shape;  // -1: dynamic
};

struct OnnxNode {
  std::string name, op;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, int64_t> integers;  // attributes
};

struct OnnxGraph {
  std::vector<OnnxValue> inputs, outputs;
  std::vector<OnnxNode> nodes;
  std::map<std::string, double> scalars;  // initializers
};

// False: it is no ONNX file.
bool ReadOnnxGraph(const void* data, size_t size, OnnxGraph* graph);

}  // namespace pilotlight::doubles
