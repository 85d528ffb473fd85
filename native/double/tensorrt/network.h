// The pretended INetworkDefinition with its tensors and layers. Every tensor is x * a + b of one input, or the sum of two: more the
// double's plans cannot compute.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "objects.h"

namespace pilotlight::doubles {

struct NetworkTensor {
  const void* const* table;
  Object object;
  std::string name;
  DataType type = DataType::kFloat;
  Dims dims;
  bool is_input = false, is_output = false;
  size_t x = 0, y = SIZE_MAX;  // inputs; y: of a sum
  double a = 1, b = 0;
};

struct NetworkLayer {
  const void* const* table;
  Object object;
  int32_t type = 0;
  std::string name;
  std::vector<NetworkTensor*> inputs;
  NetworkTensor* output = nullptr;
  double a = 1, b = 0;  // what it does to its input
  bool is_precise = false;
};

struct Network {
  const void* const* table;
  Object object;
  bool is_typed = false;
  std::vector<std::unique_ptr<NetworkTensor>> tensors;
  std::vector<std::unique_ptr<NetworkLayer>> layers;
  std::vector<NetworkTensor*> inputs, outputs;

  NetworkTensor* Find(const std::string& name) const;
  NetworkTensor* AddTensor(const std::string& name, DataType type, const Dims& dims);
  NetworkLayer* AddLayer(int32_t type, const std::string& name, std::vector<NetworkTensor*> inputs, NetworkTensor* output);
  bool is_dynamic() const;
};

constexpr int32_t kCastLayer = 1, kElementwiseLayer = 9, kConstantLayer = 19, kIdentityLayer = 20;

void* MakeNetwork(uint32_t flags);
Network* NetworkOf(void* object);

}  // namespace pilotlight::doubles
