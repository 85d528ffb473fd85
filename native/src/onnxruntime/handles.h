// Owners of ONNX Runtime's objects, and the one place where its statuses become text.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "onnxruntime/library.h"

namespace pilotlight::ort {

template <auto kRelease>
struct Release {
  template <typename Object>
  void operator()(Object* object) const { (api().*kRelease)(object); }
};

using AllocatorHandle = std::unique_ptr<OrtAllocator, Release<&Api::ReleaseAllocator>>;
using CudaOptionsHandle = std::unique_ptr<OrtCUDAProviderOptionsV2, Release<&Api::ReleaseCUDAProviderOptions>>;
using KeyValuePairsHandle = std::unique_ptr<OrtKeyValuePairs, Release<&Api::ReleaseKeyValuePairs>>;
using MemoryInfoHandle = std::unique_ptr<OrtMemoryInfo, Release<&Api::ReleaseMemoryInfo>>;
using RunOptionsHandle = std::unique_ptr<OrtRunOptions, Release<&Api::ReleaseRunOptions>>;
using SessionHandle = std::unique_ptr<OrtSession, Release<&Api::ReleaseSession>>;
using SessionOptionsHandle = std::unique_ptr<OrtSessionOptions, Release<&Api::ReleaseSessionOptions>>;
using TensorInfoHandle = std::unique_ptr<OrtTensorTypeAndShapeInfo, Release<&Api::ReleaseTensorTypeAndShapeInfo>>;
using ThreadingOptionsHandle = std::unique_ptr<OrtThreadingOptions, Release<&Api::ReleaseThreadingOptions>>;
using TypeInfoHandle = std::unique_ptr<OrtTypeInfo, Release<&Api::ReleaseTypeInfo>>;
using ValueHandle = std::unique_ptr<OrtValue, Release<&Api::ReleaseValue>>;

// A failed call: ONNX Runtime's code and text. Code 0: it succeeded.
struct Failure {
  int code = 0;
  std::string text;

  bool says(const char* part) const { return text.find(part) != std::string::npos; }
  // ONNX Runtime has no code for it.
  bool is_out_of_memory() const {
    return says("bad_alloc") || says("Failed to allocate memory") || says("is smaller than requested bytes") || says("CUDA failure 2:") ||
           says("CUBLAS_STATUS_ALLOC_FAILED") || says("CUDNN_STATUS_ALLOC_FAILED");
  }
  // The GPU's or its libraries', whatever was asked of them.
  bool is_of_gpu() const { return says("CUDA failure") || says("CUBLAS failure") || says("CUDNN failure"); }
};

// A chain of calls that stops at the first failure: `ok(call1) && ok(call2)`, then `ok.failure()`.
class Calls {
 public:
  bool operator()(OrtStatus* status) {
    if (status == nullptr) return true;
    failure_ = {api().GetErrorCode(status), api().GetErrorMessage(status)};
    api().ReleaseStatus(status);
    failure_.text.erase(failure_.text.find_last_not_of("\n ") + 1);
    return false;
  }

  // The same for a call whose last parameter takes a new object, which `owner` then owns.
  template <typename Handle, typename Function, typename... Arguments>
  bool Make(Handle* owner, Function make, Arguments... arguments) {
    typename Handle::pointer object = nullptr;
    const bool made = (*this)(make(arguments..., &object));
    owner->reset(object);
    return made;
  }

  const Failure& failure() const { return failure_; }

 private:
  Failure failure_;
};

}  // namespace pilotlight::ort
