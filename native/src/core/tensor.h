// Tensors as the core sees them: a type, a shape, and bytes that somebody owns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace pilotlight {

// ONNX TensorProto.DataType numbers, which ONNX Runtime's C API and runtime/engine/tensor.ts share.
enum class ElementType : int {
  kFloat32 = 1, kUint8 = 2, kInt8 = 3, kUint16 = 4, kInt16 = 5, kInt32 = 6, kInt64 = 7, kString = 8,
  kBool = 9, kFloat16 = 10, kFloat64 = 11, kUint32 = 12, kUint64 = 13, kBfloat16 = 16,
};

// Bytes of one element; 0 for strings.
size_t ElementBytes(ElementType type);
const char* ElementName(ElementType type);  // "float32", ...
bool FindElementType(const std::string& name, ElementType* type);  // false: no such name

// Move-only bytes with an owner: malloc'ed by us, or kept alive by an engine's own value. Freed on any thread.
class Bytes {
 public:
  using Free = void (*)(void* context, void* data);

  Bytes() = default;
  Bytes(void* data, size_t size, Free free, void* context = nullptr) : data_(data), size_(size), free_(free), context_(context) {}
  Bytes(Bytes&& other) noexcept { Swap(other); }
  Bytes& operator=(Bytes&& other) noexcept;
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  ~Bytes();

  static Bytes Allocate(size_t size);  // 64-byte aligned, uninitialised; data() is null if the system refuses

  uint8_t* data() const { return static_cast<uint8_t*>(data_); }
  size_t size() const { return size_; }
  // Whether they came from there.
  bool IsFreedBy(Free free) const { return free_ == free; }

 private:
  void Swap(Bytes& other) noexcept;

  void* data_ = nullptr;
  size_t size_ = 0;
  Free free_ = nullptr;
  void* context_ = nullptr;
};

struct Tensor {
  ElementType type = ElementType::kFloat32;
  std::vector<int64_t> shape;
  Bytes bytes;                       // row-major; empty for strings
  std::vector<std::string> strings;  // kString only, UTF-8
};

struct TensorSpec {
  std::string name;
  ElementType type = ElementType::kFloat32;
  std::vector<int64_t> shape;         // -1: dynamic
  std::vector<std::string> symbols;   // same length; "" where the axis has no name
  bool any_rank = false;              // the model does not say how many axes there are: shape is empty and tells nothing
};

struct Signature {
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

}  // namespace pilotlight
