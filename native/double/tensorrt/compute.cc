#include "compute.h"

#include <cmath>
#include <cstring>

namespace pilotlight::doubles {
namespace {

template <typename T>
T Load(const unsigned char* data, int64_t at) {
  T value;
  std::memcpy(&value, data + at * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

template <typename T>
void Store(unsigned char* data, int64_t at, T value) {
  std::memcpy(data + at * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
}

double FromHalf(uint16_t bits) {
  const int sign = bits >> 15, exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double size = exponent == 31 ? (mantissa != 0 ? NAN : INFINITY) : exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(mantissa + 1024, exponent - 25);
  return sign != 0 ? -size : size;
}

// To the nearest, ties to even, as the hardware does.
uint16_t ToHalf(double value) {
  const auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000 : 0);
  const double size = std::fabs(value);
  if (std::isnan(size)) return static_cast<uint16_t>(sign | 0x7E00);
  if (size >= 65520) return static_cast<uint16_t>(sign | 0x7C00);
  int exponent = 0;
  std::frexp(size, &exponent);
  const int scale = size < std::ldexp(1, -14) ? -24 : exponent - 11;
  const auto units = static_cast<int>(std::nearbyint(std::ldexp(size, -scale)));
  // A mantissa that rounds up to the next power carries into the exponent by itself.
  return static_cast<uint16_t>(sign | (scale == -24 ? units : (scale + 24) * 1024 + units));
}

double FromBfloat(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

uint16_t ToBfloat(double value) {
  const auto narrow = static_cast<float>(value);
  uint32_t bits;
  std::memcpy(&bits, &narrow, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

std::vector<unsigned char> ComputeNonzero(const OutputText& output, const TensorNow& input, std::vector<int64_t>* shape) {
  const auto rank = static_cast<int64_t>(input.shape.size());
  std::vector<int64_t> found;
  for (int64_t at = 0; at < ElementsOf(input.shape); ++at) {
    if (ReadElement(input.data, input.type, at) != 0) found.push_back(at);
  }
  const auto count = static_cast<int64_t>(found.size());
  *shape = {rank, count};
  std::vector<unsigned char> bytes(BytesOf(output.type, rank * count));
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = found[static_cast<size_t>(i)];
    for (int64_t axis = rank - 1; axis >= 0; --axis) {
      WriteElement(bytes.data(), output.type, axis * count + i, static_cast<double>(rest % input.shape[static_cast<size_t>(axis)]));
      rest /= input.shape[static_cast<size_t>(axis)];
    }
  }
  return bytes;
}

std::vector<unsigned char> ComputeSum(const OutputText& output, const TensorNow& input, std::vector<int64_t>* shape) {
  int64_t inner = 1;
  for (size_t axis = static_cast<size_t>(output.axis) + 1; axis < input.shape.size(); ++axis) inner *= input.shape[axis];
  const int64_t length = input.shape[static_cast<size_t>(output.axis)];
  *shape = input.shape;
  shape->erase(shape->begin() + output.axis);
  const int64_t count = ElementsOf(*shape);
  std::vector<unsigned char> bytes(BytesOf(output.type, count));
  for (int64_t at = 0; at < count; ++at) {
    double sum = 0;
    for (int64_t i = 0; i < length; ++i) sum += ReadElement(input.data, input.type, (at / inner * length + i) * inner + at % inner);
    WriteElement(bytes.data(), output.type, at, sum * output.a + output.b);
  }
  return bytes;
}

}  // namespace

int64_t ElementsOf(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t axis : shape) count *= axis;
  return count;
}

double ReadElement(const unsigned char* data, DataType type, int64_t at) {
  switch (type) {
    case DataType::kFloat: return Load<float>(data, at);
    case DataType::kHalf: return FromHalf(Load<uint16_t>(data, at));
    case DataType::kBfloat16: return FromBfloat(Load<uint16_t>(data, at));
    case DataType::kInt8: return Load<int8_t>(data, at);
    case DataType::kInt32: return Load<int32_t>(data, at);
    case DataType::kInt64: return static_cast<double>(Load<int64_t>(data, at));
    default: return Load<uint8_t>(data, at);
  }
}

void WriteElement(unsigned char* data, DataType type, int64_t at, double value) {
  switch (type) {
    case DataType::kFloat: return Store(data, at, static_cast<float>(value));
    case DataType::kHalf: return Store(data, at, ToHalf(value));
    case DataType::kBfloat16: return Store(data, at, ToBfloat(value));
    case DataType::kInt8: return Store(data, at, static_cast<int8_t>(value));
    case DataType::kInt32: return Store(data, at, static_cast<int32_t>(value));
    case DataType::kInt64: return Store(data, at, static_cast<int64_t>(value));
    case DataType::kBool: return Store(data, at, static_cast<uint8_t>(value != 0));
    default: return Store(data, at, static_cast<uint8_t>(value));
  }
}

std::vector<unsigned char> Compute(const OutputText& output, const std::vector<TensorNow>& inputs, std::vector<int64_t>* shape) {
  const TensorNow& first = inputs[output.inputs[0]];
  if (output.kind == OutputText::Kind::kNonzero) return ComputeNonzero(output, first, shape);
  if (output.kind == OutputText::Kind::kSum) return ComputeSum(output, first, shape);
  if (output.kind == OutputText::Kind::kFill) {
    shape->clear();
    for (int64_t at = 0; at < ElementsOf(first.shape); ++at) shape->push_back(static_cast<int64_t>(ReadElement(first.data, first.type, at)));
  } else {
    *shape = first.shape;
  }
  const int64_t count = ElementsOf(*shape);
  std::vector<unsigned char> bytes(BytesOf(output.type, count));
  const bool is_same = output.kind == OutputText::Kind::kAffine && output.a == 1 && output.b == 0 && output.type == first.type;
  if (is_same && count > 0) std::memcpy(bytes.data(), first.data, bytes.size());
  for (int64_t at = 0; !is_same && at < count; ++at) {
    double value = output.a;
    if (output.kind == OutputText::Kind::kAffine) value = ReadElement(first.data, first.type, at) * output.a + output.b;
    if (output.kind == OutputText::Kind::kAdd) {
      const TensorNow& second = inputs[output.inputs[1]];
      value = ReadElement(first.data, first.type, at) + ReadElement(second.data, second.type, at % ElementsOf(second.shape));
    }
    WriteElement(bytes.data(), output.type, at, value);
  }
  return bytes;
}

}  // namespace pilotlight::doubles
