// What a stream was told to do, captured, as one launch. Its copies between host and device can be pointed at other memory of the host, launch by launch.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "cuda/device.h"
#include "cuda/driver.h"

namespace pilotlight::cuda {

class CapturedGraph {
 public:
  // Null: what `enqueue` does on the stream cannot be captured. It has run before, outside; the calling thread has entered the GPU.
  static std::unique_ptr<CapturedGraph> Capture(const Gpu& gpu, Stream* stream, const std::function<Status()>& enqueue);
  // It is not in flight.
  ~CapturedGraph();

  // The copy from or to this block of the device goes from or to `host` from the next launch on.
  Status Point(DevicePtr device, void* host);
  Status Launch(Stream* stream);

 private:
  struct Copy {
    GraphNode* node;
    Memcpy3d params;
    bool is_in;  // to the device
  };

  CapturedGraph(const Gpu& gpu, Graph* graph, GraphExec* exec) : gpu_(gpu), graph_(graph), exec_(exec) {}
  Status FindCopies();

  const Gpu& gpu_;
  Graph* const graph_;  // kept: its nodes name the copies
  GraphExec* const exec_;
  std::vector<Copy> copies_;
};

}  // namespace pilotlight::cuda
