// The driver's error codes by name, and the check that the double has every function that is asked of a driver.
#include <type_traits>

#include "machine.h"

using namespace pilotlight::doubles;
using namespace pilotlight::cuda;

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace pilotlight::doubles {
namespace {

struct Error {
  Return code;
  const char* name;
  const char* text;
};

constexpr Error kErrors[] = {
  {0, "CUDA_SUCCESS", "no error"},
  {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
  {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
  {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
  {46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy or unavailable"},
  {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
  {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
  {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
  {214, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error encountered"},
  {226, "CUDA_ERROR_CONTAINED", "Invalid access of peer GPU memory over nvlink or a hardware error"},
  {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
  {401, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
  {600, "CUDA_ERROR_NOT_READY", "device not ready"},
  {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
  {702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
  {710, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
  {714, "CUDA_ERROR_HARDWARE_STACK_ERROR", "hardware stack error"},
  {715, "CUDA_ERROR_ILLEGAL_INSTRUCTION", "an illegal instruction was encountered"},
  {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
  {717, "CUDA_ERROR_INVALID_ADDRESS_SPACE", "operation not supported on global/shared address space"},
  {718, "CUDA_ERROR_INVALID_PC", "invalid program counter"},
  {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
  {721, "CUDA_ERROR_TENSOR_MEMORY_LEAK", "tensor memory not freed before completion"},
  {810, "CUDA_ERROR_MPS_CLIENT_TERMINATED", "MPS client has been terminated"},
  {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
  {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
  {907, "CUDA_ERROR_CAPTURED_EVENT", "operation not permitted on an event last recorded in a capturing stream"},
  {908, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", "attempt to terminate a thread-local capture sequence from another thread"},
  {911, "CUDA_ERROR_EXTERNAL_DEVICE", "the asynchronous error occurred on an external device"},
  {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const Error* Find(Return code) {
  for (const Error& error : kErrors) {
    if (error.code == code) return &error;
  }
  return nullptr;
}

}  // namespace

const char* ErrorName(Return code) { return Find(code) != nullptr ? Find(code)->name : nullptr; }
const char* ErrorText(Return code) { return Find(code) != nullptr ? Find(code)->text : nullptr; }

}  // namespace pilotlight::doubles

EXPORT Return cuGetErrorName(Return error, const char** name) {
  *name = ErrorName(error);
  return *name != nullptr ? 0 : kInvalidValue;
}

EXPORT Return cuGetErrorString(Return error, const char** text) {
  *text = ErrorText(error);
  return *text != nullptr ? 0 : kInvalidValue;
}
