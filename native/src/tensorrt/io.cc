#include "tensorrt/io.h"

#include <cstring>

namespace pilotlight::trt {
namespace {

bool IsWithin(const std::vector<int64_t>& shape, const InputRange& range) {
  bool fits = shape.size() == static_cast<size_t>(range.max.rank);
  for (size_t axis = 0; fits && axis < shape.size(); ++axis) fits = range.min.axes[axis] <= shape[axis] && shape[axis] <= range.max.axes[axis];
  return fits;
}

}  // namespace

Dims DimsOf(const std::vector<int64_t>& shape) {
  Dims dims;
  dims.rank = static_cast<int32_t>(shape.size());
  for (size_t i = 0; i < shape.size() && i < 8; ++i) dims.axes[i] = shape[i];
  return dims;
}

size_t ElementsOf(const Dims& dims) {
  size_t count = 1;
  for (int32_t i = 0; i < dims.rank; ++i) count *= static_cast<size_t>(dims.axes[i]);
  return count;
}

std::string Describe(const Dims& dims) {
  std::string text;
  for (int32_t i = 0; i < dims.rank; ++i) text += (i == 0 ? "" : "x") + std::to_string(dims.axes[i]);
  return text.empty() ? "scalar" : text;
}

std::vector<int64_t> ValuesOf(const Tensor& tensor) {
  std::vector<int64_t> values(tensor.bytes.size() / ElementBytes(tensor.type));
  for (size_t i = 0; i < values.size(); ++i) {
    int32_t narrow = 0;
    if (tensor.type == ElementType::kInt64) {
      std::memcpy(&values[i], tensor.bytes.data() + i * sizeof(int64_t), sizeof(int64_t));
    } else {
      std::memcpy(&narrow, tensor.bytes.data() + i * sizeof narrow, sizeof narrow);
      values[i] = narrow;
    }
  }
  return values;
}

Result<size_t> FindProfile(const std::vector<Profile>& profiles, const std::vector<IoTensor>& io, const std::vector<Tensor>& inputs) {
  size_t worst = 0;  // the input that keeps the last profile from it: all of them are named
  for (size_t index = 0; index < profiles.size(); ++index) {
    size_t input = 0;
    while (input < io.size() && IsWithin(inputs[input].shape, profiles[index][input])) ++input;
    if (input == io.size()) return Result<size_t>::Of(index);
    worst = input;
  }
  std::string ranges;
  for (const Profile& profile : profiles) {
    ranges += (ranges.empty() ? "" : ", or ") + Describe(profile[worst].min) + " to " + Describe(profile[worst].max);
  }
  const std::string several = profiles.size() > 1 ? ", each with the other inputs of its profile" : "";
  return Result<size_t>::Error(Code::kBadInput, "input \"" + io[worst].name + "\" is " + Describe(DimsOf(inputs[worst].shape)) + ", and the engine takes " + ranges + several);
}

}  // namespace pilotlight::trt
