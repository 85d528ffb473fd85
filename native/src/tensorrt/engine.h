// A TensorRT plan as an engine: deserialized once, its weights shared by all slots.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"
#include "cuda/memory.h"
#include "tensorrt/abi.h"
#include "tensorrt/io.h"

namespace pilotlight::trt {

struct ObjectDeleter {
  void operator()(void* object) const { Destroy(object); }
};
using Object = std::unique_ptr<void, ObjectDeleter>;

class TensorRtEngine final : public Engine {
 public:
  // Blocks for as long as the load takes. kBadModel says what is wrong with the file, kLoadFailed what the host lacks.
  static Result<std::unique_ptr<Engine>> Load(const EngineSpec& spec);

  ~TensorRtEngine() override;

  const Signature& signature() const override { return signature_; }
  Result<std::unique_ptr<Slot>> NewSlot() override;
  EngineMemory memory() const override;
  Bytes AllocateInput(size_t size) override;

  const cuda::Gpu& gpu() const { return gpu_; }
  cuda::MemoryPool& pool() const { return *pool_; }
  void* engine() const { return engine_.get(); }
  const std::vector<IoTensor>& inputs() const { return inputs_; }
  const std::vector<IoTensor>& outputs() const { return outputs_; }
  const std::vector<Profile>& profiles() const { return profiles_; }
  // A context of its own scratch memory, which the caller brings.
  Object NewContext();
  int64_t scratch_bytes() const { return scratch_bytes_; }
  // Pinned memory for one slot's runs: each slot asks for its own. `run_bytes`: what its largest run may take, in blocks of up to `largest`.
  Status ReservePinned(size_t run_bytes, size_t largest);
  // Slots tell what they hold.
  void Count(const EngineMemory& more);

 private:
  class Allocator;

  TensorRtEngine(const cuda::Gpu& gpu, std::unique_ptr<cuda::MemoryPool> pool);
  Status Deserialize(const std::string& path);
  Status ReadTensors();
  Result<IoTensor> ReadTensor(const char* name) const;
  InputRange ReadRange(const IoTensor& io, int32_t profile) const;

  const cuda::Gpu& gpu_;
  std::atomic<size_t> pinned_bytes_{0};
  // In the order in which they must go: the last first.
  std::unique_ptr<cuda::MemoryPool> pool_;
  std::unique_ptr<Allocator> allocator_;
  Object runtime_;
  Object engine_;
  Signature signature_;
  std::vector<IoTensor> inputs_, outputs_;
  std::vector<Profile> profiles_;
  int64_t scratch_bytes_ = 0;  // of one context
  std::atomic<int64_t> scratch_held_{0}, staging_held_{0}, graphs_held_{0};  // by slots
};

}  // namespace pilotlight::trt
