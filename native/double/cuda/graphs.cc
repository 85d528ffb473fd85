// Captures and graphs of the pretended driver: what is captured is kept and not done; a launch does it as it was kept.
#include "machine.h"

using namespace pilotlight::doubles;
using namespace pilotlight::cuda;

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int kDeviceMemory = 2;

bool IsNodeLocked(GraphNode* node) { return Machine::Get().nodes.count(node) > 0; }

Memcpy3d::Side SideOf(bool is_on_gpu, uint64_t address, size_t bytes) {
  Memcpy3d::Side side;
  side.memory_type = is_on_gpu ? kDeviceMemory : kMemoryHost;
  if (is_on_gpu) side.device = address;
  if (!is_on_gpu) side.host = reinterpret_cast<void*>(address);
  side.pitch = bytes;
  side.height = 1;
  return side;
}

uint64_t AddressOf(const Memcpy3d::Side& side) { return side.memory_type == kDeviceMemory ? side.device : reinterpret_cast<uint64_t>(side.host); }

}  // namespace

EXPORT Return cuStreamBeginCapture_v2(Stream* stream, int mode) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  if (machine.streams.count(stream) == 0) return kInvalidHandle;
  if (mode != kCaptureThreadLocal) machine.WrongUseLocked("a capture of a mode that other threads' calls spoil");
  if (stream->capture != nullptr) return kIllegalState;
  stream->capture = std::make_unique<Capture>();
  stream->capture->thread = std::this_thread::get_id();
  return 0;
}

EXPORT Return cuStreamEndCapture(Stream* stream, Graph** graph) {
  *graph = nullptr;
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  if (machine.streams.count(stream) == 0) return kInvalidHandle;
  if (stream->capture == nullptr) return kIllegalState;
  if (stream->capture->thread != std::this_thread::get_id()) return kCaptureWrongThread;
  const auto capture = std::move(stream->capture);
  if (!capture->is_valid) return kCaptureInvalidated;
  *graph = new Graph;
  for (Work& work : capture->works) {
    (*graph)->nodes.push_back(std::make_unique<GraphNode>());
    (*graph)->nodes.back()->work = std::move(work);
    machine.nodes.insert((*graph)->nodes.back().get());
  }
  machine.graphs.insert(*graph);
  return 0;
}

EXPORT Return cuStreamIsCapturing(Stream* stream, int* status) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  if (Machine::Get().streams.count(stream) == 0) return kInvalidHandle;
  *status = stream->capture == nullptr ? 0 : stream->capture->is_valid ? 1 : 2;
  return 0;
}

EXPORT Return cuGraphGetNodes(Graph* graph, GraphNode** nodes, size_t* count) {
  if (const Return failure = Machine::Get().Enter(__func__)) return failure;
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  if (Machine::Get().graphs.count(graph) == 0) return kInvalidValue;
  const size_t all = graph->nodes.size();
  for (size_t i = 0; nodes != nullptr && i < *count; ++i) nodes[i] = i < all ? graph->nodes[i].get() : nullptr;
  if (nodes == nullptr || *count > all) *count = all;
  return 0;
}

EXPORT Return cuGraphNodeGetType(GraphNode* node, int* type) {
  if (const Return failure = Machine::Get().Enter(__func__)) return failure;
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  if (!IsNodeLocked(node)) return kInvalidValue;
  constexpr int kEmptyNode = 5;
  *type = node->work.kind == Work::Kind::kOther ? kEmptyNode : static_cast<int>(node->work.kind);
  return 0;
}

EXPORT Return cuGraphMemcpyNodeGetParams(GraphNode* node, Memcpy3d* params) {
  if (const Return failure = Machine::Get().Enter(__func__)) return failure;
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  if (!IsNodeLocked(node) || node->work.kind != Work::Kind::kCopy) return kInvalidValue;
  const Copy& copy = node->work.copy;
  *params = {};
  params->from = SideOf(copy.from_gpu, copy.from, copy.bytes);
  params->to = SideOf(copy.to_gpu, copy.to, copy.bytes);
  params->width = copy.bytes;
  params->height = params->depth = 1;
  return 0;
}

EXPORT Return cuGraphExecMemcpyNodeSetParams(GraphExec* exec, GraphNode* node, const Memcpy3d* params, Context* context) {
  if (const Return failure = Machine::Get().Enter(__func__)) return failure;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  if (machine.execs.count(exec) == 0 || context == nullptr || context->gpu != exec->gpu) return kInvalidValue;
  if (!IsNodeLocked(node)) {
    machine.WrongUseLocked("a node of a graph that has been destroyed");
    return kInvalidValue;
  }
  const Memcpy3d& told = *params;
  for (size_t i = 0; i < exec->origins.size(); ++i) {
    if (exec->origins[i] != node) continue;
    const Copy& old = exec->works[i].copy;
    const bool to_gpu = told.to.memory_type == kDeviceMemory, from_gpu = told.from.memory_type == kDeviceMemory;
    // As the driver: in one dimension, and from and to the same kinds of memory as before.
    if (exec->works[i].kind != Work::Kind::kCopy || told.height != 1 || told.depth != 1 || to_gpu != old.to_gpu || from_gpu != old.from_gpu) return kInvalidValue;
    exec->works[i] = CopyWork({AddressOf(told.to), AddressOf(told.from), told.width, to_gpu, from_gpu});
    return 0;
  }
  return kInvalidValue;
}

EXPORT Return cuGraphInstantiateWithFlags(GraphExec** exec, Graph* graph, unsigned long long) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  if (machine.graphs.count(graph) == 0) return kInvalidValue;
  const int64_t bytes = machine.settings.BytesOf("graph", context->gpu->number);
  if (bytes > context->gpu->free_bytes()) return kOutOfMemory;
  auto* const made = new GraphExec;
  made->gpu = context->gpu;
  made->bytes = bytes;
  for (const auto& node : graph->nodes) {
    made->origins.push_back(node.get());
    made->works.push_back(node->work);
  }
  context->gpu->other_bytes += bytes;
  machine.execs.insert(made);
  *exec = made;
  return 0;
}

EXPORT Return cuGraphDestroy(Graph* graph) {
  if (const Return failure = Machine::Get().Enter(__func__)) return failure;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  if (machine.graphs.erase(graph) == 0) {
    machine.WrongUseLocked("a graph is destroyed twice");
    return kInvalidValue;
  }
  for (const auto& node : graph->nodes) machine.nodes.erase(node.get());
  delete graph;
  return 0;
}

EXPORT Return cuGraphExecDestroy(GraphExec* exec) {
  if (const Return failure = Machine::Get().Enter(__func__)) return failure;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  if (machine.execs.erase(exec) == 0) {
    machine.WrongUseLocked("an instantiated graph is destroyed twice");
    return kInvalidValue;
  }
  exec->gpu->other_bytes -= exec->bytes;
  delete exec;
  return 0;
}

EXPORT Return cuGraphLaunch(GraphExec* exec, Stream* stream) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  if (machine.execs.count(exec) == 0) {
    machine.WrongUseLocked("a graph is launched that is not there, or not any more");
    return kInvalidValue;
  }
  for (const Work& work : exec->works) {
    const std::string objection = work.objection ? work.objection() : "";
    if (!objection.empty()) machine.WrongUseLocked("a graph is launched of which " + objection);
    if (const Return failure = machine.LaunchLocked(stream, work)) return failure;
  }
  return 0;
}
