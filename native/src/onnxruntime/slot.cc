#include "onnxruntime/slot.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace pilotlight::ort {
namespace {

void FreeValue(void* value, void*) { api().ReleaseValue(static_cast<OrtValue*>(value)); }

// The bytes of a value, which owns them. Without bytes there is nothing to keep it for.
Bytes Keep(ValueHandle value, void* data, size_t size) {
  if (data == nullptr || size == 0) return Bytes();
  return Bytes(data, size, FreeValue, value.release());
}

size_t ElementCount(const std::vector<int64_t>& shape) {
  size_t count = 1;
  for (const int64_t axis : shape) count *= static_cast<size_t>(axis);
  return count;
}

// Strings are copied in by length, so they may hold NUL.
bool FillStrings(Calls& ok, OrtValue* value, const std::vector<std::string>& strings) {
  for (size_t i = 0; i < strings.size(); ++i) {
    char* buffer = nullptr;
    if (!ok(api().GetResizedStringTensorElementBuffer(value, i, strings[i].size(), &buffer))) return false;
    strings[i].copy(buffer, strings[i].size());
  }
  return true;
}

bool ReadStrings(Calls& ok, const OrtValue* value, size_t count, std::vector<std::string>* strings) {
  size_t size = 0;
  if (count == 0) return true;
  if (!ok(api().GetStringTensorDataLength(value, &size))) return false;
  std::string text(size, '\0');
  std::vector<size_t> offsets(count);
  if (!ok(api().GetStringTensorContent(value, text.data(), size, offsets.data(), count))) return false;
  offsets.push_back(size);
  strings->reserve(count);
  for (size_t i = 0; i < count; ++i) strings->emplace_back(text, offsets[i], offsets[i + 1] - offsets[i]);
  return true;
}

// Numbers stay where ONNX Runtime put them; the tensor takes the value over.
bool Read(Calls& ok, ValueHandle value, Tensor* tensor) {
  TensorInfoHandle info;
  int type = 0;
  size_t rank = 0;
  if (!ok.Make(&info, api().GetTensorTypeAndShape, value.get()) || !ok(api().GetTensorElementType(info.get(), &type)) ||
      !ok(api().GetDimensionsCount(info.get(), &rank))) {
    return false;
  }
  tensor->type = static_cast<ElementType>(type);
  tensor->shape.resize(rank);
  if (!ok(api().GetDimensions(info.get(), tensor->shape.data(), rank))) return false;

  const size_t count = ElementCount(tensor->shape);
  if (tensor->type == ElementType::kString) return ReadStrings(ok, value.get(), count, &tensor->strings);
  void* data = nullptr;
  if (!ok(api().GetTensorMutableData(value.get(), &data))) return false;
  tensor->bytes = Keep(std::move(value), data, count * ElementBytes(tensor->type));
  return true;
}

}  // namespace

// The time in which `Cancel` reaches the run, and the values that live as long.
class OnnxSlot::Turn {
 public:
  explicit Turn(OnnxSlot& slot) : slot_(slot) {
    std::lock_guard<std::mutex> lock(slot_.mutex_);
    assert(slot_.state_ == State::kIdle && "one thread at a time runs a slot");
    slot_.state_ = State::kRunning;
  }

  ~Turn() {
    for (OrtValue*& value : slot_.inputs_) api().ReleaseValue(std::exchange(value, nullptr));
    for (OrtValue*& value : slot_.outputs_) api().ReleaseValue(std::exchange(value, nullptr));
    std::lock_guard<std::mutex> lock(slot_.mutex_);
    if (slot_.state_ == State::kTerminated) api().RunOptionsUnsetTerminate(slot_.options_.get());
    slot_.state_ = State::kIdle;
  }

  bool is_terminated() const {
    std::lock_guard<std::mutex> lock(slot_.mutex_);
    return slot_.state_ == State::kTerminated;
  }

 private:
  OnnxSlot& slot_;
};

Result<std::unique_ptr<Slot>> OnnxSlot::Make(OnnxEngine& engine) {
  Calls ok;
  RunOptionsHandle options;
  // A failing run says all in its status; formatting it for the log as well would be lost work.
  if (!ok.Make(&options, api().CreateRunOptions) || !ok(api().RunOptionsSetRunLogSeverityLevel(options.get(), kLogFatal))) {
    return Result<std::unique_ptr<Slot>>::Error(Code::kLoadFailed, "ONNX Runtime could not make a slot: " + ok.failure().text);
  }
  return Result<std::unique_ptr<Slot>>::Of(std::make_unique<OnnxSlot>(engine, std::move(options)));
}

OnnxSlot::OnnxSlot(OnnxEngine& engine, RunOptionsHandle options)
    : engine_(engine), options_(std::move(options)), inputs_(engine.signature().inputs.size(), nullptr) {
  outputs_.reserve(engine.signature().outputs.size());
}

Status OnnxSlot::Run(const RunRequest& request, std::vector<Tensor>* outputs) {
  assert(request.inputs->size() == inputs_.size() && "inputs are checked against the signature before they are submitted");
  Turn turn(*this);
  size_t bytes = 0, largest = 0;
  for (const Tensor& input : *request.inputs) {
    bytes += input.bytes.size() >= kStagedBytes ? input.bytes.size() : 0;
    largest = std::max(largest, input.bytes.size());
  }
  engine_.NeedPinned(bytes, largest);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Status wrapped = Wrap((*request.inputs)[i], i);
    if (!wrapped.ok()) return wrapped;
  }
  Status done = Execute(request, outputs);
  return done.ok() || !turn.is_terminated() ? done : Status::Error(Code::kCancelled, "cancelled while it ran");
}

void OnnxSlot::Cancel() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (state_ != State::kRunning) return;
  state_ = State::kTerminated;
  api().RunOptionsSetTerminate(options_.get());
}

Status OnnxSlot::Wrap(const Tensor& tensor, size_t index) {
  static uint8_t nothing[1];  // an empty tensor has no bytes, but a null address is refused
  const Environment& environment = engine_.environment();
  const int type = static_cast<int>(tensor.type);
  OrtValue** value = &inputs_[index];
  Calls ok;
  if (tensor.type == ElementType::kString) {
    assert(tensor.strings.size() == ElementCount(tensor.shape) && "a string tensor holds as many strings as its shape says");
    const bool made = ok(api().CreateTensorAsOrtValue(environment.allocator, tensor.shape.data(), tensor.shape.size(), type, value));
    return made && FillStrings(ok, *value, tensor.strings) ? Status::Ok() : Describe(ok.failure());
  }
  void* data = tensor.bytes.data() != nullptr ? tensor.bytes.data() : nothing;
  const bool made = ok(api().CreateTensorWithDataAsOrtValue(environment.cpu, data, tensor.bytes.size(), tensor.shape.data(),
                                                            tensor.shape.size(), type, value));
  return made ? Status::Ok() : Describe(ok.failure());
}

Status OnnxSlot::Execute(const RunRequest& request, std::vector<Tensor>* outputs) {
  const std::vector<const char*>& all = engine_.output_names();
  names_.clear();
  positions_.clear();
  for (size_t i = 0; i < all.size(); ++i) {
    if (request.wanted != nullptr && !(*request.wanted)[i]) continue;
    names_.push_back(all[i]);
    positions_.push_back(i);
  }
  outputs_.assign(names_.size(), nullptr);
  Calls ok;
  const bool done = ok(api().Run(engine_.session(), options_.get(), engine_.input_names().data(), inputs_.data(), inputs_.size(),
                                 names_.data(), names_.size(), outputs_.data()));
  return done ? Deliver(outputs) : Describe(ok.failure());
}

Status OnnxSlot::Deliver(std::vector<Tensor>* outputs) {
  outputs->clear();
  outputs->resize(engine_.output_names().size());
  for (size_t i = 0; i < positions_.size(); ++i) {
    Calls ok;
    ValueHandle value(std::exchange(outputs_[i], nullptr));
    if (!Read(ok, std::move(value), &(*outputs)[positions_[i]])) return Describe(ok.failure());
  }
  return Status::Ok();
}

Status OnnxSlot::Describe(const Failure& failure) const {
  const Code code = failure.is_out_of_memory() ? Code::kNoMemory : failure.code == kInvalidArgument ? Code::kBadInput : Code::kEngineFailed;
  return Status::Error(code, "ONNX Runtime: " + failure.text);
}

}  // namespace pilotlight::ort
