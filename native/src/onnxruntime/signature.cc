#include "onnxruntime/signature.h"

#include <string>
#include <utility>
#include <vector>

namespace pilotlight::ort {
namespace {

using Specs = std::vector<TensorSpec>;

// The same questions are asked of inputs and of outputs.
struct Side {
  const char* word;
  OrtStatus* (*const Api::*count)(const OrtSession*, size_t*);
  OrtStatus* (*const Api::*name)(const OrtSession*, size_t, OrtAllocator*, char**);
  OrtStatus* (*const Api::*type)(const OrtSession*, size_t, OrtTypeInfo**);
};

constexpr Side kInputs = {"input", &Api::SessionGetInputCount, &Api::SessionGetInputName, &Api::SessionGetInputTypeInfo};
constexpr Side kOutputs = {"output", &Api::SessionGetOutputCount, &Api::SessionGetOutputName, &Api::SessionGetOutputTypeInfo};

const char* OnnxTypeName(OrtOnnxType type) {
  switch (type) {
    case kOnnxSequence: return "a sequence";
    case kOnnxMap: return "a map";
    case kOnnxSparse: return "a sparse tensor";
    case kOnnxOptional: return "optional";
    default: return "of an unknown kind";
  }
}

bool IsCarried(int type) {
  return (type >= static_cast<int>(ElementType::kFloat32) && type <= static_cast<int>(ElementType::kUint64)) ||
         type == static_cast<int>(ElementType::kBfloat16);
}

Result<TensorSpec> Refuse(const Side& side, const std::string& name, const std::string& found) {
  return Result<TensorSpec>::Error(Code::kBadModel, std::string("its ") + side.word + " \"" + name + "\" is " + found +
                                                        "; inputs and outputs must be tensors of numbers, booleans or strings");
}

Result<TensorSpec> Broken(const Calls& calls) {
  return Result<TensorSpec>::Error(Code::kLoadFailed, "its signature cannot be read: " + calls.failure().text);
}

bool ReadShape(Calls& ok, const Environment& environment, const OrtTensorTypeAndShapeInfo* tensor, TensorSpec* spec) {
  if (environment.library->has_shape != nullptr && !environment.library->has_shape(tensor)) {
    spec->any_rank = true;
    return true;
  }
  size_t rank = 0;
  if (!ok(api().GetDimensionsCount(tensor, &rank))) return false;
  spec->shape.resize(rank);
  std::vector<const char*> symbols(rank);
  if (!ok(api().GetDimensions(tensor, spec->shape.data(), rank)) || !ok(api().GetSymbolicDimensions(tensor, symbols.data(), rank))) return false;
  for (const char* symbol : symbols) spec->symbols.emplace_back(symbol != nullptr ? symbol : "");
  return true;
}

bool ReadName(Calls& ok, const Environment& environment, const OrtSession* session, const Side& side, size_t index, std::string* name) {
  char* text = nullptr;
  if (!ok((api().*side.name)(session, index, environment.allocator, &text))) return false;
  name->assign(text);
  return ok(api().AllocatorFree(environment.allocator, text));
}

Result<TensorSpec> ReadSpec(const Environment& environment, const OrtSession* session, const Side& side, size_t index) {
  Calls ok;
  TensorSpec spec;
  TypeInfoHandle info;
  OrtOnnxType kind = kOnnxUnknown;
  if (!ReadName(ok, environment, session, side, index, &spec.name) || !ok.Make(&info, api().*side.type, session, index) ||
      !ok(api().GetOnnxTypeFromTypeInfo(info.get(), &kind))) {
    return Broken(ok);
  }
  if (kind != kOnnxTensor) return Refuse(side, spec.name, OnnxTypeName(kind));

  const OrtTensorTypeAndShapeInfo* tensor = nullptr;  // a part of `info`
  int type = 0;
  if (!ok(api().CastTypeInfoToTensorInfo(info.get(), &tensor)) || !ok(api().GetTensorElementType(tensor, &type))) return Broken(ok);
  if (!IsCarried(type)) return Refuse(side, spec.name, "a tensor of ONNX element type " + std::to_string(type));
  spec.type = static_cast<ElementType>(type);
  if (!ReadShape(ok, environment, tensor, &spec)) return Broken(ok);
  return Result<TensorSpec>::Of(std::move(spec));
}

Result<Specs> ReadSide(const Environment& environment, const OrtSession* session, const Side& side) {
  Calls ok;
  size_t count = 0;
  if (!ok((api().*side.count)(session, &count))) {
    return Result<Specs>::Error(Code::kLoadFailed, "its signature cannot be read: " + ok.failure().text);
  }
  Specs specs;
  for (size_t index = 0; index < count; ++index) {
    Result<TensorSpec> spec = ReadSpec(environment, session, side, index);
    if (!spec.ok()) return Result<Specs>::Error(spec.status.code, spec.status.message);
    specs.push_back(std::move(spec.value));
  }
  return Result<Specs>::Of(std::move(specs));
}

}  // namespace

Result<Signature> ReadSignature(const Environment& environment, const OrtSession* session) {
  Result<Specs> inputs = ReadSide(environment, session, kInputs);
  if (!inputs.ok()) return Result<Signature>::Error(inputs.status.code, inputs.status.message);
  Result<Specs> outputs = ReadSide(environment, session, kOutputs);
  if (!outputs.ok()) return Result<Signature>::Error(outputs.status.code, outputs.status.message);
  return Result<Signature>::Of({std::move(inputs.value), std::move(outputs.value)});
}

}  // namespace pilotlight::ort
