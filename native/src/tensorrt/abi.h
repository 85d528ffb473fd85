// TensorRT's binary interface as far as it is used: own declarations, checked against the real library. Public methods of
// TensorRT are inline and call through the vtable of the object's implementation; which slot is whose depends on the major
// version (10 or 11), inside one major the order only grows at its end.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pilotlight::trt {

struct Dims {
  int32_t rank = 0;
  int64_t axes[8] = {};
};

enum class DataType : int32_t {
  kFloat = 0, kHalf = 1, kInt8 = 2, kInt32 = 3, kBool = 4, kUint8 = 5, kFp8 = 6, kBfloat16 = 7, kInt64 = 8, kInt4 = 9,
};
enum class IoMode : int32_t { kNone = 0, kInput = 1, kOutput = 2 };
enum class Location : int32_t { kDevice = 0, kHost = 1 };
enum class Selector : int32_t { kMin = 0, kOpt = 1, kMax = 2 };
constexpr int32_t kUserManagedMemory = 2;  // ExecutionContextAllocationStrategy

constexpr int32_t kFormatLinear = 0;

// Slots of the implementation's vtables: 0 and 1 are the destructors. `deserialize_stream` takes a StreamReader in 10 and a StreamReaderV2 in 11,
// `profile_values` gives int32 in 10 and int64 in 11.
struct Slots {
  struct {
    int set_gpu_allocator, deserialize, allow_host_code, deserialize_stream;
  } runtime;
  struct {
    int create_context, profile_count, tensor_shape, tensor_type, tensor_location, tensor_mode, profile_shape, tensor_count, tensor_name, device_memory_bytes;
    int profile_values, tensor_format;
  } engine;
  struct {
    int set_input_shape, tensor_shape, set_tensor_address, infer_shapes, enqueue, set_device_memory;
    int set_profile, set_output_allocator, max_output_bytes;
  } context;
};

constexpr Slots kSlots10 = {{8, 3, 21, 4}, {5, 10, 19, 20, 21, 23, 29, 30, 31, 52, 11, 26}, {21, 22, 24, 28, 37, 49, 17, 32, 34}};
constexpr Slots kSlots11 = {{7, 3, 20, 22}, {5, 8, 15, 16, 17, 19, 25, 26, 27, 44, 46, 22}, {20, 21, 23, 27, 36, 48, 16, 31, 33}};

// A public object is {vptr, implementation}.
template <typename R, typename... Arguments>
R CallSlot(const void* object, int slot, Arguments... arguments) {
  void* implementation = static_cast<void* const*>(object)[1];
  void* const* vtable = *static_cast<void* const* const*>(implementation);
  return reinterpret_cast<R (*)(void*, Arguments...)>(vtable[slot])(implementation, arguments...);
}

// As `delete`: the deleting destructor is the second entry of the object's own vtable.
inline void Destroy(void* object) {
  if (object == nullptr) return;
  void* const* vtable = *static_cast<void* const* const*>(object);
  reinterpret_cast<void (*)(void*)>(vtable[1])(object);
}

// What TensorRT calls: laid out as its own abstract classes are.

class Logger {
 public:
  virtual void Log(int32_t severity, const char* text) noexcept = 0;
  virtual ~Logger() = default;
};
constexpr int32_t kSeverityError = 1;
constexpr int32_t kSeverityWarning = 2;

struct InterfaceInfo {
  const char* kind;
  int32_t major;
  int32_t minor;
};

// IVersionedInterface: the beginning of those that follow.
class Versioned {
 public:
  virtual int32_t Language() const noexcept { return 0; }
  virtual InterfaceInfo Info() const noexcept = 0;
  virtual ~Versioned() = default;
};

// IStreamReader, for TensorRT 10.
class StreamReader : public Versioned {
 public:
  InterfaceInfo Info() const noexcept override { return {"IStreamReader", 1, 0}; }
  virtual int64_t Read(void* to, int64_t bytes) = 0;
};

// IStreamReaderV2, for TensorRT 11: `to` may be memory of the device, used on `stream`. From where: beginning 0, here 1, end 2.
class StreamReaderV2 : public Versioned {
 public:
  InterfaceInfo Info() const noexcept override { return {"IStreamReaderV2", 1, 0}; }
  virtual int64_t Read(void* to, int64_t bytes, void* stream) noexcept = 0;
  virtual bool Seek(int64_t offset, int32_t from) noexcept = 0;
};

// IOutputAllocator: asked for the memory of an output whose size only its data decide, and told that size, both before the enqueue returns.
class OutputAllocator : public Versioned {
 public:
  InterfaceInfo Info() const noexcept override { return {"IOutputAllocator", 1, 0}; }
  virtual void* Reallocate(const char* name, void* current, uint64_t bytes, uint64_t alignment) noexcept { return ReallocateAsync(name, current, bytes, alignment, nullptr); }
  virtual void* ReallocateAsync(const char* name, void* current, uint64_t bytes, uint64_t alignment, void* stream) noexcept = 0;
  virtual void NotifyShape(const char* name, const Dims& dims) noexcept = 0;
};

// IGpuAsyncAllocator.
class GpuAllocator {
 public:
  virtual int32_t Language() const noexcept { return 0; }
  virtual InterfaceInfo Info() const noexcept { return {"IGpuAllocator", 1, 0}; }
  virtual ~GpuAllocator() = default;
  virtual void* Allocate(uint64_t size, uint64_t alignment, uint32_t flags) noexcept { return AllocateAsync(size, alignment, flags, nullptr); }
  virtual void* Reallocate(void*, uint64_t, uint64_t) noexcept { return nullptr; }
  virtual bool Free(void* memory) noexcept { return FreeAsync(memory, nullptr); }
  virtual void* AllocateAsync(uint64_t size, uint64_t alignment, uint32_t flags, void* stream) noexcept = 0;
  virtual bool FreeAsync(void* memory, void* stream) noexcept = 0;
};

}  // namespace pilotlight::trt
