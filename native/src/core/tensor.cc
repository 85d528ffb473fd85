#include "core/tensor.h"

#include <cstdlib>
#include <utility>

namespace pilotlight {

namespace {

struct ElementKind {
  ElementType type;
  size_t bytes;
  const char* name;
};

constexpr ElementKind kElementKinds[] = {
    {ElementType::kFloat32, 4, "float32"}, {ElementType::kUint8, 1, "uint8"},     {ElementType::kInt8, 1, "int8"},
    {ElementType::kUint16, 2, "uint16"},   {ElementType::kInt16, 2, "int16"},     {ElementType::kInt32, 4, "int32"},
    {ElementType::kInt64, 8, "int64"},     {ElementType::kString, 0, "string"},   {ElementType::kBool, 1, "bool"},
    {ElementType::kFloat16, 2, "float16"}, {ElementType::kFloat64, 8, "float64"}, {ElementType::kUint32, 4, "uint32"},
    {ElementType::kUint64, 8, "uint64"},   {ElementType::kBfloat16, 2, "bfloat16"},
};

constexpr size_t kAlignment = 64;  // a cache line, and what vectorised kernels like best

}  // namespace

size_t ElementBytes(ElementType type) {
  for (const ElementKind& kind : kElementKinds) {
    if (kind.type == type) return kind.bytes;
  }
  return 0;
}

const char* ElementName(ElementType type) {
  for (const ElementKind& kind : kElementKinds) {
    if (kind.type == type) return kind.name;
  }
  return "unknown";
}

bool FindElementType(const std::string& name, ElementType* type) {
  for (const ElementKind& kind : kElementKinds) {
    if (name != kind.name) continue;
    *type = kind.type;
    return true;
  }
  return false;
}

Bytes& Bytes::operator=(Bytes&& other) noexcept {
  Bytes taken(std::move(other));  // what this held is freed now, not with `other`
  Swap(taken);
  return *this;
}

void Bytes::Swap(Bytes& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(free_, other.free_);
  std::swap(context_, other.context_);
}

Bytes::~Bytes() {
  if (free_ != nullptr && data_ != nullptr) free_(context_, data_);
}

Bytes Bytes::Allocate(size_t size) {
  void* data = nullptr;
  // One byte at least: an empty tensor has an address too, so that null means refused.
  if (posix_memalign(&data, kAlignment, size == 0 ? 1 : size) != 0) return Bytes();
  return Bytes(data, size, [](void*, void* bytes) { std::free(bytes); });
}

}  // namespace pilotlight
