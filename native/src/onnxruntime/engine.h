// An ONNX model as an engine: one session, whose Run is safe from several threads, holds the weights once for all slots.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/backend.h"
#include "cuda/device.h"
#include "cuda/pinned.h"
#include "onnxruntime/environment.h"

namespace pilotlight::ort {

class OnnxEngine final : public Engine {
 public:
  // Blocks for as long as the load takes. kBadModel says what is wrong with the file.
  static Result<std::unique_ptr<Engine>> Load(const EngineSpec& spec);

  OnnxEngine(Environment& environment, SessionHandle session, Signature signature, const EngineSpec& spec);
  ~OnnxEngine() override;

  const Signature& signature() const override { return signature_; }
  Result<std::unique_ptr<Slot>> NewSlot() override;
  EngineMemory memory() const override;
  Bytes AllocateInput(size_t size) override;

  // Of a run that is to begin: on a GPU the next ones find pinned memory for inputs of this size. Blocks while it is made, so the first
  // time in a warm-up. A slot's thread.
  void NeedPinned(size_t run_bytes, size_t largest);
  const Environment& environment() const { return environment_; }
  OrtSession* session() const { return session_.get(); }
  // In the signature's order, for Run.
  const std::vector<const char*>& input_names() const { return input_names_; }
  const std::vector<const char*>& output_names() const { return output_names_; }

 private:
  Environment& environment_;
  SessionHandle session_;
  AllocatorHandle arena_;  // of the session, for its statistics
  Signature signature_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
  int64_t arena_weights_bytes_ = 0;
  int64_t weights_bytes_ = 0;

  const int slots_;
  const cuda::Gpu* gpu_ = nullptr;  // null: on a CPU, or where the driver cannot be asked
  std::atomic<size_t> pinned_run_bytes_{0};
  std::mutex pinned_mutex_;
  size_t reserved_bytes_ = 0;  // of the process's pinned memory
};

}  // namespace pilotlight::ort
