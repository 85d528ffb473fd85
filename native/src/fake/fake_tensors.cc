#include "fake/fake_tensors.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace pilotlight {

namespace {

// Beyond all numbers: the largest, which no system gives.
size_t Product(size_t a, size_t b) {
  size_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

size_t ElementCount(const std::vector<int64_t>& shape) {
  size_t count = 1;
  for (const int64_t size : shape) count = Product(count, static_cast<size_t>(size));
  return count;
}

// The size of an output's dynamic axis: the input axis of the same symbol; else of the same place; else 1.
int64_t DynamicSize(const FakeModel& model, const TensorSpec& spec, size_t axis, const std::vector<Tensor>& inputs) {
  const std::string& symbol = spec.symbols[axis];
  for (size_t input = 0; !symbol.empty() && input < inputs.size(); ++input) {
    const auto& symbols = model.signature.inputs[input].symbols;
    for (size_t place = 0; place < symbols.size() && place < inputs[input].shape.size(); ++place) {
      if (symbols[place] == symbol) return inputs[input].shape[place];
    }
  }
  for (const Tensor& input : inputs) {
    if (input.shape.size() == spec.shape.size()) return input.shape[axis];
  }
  return 1;
}

template <typename T>
void Fill(Bytes& bytes, T value) {
  for (size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) std::memcpy(bytes.data() + at, &value, sizeof(T));
}

uint16_t ToBfloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>(bits >> 16);
}

// Whole numbers up to 2048 and simple fractions come out exact, which is all that a script needs.
uint16_t ToFloat16(float value) {
  if (std::isnan(value)) return 0x7e00;
  if (value == 0) return 0;
  int exponent;
  const float mantissa = std::frexp(std::fabs(value), &exponent);  // [0.5, 1)
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (exponent > 16) return sign | 0x7c00;
  if (exponent < -13) return sign;
  return static_cast<uint16_t>(sign | ((exponent + 14) << 10) | (static_cast<int>(std::ldexp(mantissa, 11)) & 0x3ff));
}

void FillWith(Tensor& tensor, double value) {
  switch (tensor.type) {
    case ElementType::kFloat32: return Fill(tensor.bytes, static_cast<float>(value));
    case ElementType::kFloat64: return Fill(tensor.bytes, value);
    case ElementType::kFloat16: return Fill(tensor.bytes, ToFloat16(static_cast<float>(value)));
    case ElementType::kBfloat16: return Fill(tensor.bytes, ToBfloat16(static_cast<float>(value)));
    case ElementType::kInt8: return Fill(tensor.bytes, static_cast<int8_t>(value));
    case ElementType::kUint8: return Fill(tensor.bytes, static_cast<uint8_t>(value));
    case ElementType::kInt16: return Fill(tensor.bytes, static_cast<int16_t>(value));
    case ElementType::kUint16: return Fill(tensor.bytes, static_cast<uint16_t>(value));
    case ElementType::kInt32: return Fill(tensor.bytes, static_cast<int32_t>(value));
    case ElementType::kUint32: return Fill(tensor.bytes, static_cast<uint32_t>(value));
    case ElementType::kInt64: return Fill(tensor.bytes, static_cast<int64_t>(value));
    case ElementType::kUint64: return Fill(tensor.bytes, static_cast<uint64_t>(value));
    case ElementType::kBool: return Fill(tensor.bytes, static_cast<uint8_t>(value != 0));
    case ElementType::kString: return;
  }
}

bool HasNan(ElementType type) {
  return type == ElementType::kFloat32 || type == ElementType::kFloat64 || type == ElementType::kFloat16 || type == ElementType::kBfloat16;
}

void Zero(Tensor& tensor) {
  if (tensor.bytes.size() > 0) std::memset(tensor.bytes.data(), 0, tensor.bytes.size());
}

const Tensor* FindEcho(const Tensor& output, size_t count, const std::vector<Tensor>& inputs) {
  for (const Tensor& input : inputs) {
    if (input.type == output.type && ElementCount(input.shape) == count) return &input;
  }
  return nullptr;
}

}  // namespace

Tensor FakeOutput(const FakeModel& model, size_t output, const std::vector<Tensor>& inputs, FakeAnswer answer) {
  const TensorSpec& spec = model.signature.outputs[output];
  Tensor tensor;
  tensor.type = spec.type;
  tensor.shape = spec.shape;
  for (size_t axis = 0; axis < spec.shape.size(); ++axis) {
    if (spec.shape[axis] < 0) tensor.shape[axis] = DynamicSize(model, spec, axis, inputs);
  }
  const size_t count = ElementCount(tensor.shape);
  const auto scripted = model.output_values.find(spec.name);
  const Tensor* echo = scripted == model.output_values.end() ? FindEcho(tensor, count, inputs) : nullptr;

  if (spec.type == ElementType::kString) {
    tensor.strings = echo != nullptr ? echo->strings : std::vector<std::string>(count, scripted == model.output_values.end() ? "" : scripted->second);
    return tensor;
  }
  tensor.bytes = Bytes::Allocate(Product(count, ElementBytes(spec.type)));
  if (tensor.bytes.data() == nullptr) return tensor;  // the caller sees it
  if (answer == FakeAnswer::kNan && HasNan(spec.type)) {
    FillWith(tensor, std::nan(""));
  } else if (scripted != model.output_values.end()) {
    FillWith(tensor, std::strtod(scripted->second.c_str(), nullptr));
  } else if (echo != nullptr && echo->bytes.size() == tensor.bytes.size()) {
    std::memcpy(tensor.bytes.data(), echo->bytes.data(), tensor.bytes.size());
  } else {
    Zero(tensor);
  }
  return tensor;
}

}  // namespace pilotlight
