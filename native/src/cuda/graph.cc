#include "cuda/graph.h"

namespace pilotlight::cuda {

std::unique_ptr<CapturedGraph> CapturedGraph::Capture(const Gpu& gpu, Stream* stream, const std::function<Status()>& enqueue) {
  const Driver& cuda = driver();
  if (cuda.StreamBeginCapture(stream, kCaptureThreadLocal) != kSuccess) return nullptr;
  const Status enqueued = enqueue();
  Graph* graph = nullptr;
  GraphExec* exec = nullptr;
  if (cuda.StreamEndCapture(stream, &graph) != kSuccess || graph == nullptr) return nullptr;
  if (!enqueued.ok() || cuda.GraphInstantiate(&exec, graph, 0) != kSuccess) {
    cuda.GraphDestroy(graph);
    return nullptr;
  }
  std::unique_ptr<CapturedGraph> captured(new CapturedGraph(gpu, graph, exec));
  return captured->FindCopies().ok() ? std::move(captured) : nullptr;
}

CapturedGraph::~CapturedGraph() {
  driver().GraphExecDestroy(exec_);
  driver().GraphDestroy(graph_);
}

Status CapturedGraph::FindCopies() {
  const Driver& cuda = driver();
  size_t count = 0;
  Status done = Check(cuda.GraphGetNodes(graph_, nullptr, &count), "cuGraphGetNodes");
  std::vector<GraphNode*> nodes(count);
  if (done.ok()) done = Check(cuda.GraphGetNodes(graph_, nodes.data(), &count), "cuGraphGetNodes");
  for (size_t i = 0; done.ok() && i < count; ++i) {
    int type = -1;
    done = Check(cuda.GraphNodeGetType(nodes[i], &type), "cuGraphNodeGetType");
    if (!done.ok() || type != kNodeMemcpy) continue;
    Copy copy{nodes[i], {}, false};
    done = Check(cuda.GraphMemcpyNodeGetParams(nodes[i], &copy.params), "cuGraphMemcpyNodeGetParams");
    copy.is_in = copy.params.from.memory_type == kMemoryHost;
    if (copy.is_in != (copy.params.to.memory_type == kMemoryHost)) copies_.push_back(copy);
  }
  return done;
}

Status CapturedGraph::Point(DevicePtr device, void* host) {
  for (Copy& copy : copies_) {
    if ((copy.is_in ? copy.params.to : copy.params.from).device != device) continue;
    void*& now = (copy.is_in ? copy.params.from : copy.params.to).host;
    if (now == host) return Status::Ok();
    now = host;
    return Check(driver().GraphExecMemcpyNodeSetParams(exec_, copy.node, &copy.params, gpu_.context()), "cuGraphExecMemcpyNodeSetParams");
  }
  return Status::Error(Code::kEngineFailed, "the captured run has no copy of that block");
}

Status CapturedGraph::Launch(Stream* stream) { return Check(driver().GraphLaunch(exec_, stream), "cuGraphLaunch"); }

}  // namespace pilotlight::cuda
