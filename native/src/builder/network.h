// A model as TensorRT's parser understood it: layers before any fusion.
#pragma once

#include <string>
#include <vector>

#include "builder/library.h"

namespace pilotlight::build {

struct NetworkTensor {
  void* tensor = nullptr;  // ITensor
  std::string name;
  trt::DataType type = trt::DataType::kFloat;
  std::vector<int64_t> shape;  // -1: dynamic
  bool is_shape = false;       // its values decide shapes, so a profile names values
};

struct ParserDeleter {
  int slot = 0;
  void operator()(void* parser) const { CallOwn<void>(parser, slot); }
};

class Network {
 public:
  // Parses the model into a network that must outlive this. kBadModel tells every error of the parser.
  static Result<Network> Parse(const Library& library, const Parser& parser, void* network, const std::string& path);

  // Inputs, outputs and layers as lines.
  void TellAll() const;

  const std::vector<NetworkTensor>& inputs() const { return inputs_; }
  // Whether any tensor has this type.
  bool Has(trt::DataType type) const;
  // TensorRT 10: these layers compute in FP32, whatever the builder would choose.
  Status KeepPrecision(const std::vector<std::string>& layers) const;
  // What every layer gives becomes an output, where it can.
  void MarkLayers() const;

 private:
  Network(const Library& library, void* network) : library_(library), network_(network) {}

  struct Layer {
    void* layer = nullptr;  // ILayer
    int32_t type = 0;
    std::string name;
    std::vector<std::string> inputs;
    std::vector<NetworkTensor> outputs;
  };

  NetworkTensor Describe(void* tensor) const;
  std::vector<Layer> Layers() const;

  Library library_;
  void* network_;
  std::unique_ptr<void, ParserDeleter> parser_;  // owns the weights that the network refers to
  std::vector<NetworkTensor> inputs_, outputs_;
};

const char* TypeName(trt::DataType type);

}  // namespace pilotlight::build
