// The inputs and outputs of a plan, and the shapes that its profiles allow.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"
#include "tensorrt/abi.h"

namespace pilotlight::trt {

// An input or output as the plan declares it.
struct IoTensor {
  std::string name;
  ElementType type = ElementType::kFloat32;
  bool on_host = false;  // a shape tensor: its few values say how large others are
};

// What a profile allows of one input.
struct InputRange {
  Dims min, max;
  std::vector<int64_t> max_values;  // of a shape tensor
};
using Profile = std::vector<InputRange>;  // in the order of the inputs

Dims DimsOf(const std::vector<int64_t>& shape);
size_t ElementsOf(const Dims& dims);
// "1x3x224x224"; "scalar" without axes.
std::string Describe(const Dims& dims);
// Of an int32 or int64 tensor.
std::vector<int64_t> ValuesOf(const Tensor& tensor);

// The first profile that has room for these inputs. kBadInput names the input that is too small or too large for all of them, and their ranges.
Result<size_t> FindProfile(const std::vector<Profile>& profiles, const std::vector<IoTensor>& io, const std::vector<Tensor>& inputs);

}  // namespace pilotlight::trt
