// One execution context with its stream, its buffers, and a captured graph for each shape that it has run: copy in, enqueue and
// copy out are one launch.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "core/backend.h"
#include "cuda/graph.h"
#include "cuda/memory.h"
#include "tensorrt/engine.h"

namespace pilotlight::trt {

class TensorRtSlot final : public Slot, private DrivenSlot {
 public:
  static Result<std::unique_ptr<Slot>> Make(TensorRtEngine& engine);
  ~TensorRtSlot() override;

  Status Run(const RunRequest& request, std::vector<Tensor>* outputs) override;
  // What is on the GPU cannot be stopped; the core forgets its answer.
  void Cancel() override {}
  DrivenSlot* driven() override { return this; }

 private:
  Began Start(const RunRequest& request, Status* failure) override;
  bool Poll(const RunRequest& request, Status* status, std::vector<Tensor>* outputs) override;

  // Where a tensor lies: on the host for us, on the device for TensorRT. Large enough for all that the profile allows.
  struct Buffer {
    cuda::PinnedBlock host;
    cuda::DeviceBlock device;
    void* now = nullptr;  // where this run's copy begins or ends: there, or in the engine's staging
    Bytes staged;         // of an output: that memory
  };

  // All that a set of input shapes decides.
  struct Plan {
    std::vector<size_t> input_bytes;
    std::vector<std::vector<int64_t>> output_shapes;
    std::vector<size_t> output_bytes;
    std::unique_ptr<cuda::CapturedGraph> graph;  // null: it could not be captured, and is enqueued each time
  };

  explicit TensorRtSlot(TensorRtEngine& engine) : engine_(engine) {}
  Status Open();
  Status CheckRange(const RunRequest& request) const;
  Status SetShapes(const std::vector<Dims>& shapes, Plan* plan);
  void StageIn(const RunRequest& request);
  void StageOut(const RunRequest& request, const Plan& plan);
  Status CopyOut(const RunRequest& request, std::vector<Tensor>* outputs);
  Plan* KnownPlan(const RunRequest& request);
  Result<Plan*> PlanFor(const RunRequest& request);
  Status Launch(const Plan& plan);
  Status Enqueue(const Plan& plan);
  void Capture(Plan* plan);
  Status Wait();
  void Hold(const EngineMemory& more);

  TensorRtEngine& engine_;
  cuda::Stream* stream_ = nullptr;
  cuda::Event* done_ = nullptr;
  cuda::DeviceBlock scratch_;
  std::vector<Buffer> inputs_, outputs_;
  Object context_;
  std::map<std::vector<int64_t>, Plan> plans_;
  std::vector<int64_t> key_;       // kept for its memory
  const Plan* running_ = nullptr;
  EngineMemory held_;  // without the weights
  std::vector<int64_t> set_key_;   // the shapes that the context has now
};

}  // namespace pilotlight::trt
