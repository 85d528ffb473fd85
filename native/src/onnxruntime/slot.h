// One run at a time on a shared session. Inputs are read where the job holds them; outputs are handed on where ONNX Runtime
// made them. A run costs about a microsecond more than the bare call, so what can be made once is made once.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "core/backend.h"
#include "onnxruntime/engine.h"

namespace pilotlight::ort {

class OnnxSlot final : public Slot {
 public:
  static Result<std::unique_ptr<Slot>> Make(OnnxEngine& engine);

  OnnxSlot(OnnxEngine& engine, RunOptionsHandle options);

  Status Run(const RunRequest& request, std::vector<Tensor>* outputs) override;
  void Cancel() override;

 private:
  enum class State { kIdle, kRunning, kTerminated };

  class Turn;

  Status Wrap(const Tensor& tensor, size_t index);
  Status Execute(const RunRequest& request, std::vector<Tensor>* outputs);
  Status Deliver(std::vector<Tensor>* outputs);
  Status Describe(const Failure& failure) const;

  OnnxEngine& engine_;
  RunOptionsHandle options_;
  std::mutex mutex_;  // `state_`, and the terminate flag of `options_`
  State state_ = State::kIdle;

  // Kept from run to run for their memory; empty of values between runs.
  std::vector<OrtValue*> inputs_;
  std::vector<OrtValue*> outputs_;
  std::vector<const char*> names_;   // of the outputs wanted in this run
  std::vector<size_t> positions_;    // and where they stand in the signature
};

}  // namespace pilotlight::ort
