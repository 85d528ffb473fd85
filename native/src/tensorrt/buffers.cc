#include "tensorrt/buffers.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "cuda/pinned.h"

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
  if (done.ok()) done = ReservePinned(largest);
  for (size_t i = 0; done.ok() && i < inputs_.size(); ++i) {
    if (!engine_.inputs()[i].on_host) done = OpenTensor(contexts, engine_.inputs()[i], largest.input_bytes[i], false, &inputs_[i]);
    held->staging_bytes += static_cast<int64_t>(inputs_[i].device.size());
  }
  for (size_t i = 0; done.ok() && i < outputs_.size(); ++i) {
    done = OpenTensor(contexts, engine_.outputs()[i], largest.output_bytes[i], largest.decided_by_data[i], &outputs_[i]);
    held->staging_bytes += static_cast<int64_t>(outputs_[i].device.size());
  }
  return done;
}

Status Buffers::ReservePinned(const Shapes& largest) {
  size_t sum = 0, block = 0;
  for (const auto* bytes : {&largest.input_bytes, &largest.output_bytes}) {
    for (const size_t one : *bytes) {
      sum += one;
      block = std::max(block, one);
    }
  }
  return engine_.ReservePinned(sum, block);
}

Status Buffers::OpenShapeTensors(const std::vector<std::unique_ptr<Context>>& contexts) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const IoTensor& io = engine_.inputs()[i];
    if (!io.on_host) continue;
    inputs_[i].own = Bytes::Allocate(std::max<size_t>(1, ElementsOf(engine_.profiles()[0][i].max)) * ElementBytes(io.type));
    if (inputs_[i].own.data() == nullptr) return Status::Error(Code::kNoMemory, "no memory for input \"" + io.name + "\"");
    for (const auto& context : contexts) {
      const Status done = context->SetAddress(io, inputs_[i].own.data());
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
      if (engine_.inputs()[i].on_host) WriteValues(range.max_values, engine_.inputs()[i].type, inputs_[i].own.data());
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

Status Buffers::OpenTensor(const std::vector<std::unique_ptr<Context>>& contexts, const IoTensor& io, size_t bytes, bool by_data, Buffer* buffer) {
  buffer->own = io.on_host ? Bytes::Allocate(bytes) : cuda::PinnedMemory::Get().Take(std::min(bytes, kStagedBytes));
  if (buffer->own.data() == nullptr) return Status::Error(Code::kNoMemory, "no memory of the host for \"" + io.name + "\"");
  void* address = buffer->own.data();
  if (!io.on_host) {
    // An address that nothing is written to is one too.
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

bool Buffers::Stage(const RunRequest& request, const Shapes& shapes) {
  bool is_pinned = true;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Bytes& bytes = (*request.inputs)[i].bytes;
    Buffer& input = inputs_[i];
    const bool lies_well = input.device.size() > 0 && cuda::PinnedMemory::Owns(bytes);
    if (lies_well || !StageBlock(bytes.size(), &input)) {
      is_pinned = is_pinned && lies_well;
      input.now = bytes.data();
    } else if (bytes.size() > 0) {
      std::memcpy(input.now, bytes.data(), bytes.size());
    }
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    Buffer& output = outputs_[i];
    if (StageBlock(shapes.output_bytes[i], &output)) continue;
    is_pinned = false;
    output.staged = Bytes::Allocate(shapes.output_bytes[i]);
    output.now = output.staged.data();
  }
  return is_pinned;
}

// `own` if it is small enough, else a block of pinned memory; false: there is none now.
bool Buffers::StageBlock(size_t bytes, Buffer* buffer) {
  buffer->staged = bytes > buffer->own.size() ? cuda::PinnedMemory::Get().Take(bytes) : Bytes();
  if (bytes > buffer->own.size() && buffer->staged.data() == nullptr) return false;
  buffer->now = buffer->staged.data() != nullptr ? buffer->staged.data() : buffer->own.data();
  return true;
}

void Buffers::StageValues(const RunRequest& request) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Bytes& bytes = (*request.inputs)[i].bytes;
    if (engine_.inputs()[i].on_host && bytes.size() > 0) std::memcpy(inputs_[i].own.data(), bytes.data(), bytes.size());
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
  for (Buffer& input : inputs_) input.staged = Bytes();
  outputs->clear();
  outputs->resize(outputs_.size());
  for (size_t i = 0; i < outputs_.size(); ++i) {
    Buffer& output = outputs_[i];
    Bytes staged = std::move(output.staged);
    if (request.wanted != nullptr && !(*request.wanted)[i]) continue;
    Tensor& tensor = (*outputs)[i];
    tensor.type = engine_.outputs()[i].type;
    tensor.shape = shapes.output_shapes[i];
    size_t bytes = shapes.output_bytes[i];
    if (output.sink != nullptr) {
      tensor.shape.assign(output.sink->shape.axes, output.sink->shape.axes + output.sink->shape.rank);
      bytes = ElementsOf(output.sink->shape) * ElementBytes(tensor.type);
    }
    // What is large is the caller's as it lies. What the data decide lies at the beginning of a block for the most that it could have been.
    if (staged.data() != nullptr && output.sink == nullptr) {
      tensor.bytes = std::move(staged);
      continue;
    }
    tensor.bytes = Bytes::Allocate(bytes);
    if (tensor.bytes.data() == nullptr) return Status::Error(Code::kNoMemory, "no memory for output \"" + engine_.outputs()[i].name + "\"");
    if (bytes > 0) std::memcpy(tensor.bytes.data(), output.now, bytes);
  }
  return Status::Ok();
}

}  // namespace pilotlight::trt
