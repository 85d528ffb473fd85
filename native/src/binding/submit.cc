#include "binding/submit.h"

#include <cstring>
#include <limits>
#include <new>
#include <string>

#include "binding/frame.h"
#include "binding/js.h"
#include "core/registry.h"

namespace pilotlight {
namespace {

constexpr double kNsPerMs = 1e6;

int64_t ToNs(double ms) {
  // Also true of NaN and Infinity: no deadline.
  if (!(ms < static_cast<double>(std::numeric_limits<int64_t>::max()) / kNsPerMs)) return std::numeric_limits<int64_t>::max();
  return ms <= 0 ? 0 : static_cast<int64_t>(ms * kNsPerMs);
}

Status BadInput(size_t index, const std::string& found) {
  return Status::Error(Code::kBadInput, "input " + std::to_string(index) + ": its data changed while it was read: " + found);
}

// An engine may take a bool as it lies; only 0 and 1 are safe.
void CopyBytes(ElementType type, const void* from, size_t size, uint8_t* to) {
  if (size == 0) return;
  if (type != ElementType::kBool) {
    std::memcpy(to, from, size);
    return;
  }
  const uint8_t* bytes = static_cast<const uint8_t*>(from);
  for (size_t i = 0; i < size; ++i) to[i] = bytes[i] != 0;
}

Status CopyStrings(napi_env env, napi_value array, size_t index, size_t count, Tensor* tensor) {
  uint32_t length = 0;
  if (napi_get_array_length(env, array, &length) != napi_ok || length != count) {
    return BadInput(index, std::to_string(length) + " strings instead of " + std::to_string(count));
  }
  tensor->strings.reserve(count);
  for (uint32_t i = 0; i < length; ++i) {
    const HandleScope scope(env);
    napi_value item = nullptr;
    napi_valuetype type = napi_undefined;
    napi_get_element(env, array, i, &item);
    napi_typeof(env, item, &type);
    if (type != napi_string) return BadInput(index, "element " + std::to_string(i) + " is not a string");
    tensor->strings.push_back(TextFromJs(env, item));
  }
  return Status::Ok();
}

size_t BytesOfArray(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array: case napi_uint8_array: case napi_uint8_clamped_array: return 1;
    case napi_int16_array: case napi_uint16_array: return 2;
    case napi_int32_array: case napi_uint32_array: case napi_float32_array: return 4;
    case napi_float64_array: case napi_bigint64_array: case napi_biguint64_array: return 8;
    default: return 0;
  }
}

// `napi_get_typedarray_info` tells the truth about every kind of view: shared, detached (null, 0), unaligned, of a resized buffer.
Status CopyDirect(napi_env env, napi_value direct, size_t index, size_t elements, Tensor* tensor) {
  napi_value value = nullptr;
  napi_get_element(env, direct, static_cast<uint32_t>(index), &value);
  if (tensor->type == ElementType::kString) return CopyStrings(env, value, index, elements, tensor);

  napi_typedarray_type type = napi_uint8_array;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok) {
    return BadInput(index, "it is not a typed array");
  }
  const size_t bytes = length * BytesOfArray(type);
  if (bytes != tensor->bytes.size() || (bytes > 0 && data == nullptr)) {
    return BadInput(index, std::to_string(bytes) + " bytes instead of " + std::to_string(tensor->bytes.size()));
  }
  CopyBytes(tensor->type, data, bytes, tensor->bytes.data());
  return Status::Ok();
}

Status TooLong() { return Status::Error(Code::kBadInput, "the run has more words than its frame"); }

Status ReadInput(napi_env env, const Frame& frame, napi_value direct, PoolIndex pool, size_t index, const double** words, Tensor* tensor) {
  const double* word = *words;
  const double* const end = frame.words + kFrameWords;
  if (word + 3 > end) return TooLong();
  tensor->type = static_cast<ElementType>(static_cast<int>(word[0]));
  const double place = word[1];
  const size_t rank = static_cast<size_t>(word[2]);
  word += 3;
  if (rank > static_cast<size_t>(end - word)) return TooLong();
  size_t elements = 1;
  tensor->shape.resize(rank);
  for (size_t axis = 0; axis < rank; ++axis) {
    tensor->shape[axis] = static_cast<int64_t>(word[axis]);
    elements *= static_cast<size_t>(word[axis]);
  }
  *words = word + rank;

  if (tensor->type != ElementType::kString) {
    const size_t size = elements * ElementBytes(tensor->type);
    tensor->bytes = Registry::Get().AllocateInput(pool, size);
    if (size > 0 && tensor->bytes.data() == nullptr) {
      return Status::Error(Code::kNoMemory, "input " + std::to_string(index) + ": the system refused " + std::to_string(size) + " bytes for its copy");
    }
    if (place != kDirect) {
      if (place + static_cast<double>(size) > static_cast<double>(kStagingBytes)) return BadInput(index, "it does not fit where it was staged");
      CopyBytes(tensor->type, frame.staging + static_cast<size_t>(place), size, tensor->bytes.data());
      return Status::Ok();
    }
  }
  return CopyDirect(env, direct, index, elements, tensor);
}

Status ReadWords(napi_env env, const Frame& frame, napi_value direct, RunJob* job) {
  const double* words = frame.words;
  job->id = static_cast<uint64_t>(words[submit_word::kId]);
  const auto pool = static_cast<PoolIndex>(words[submit_word::kPool]);
  job->slot = static_cast<int>(words[submit_word::kSlot]);
  job->deadline_ns = ToNs(words[submit_word::kDeadlineMs]);
  const size_t inputs = static_cast<size_t>(words[submit_word::kInputs]);
  if (inputs > kFrameWords) return TooLong();
  job->inputs.resize(inputs);
  const size_t outputs = static_cast<size_t>(words[submit_word::kOutputs]);

  words += submit_word::kCount;
  for (size_t i = 0; i < job->inputs.size(); ++i) {
    Status status = ReadInput(env, frame, direct, pool, i, &words, &job->inputs[i]);
    if (!status.ok()) return status;
  }
  if (outputs > static_cast<size_t>(frame.words + kFrameWords - words)) return TooLong();
  for (size_t i = 0; i < outputs; ++i) job->wanted.push_back(words[i] != 0);
  return Status::Ok();
}

}  // namespace

Status ReadJob(napi_env env, const Frame& frame, napi_value direct, RunJob* job) {
  try {
    return ReadWords(env, frame, direct, job);
  } catch (const std::bad_alloc&) {
    return Status::Error(Code::kNoMemory, "the system refused the memory for a copy of the inputs");
  }
}

}  // namespace pilotlight
