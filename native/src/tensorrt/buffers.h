// Where the tensors of a slot lie, on the host and on the device, large enough for all that its profiles allow; and how those of a run get there and back.
#pragma once

#include <memory>
#include <vector>

#include "core/backend.h"
#include "cuda/graph.h"
#include "tensorrt/context.h"

namespace pilotlight::trt {

class Buffers {
 public:
  explicit Buffers(TensorRtEngine& engine) : engine_(engine) {}

  // Makes them for these contexts, one for each profile, and tells the contexts where they are. Counts what they hold on the device.
  Status Open(const std::vector<std::unique_ptr<Context>>& contexts, EngineMemory* held);

  // Chooses where this run's inputs and outputs lie on the host: where they are, if the GPU can reach them there, else in a copy. False: there was no
  // pinned memory for all of them, so the run cannot be a captured one.
  bool Stage(const RunRequest& request, const Shapes& shapes);
  // The values of shape tensors alone, which decide the shapes.
  void StageValues(const RunRequest& request);
  // Enqueue the copies.
  Status CopyIn(const Shapes& shapes, cuda::Stream* stream);
  Status CopyOut(const Shapes& shapes, cuda::Stream* stream);
  // For a captured run: the same copies, from and to where this run's lie.
  Status Point(cuda::CapturedGraph& graph, const Shapes& shapes);
  // After the run.
  Status Take(const RunRequest& request, const Shapes& shapes, std::vector<Tensor>* outputs);

 private:
  class Sink;

  struct Buffer {
    Buffer();
    ~Buffer();
    Buffer(Buffer&&) noexcept;

    cuda::DeviceBlock device;    // none: a shape tensor
    Bytes own;                   // on the host: of a shape tensor, or pinned for what is small
    std::unique_ptr<Sink> sink;  // of an output whose size only its data decide
    Bytes staged;                // this run's, if it is large and lay nowhere that the GPU can reach
    void* now = nullptr;         // where this run's copy begins or ends
  };

  static bool StageBlock(size_t bytes, Buffer* buffer);
  Status OpenShapeTensors(const std::vector<std::unique_ptr<Context>>& contexts);
  Status Measure(const std::vector<std::unique_ptr<Context>>& contexts, Shapes* largest);
  Status ReservePinned(const Shapes& largest);
  Status OpenTensor(const std::vector<std::unique_ptr<Context>>& contexts, const IoTensor& io, size_t bytes, bool by_data, Buffer* buffer);

  TensorRtEngine& engine_;
  std::vector<Buffer> inputs_, outputs_;
};

}  // namespace pilotlight::trt
