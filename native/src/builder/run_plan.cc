#include "builder/run_plan.h"

#include <algorithm>
#include <fstream>

#include "builder/cancel.h"
#include "builder/device.h"
#include "builder/library.h"
#include "builder/lines.h"
#include "builder/sample_list.h"
#include "core/backend.h"

namespace pilotlight::build {
namespace {

Result<std::vector<Tensor>> ReadInputs(const Signature& signature, const Sample& sample) {
  using Read = Result<std::vector<Tensor>>;
  std::vector<Tensor> inputs;
  for (const TensorSpec& spec : signature.inputs) {
    const auto found = std::find_if(sample.begin(), sample.end(), [&spec](const SampleTensor& tensor) { return tensor.name == spec.name; });
    if (found == sample.end()) return Read::Error(Code::kBadInput, "a sample has no input \"" + spec.name + "\"");
    if (found->type != spec.type) {
      return Read::Error(Code::kBadInput, found->path + ": is " + ElementName(found->type) + ", and the plan's input \"" + spec.name + "\" is " + ElementName(spec.type));
    }
    Tensor tensor;
    tensor.type = found->type;
    tensor.shape = found->shape;
    tensor.bytes = Bytes::Allocate(std::max<size_t>(found->size(), 1));
    if (tensor.bytes.data() == nullptr) return Read::Error(Code::kNoMemory, "no memory for a sample");
    const Status read = ReadTensorFile(*found, tensor.bytes.data());
    if (!read.ok()) return {read, {}};
    inputs.push_back(std::move(tensor));
  }
  return Read::Of(std::move(inputs));
}

Status WriteOutputs(const Options& options, const Signature& signature, const std::vector<Tensor>& outputs, size_t sample) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& tensor = outputs[i];
    const std::string path = options.outputs + "/" + std::to_string(sample) + "." + std::to_string(i);
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    size_t size = ElementBytes(tensor.type);
    for (const int64_t axis : tensor.shape) size *= static_cast<size_t>(axis);
    file.write(reinterpret_cast<const char*>(tensor.bytes.data()), static_cast<std::streamsize>(size));
    if (!file.flush()) return Status::Error(Code::kLoadFailed, path + ": cannot be written");
    Tell(Json().Text("event", "output").Integer("sample", static_cast<int64_t>(sample)).Text("name", signature.outputs[i].name).Text("type", ElementName(tensor.type))
           .Integers("shape", tensor.shape).Text("path", path));
  }
  return Status::Ok();
}

}  // namespace

Status RunPlan(const Options& options) {
  const auto library = OpenLibrary(options);
  if (!library.ok()) return library.status;
  const auto samples = ReadSampleList(options.samples);
  if (!samples.ok()) return samples.status;
  const auto device = EnterDevice();
  if (!device.ok()) return device.status;
  EngineSpec spec;
  spec.path = options.plan;
  spec.device = "gpu:0";
  const auto engine = TensorRtBackend().Load(spec);
  if (!engine.ok()) return engine.status;
  const auto slot = engine.value->NewSlot();
  if (!slot.ok()) return slot.status;
  const Signature& signature = engine.value->signature();
  for (size_t i = 0; i < samples.value.size(); ++i) {
    if (IsCancelled()) return Status::Error(Code::kCancelled, "given up");
    const auto inputs = ReadInputs(signature, samples.value[i]);
    if (!inputs.ok()) return inputs.status;
    RunRequest request;
    request.inputs = &inputs.value;
    std::vector<Tensor> outputs;
    Status done = slot.value->Run(request, &outputs);
    if (done.ok()) done = WriteOutputs(options, signature, outputs, i);
    if (!done.ok()) return Status::Error(done.code, "sample " + std::to_string(i) + ": " + done.message);
  }
  return Status::Ok();
}

}  // namespace pilotlight::build
