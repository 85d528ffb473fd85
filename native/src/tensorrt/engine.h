// A TensorRT plan as an engine: deserialized once, its weights shared by all slots.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"
#include "cuda/memory.h"
#include "tensorrt/abi.h"

namespace pilotlight::trt {

struct ObjectDeleter {
  void operator()(void* object) const { Destroy(object); }
};
using Object = std::unique_ptr<void, ObjectDeleter>;

// An input or output as the plan declares it.
struct IoTensor {
  std::string name;
  ElementType type = ElementType::kFloat32;
  Dims min, max;  // of an input: what the profile allows
};

class TensorRtEngine final : public Engine {
 public:
  // Blocks for as long as the load takes. kBadModel says what is wrong with the file, kLoadFailed what the host lacks.
  static Result<std::unique_ptr<Engine>> Load(const EngineSpec& spec);

  ~TensorRtEngine() override;

  const Signature& signature() const override { return signature_; }
  Result<std::unique_ptr<Slot>> NewSlot() override;
  EngineMemory memory() const override;

  const cuda::Gpu& gpu() const { return gpu_; }
  cuda::MemoryPool& pool() const { return *pool_; }
  void* engine() const { return engine_.get(); }
  const std::vector<IoTensor>& inputs() const { return inputs_; }
  const std::vector<IoTensor>& outputs() const { return outputs_; }
  // A context of its own scratch memory, which the caller brings.
  Object NewContext();
  int64_t scratch_bytes() const { return scratch_bytes_; }
  // Slots tell what they hold.
  void Count(int64_t scratch, int64_t staging);

 private:
  class Allocator;

  TensorRtEngine(const cuda::Gpu& gpu, std::unique_ptr<cuda::MemoryPool> pool);
  Status Deserialize(const std::string& plan);
  Status ReadTensors();

  const cuda::Gpu& gpu_;
  // In the order in which they must go: the last first.
  std::unique_ptr<cuda::MemoryPool> pool_;
  std::unique_ptr<Allocator> allocator_;
  Object runtime_;
  Object engine_;
  Signature signature_;
  std::vector<IoTensor> inputs_, outputs_;
  int64_t scratch_bytes_ = 0;  // of one context
  int64_t weights_bytes_ = 0;
  std::atomic<int64_t> held_scratch_bytes_{0}, held_staging_bytes_{0};
};

}  // namespace pilotlight::trt
