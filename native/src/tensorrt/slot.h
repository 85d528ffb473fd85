// Execution contexts of an engine, one for each profile, with one stream and one set of buffers: one run at a time. What a run enqueues (copy in, enqueue,
// copy out) is captured as a graph when its shapes come for the first time, and replayed from then on.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "core/backend.h"
#include "cuda/graph.h"
#include "tensorrt/buffers.h"
#include "tensorrt/context.h"

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
  Began StartAside(const RunRequest& request, Status* failure, std::vector<Tensor>* outputs) override;
  bool Poll(const RunRequest& request, Status* status, std::vector<Tensor>* outputs) override;

  // A run of certain shapes.
  struct Plan {
    Context* context = nullptr;
    Shapes shapes;
    std::unique_ptr<cuda::CapturedGraph> graph;  // null: it could not be captured, and is enqueued each time
  };

  explicit TensorRtSlot(TensorRtEngine& engine) : engine_(engine), buffers_(engine) {}
  Status Open();
  Plan* KnownPlan(const RunRequest& request);
  Result<Plan*> PlanFor(const RunRequest& request);
  Status LaunchAside(const RunRequest& request);
  // False: there are none. Nothing of this slot runs.
  bool FreeGraphs();
  Result<Plan*> NewPlan(const RunRequest& request, Context& context);
  Status Replay(const Plan& plan);
  Status EnqueueAgain(const RunRequest& request, Plan* plan);
  Status Enqueue(const Plan& plan);
  void Capture(Plan* plan);
  Status Wait();
  void Hold(const EngineMemory& more);

  TensorRtEngine& engine_;
  cuda::Stream* stream_ = nullptr;
  cuda::Event* done_ = nullptr;
  cuda::DeviceBlock scratch_;  // of all contexts: one of them runs at a time
  Buffers buffers_;
  std::vector<std::unique_ptr<Context>> contexts_;  // by profile
  std::map<std::vector<int64_t>, Plan> plans_;
  std::vector<int64_t> key_;  // kept for its memory
  const Plan* running_ = nullptr;
  EngineMemory held_;  // without the weights
};

}  // namespace pilotlight::trt
