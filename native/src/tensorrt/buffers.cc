#include "tensorrt/buffers.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tensorrt/library.h"

namespace pilotlight::trt {
namespace {

void WriteValues(const std::vector<int64_t>& values, ElementType type, void* to) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (type == ElementType::kInt64) {
      static_cast<int64_t*>(to)[i] = values[i];
    } else {
      static_cast<int32_t*>(to)[i] = static_cast<int32_t>(values[i]);
    }
  }
}

}  // namespace

// Gives the one block, which is large enough, and keeps the size that the run came to.
class Buffers::Sink final : public OutputAllocator {
 public:
  void* ReallocateAsync(const char*, void*, uint64_t bytes, uint64_t, void*) noexcept override { return bytes <= size ? memory : nullptr; }
  void NotifyShape(const char*, const Dims& dims) noexcept override { shape = dims; }

  void* memory = nullptr;
  size_t size = 0;
  Dims shape;
};

Buffers::Buffer::Buffer() = default;
Buffers::Buffer::~Buffer() = default;
Buffers::Buffer::Buffer(Buffer&&) noexcept = default;

Status Buffers::Open(const std::vector<std::unique_ptr<Context>>& contexts, EngineMemory* held) {
  inputs_.resize(engine_.inputs().size());
  outputs_.resize(engine_.outputs().size());
  Status done = OpenShapeTensors(contexts);
  Shapes largest;
  if (done.ok()) done = Measure(contexts, &largest);
  size_t run_bytes = 0;
  const auto open = [&](const std::vector<IoTensor>& io, const std::vector<size_t>& bytes, std::vector<Buffer>* buffers, bool are_outputs) {
    for (size_t i = 0; done.ok() && i < io.size(); ++i) {
      if (io[i].on_host && !are_outputs) continue;
      done = OpenDevice(contexts, io[i], bytes[i], are_outputs && largest.decided_by_data[i], &(*buffers)[i]);
      held->staging_bytes += static_cast<int64_t>((*buffers)[i].device.size());
      run_bytes += bytes[i] >= kStagedBytes ? bytes[i] : 0;
    }
  };
  open(engine_.inputs(), largest.input_bytes, &inputs_, false);
  open(engine_.outputs(), largest.output_bytes, &outputs_, true);
  return done.ok() ? engine_.NeedStaging(run_bytes) : done;
}

Status Buffers::OpenShapeTensors(const std::vector<std::unique_ptr<Context>>& contexts) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const IoTensor& io = engine_.inputs()[i];
    if (!io.on_host) continue;
    auto host = cuda::PinnedBlock::Allocate(std::max<size_t>(1, ElementsOf(engine_.profiles()[0][i].max)) * ElementBytes(io.type));
    if (!host.ok()) return host.status;
    inputs_[i].host = std::move(host.value);
    for (const auto& context : contexts) {
      const Status done = context->SetAddress(io, inputs_[i].host.data());
      if (!done.ok()) return done;
    }
  }
  return Status::Ok();
}

// The largest shapes of each profile tell how large the buffers must be.
Status Buffers::Measure(const std::vector<std::unique_ptr<Context>>& contexts, Shapes* largest) {
  for (size_t profile = 0; profile < contexts.size(); ++profile) {
    std::vector<Dims> dims;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const InputRange& range = engine_.profiles()[profile][i];
      dims.push_back(range.max);
      if (engine_.inputs()[i].on_host) WriteValues(range.max_values, engine_.inputs()[i].type, inputs_[i].host.data());
    }
    Shapes shapes;
    const Status done = contexts[profile]->SetShapes({}, dims, &shapes);
    if (!done.ok()) return done;
    const auto grow = [](const std::vector<size_t>& from, std::vector<size_t>* to) {
      to->resize(from.size());
      for (size_t i = 0; i < from.size(); ++i) (*to)[i] = std::max((*to)[i], from[i]);
    };
    grow(shapes.input_bytes, &largest->input_bytes);
    grow(shapes.output_bytes, &largest->output_bytes);
    largest->decided_by_data = shapes.decided_by_data;
  }
  return Status::Ok();
}

Status Buffers::OpenDevice(const std::vector<std::unique_ptr<Context>>& contexts, const IoTensor& io, size_t bytes, bool by_data, Buffer* buffer) {
  // An address that nothing is written to is one too.
  auto host = cuda::PinnedBlock::Allocate(std::max<size_t>(1, bytes));
  if (!host.ok()) return host.status;
  buffer->host = std::move(host.value);
  buffer->now = buffer->host.data();
  void* address = buffer->host.data();
  if (!io.on_host) {
    auto device = cuda::DeviceBlock::Allocate(engine_.pool(), std::max<size_t>(1, bytes));
    if (!device.ok()) return device.status;
    buffer->device = std::move(device.value);
    address = reinterpret_cast<void*>(buffer->device.address());
  }
  if (by_data) {
    buffer->sink = std::make_unique<Sink>();
    buffer->sink->memory = address;
    buffer->sink->size = bytes;
  }
  for (const auto& context : contexts) {
    const Status done = by_data ? context->SetAllocator(io, buffer->sink.get()) : context->SetAddress(io, address);
    if (!done.ok()) return done;
  }
  return Status::Ok();
}

void Buffers::StageIn(const RunRequest& request) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Bytes& bytes = (*request.inputs)[i].bytes;
    const bool is_staged = engine_.staging() != nullptr && engine_.staging()->Owns(bytes) && !engine_.inputs()[i].on_host;
    inputs_[i].now = is_staged ? bytes.data() : inputs_[i].host.data();
    if (!is_staged && bytes.size() > 0) std::memcpy(inputs_[i].host.data(), bytes.data(), bytes.size());
  }
}

void Buffers::StageOut(const RunRequest& request, const Shapes& shapes) {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    Buffer& output = outputs_[i];
    const bool is_wanted = request.wanted == nullptr || (*request.wanted)[i];
    const bool is_large = shapes.output_bytes[i] >= kStagedBytes && output.sink == nullptr && output.device.size() > 0;
    output.staged = is_wanted && is_large && engine_.staging() != nullptr ? engine_.staging()->Take(shapes.output_bytes[i]) : Bytes();
    output.now = output.staged.data() != nullptr ? output.staged.data() : output.host.data();
  }
}

Status Buffers::CopyIn(const Shapes& shapes, cuda::Stream* stream) {
  Status done = Status::Ok();
  for (size_t i = 0; done.ok() && i < inputs_.size(); ++i) {
    if (shapes.input_bytes[i] == 0 || inputs_[i].device.size() == 0) continue;
    done = cuda::Check(cuda::driver().MemcpyToDeviceAsync(inputs_[i].device.address(), inputs_[i].now, shapes.input_bytes[i], stream), "cuMemcpyHtoDAsync");
  }
  return done;
}

Status Buffers::CopyOut(const Shapes& shapes, cuda::Stream* stream) {
  Status done = Status::Ok();
  for (size_t i = 0; done.ok() && i < outputs_.size(); ++i) {
    const Buffer& output = outputs_[i];
    const size_t bytes = output.sink != nullptr ? ElementsOf(output.sink->shape) * ElementBytes(engine_.outputs()[i].type) : shapes.output_bytes[i];
    if (bytes == 0 || output.device.size() == 0) continue;
    done = cuda::Check(cuda::driver().MemcpyToHostAsync(output.now, output.device.address(), bytes, stream), "cuMemcpyDtoHAsync");
  }
  return done;
}

Status Buffers::Point(cuda::CapturedGraph& graph, const Shapes& shapes) {
  Status done = Status::Ok();
  const auto point = [&](const std::vector<Buffer>& buffers, const std::vector<size_t>& bytes) {
    for (size_t i = 0; done.ok() && i < buffers.size(); ++i) {
      if (bytes[i] > 0 && buffers[i].device.size() > 0) done = graph.Point(buffers[i].device.address(), buffers[i].now);
    }
  };
  point(inputs_, shapes.input_bytes);
  point(outputs_, shapes.output_bytes);
  return done;
}

Status Buffers::Take(const RunRequest& request, const Shapes& shapes, std::vector<Tensor>* outputs) {
  outputs->clear();
  outputs->resize(outputs_.size());
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (request.wanted != nullptr && !(*request.wanted)[i]) continue;
    Buffer& output = outputs_[i];
    Tensor& tensor = (*outputs)[i];
    tensor.type = engine_.outputs()[i].type;
    tensor.shape = shapes.output_shapes[i];
    size_t bytes = shapes.output_bytes[i];
    if (output.sink != nullptr) {
      tensor.shape.assign(output.sink->shape.axes, output.sink->shape.axes + output.sink->shape.rank);
      bytes = ElementsOf(output.sink->shape) * ElementBytes(tensor.type);
    }
    tensor.bytes = std::move(output.staged);
    if (tensor.bytes.data() != nullptr) continue;
    tensor.bytes = Bytes::Allocate(bytes);
    if (tensor.bytes.data() == nullptr) return Status::Error(Code::kNoMemory, "no memory for output \"" + engine_.outputs()[i].name + "\"");
    std::memcpy(tensor.bytes.data(), output.host.data(), bytes);
  }
  return Status::Ok();
}

}  // namespace pilotlight::trt
