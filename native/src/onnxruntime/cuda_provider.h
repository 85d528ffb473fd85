// ONNX Runtime's CUDA provider: the part of it that runs models on NVIDIA's GPUs. It lies in a library of its own beside
// libonnxruntime, which PyPI's onnxruntime-gpu brings and npm's package does not.
#pragma once

#include <string>

#include "core/status.h"
#include "onnxruntime/handles.h"

namespace pilotlight::ort {

constexpr char kCudaMemoryName[] = "Cuda";  // of its arena's memory, as ONNX Runtime calls it

// The number of "gpu:0"; -1: not a GPU.
int GpuIndex(const std::string& device);

// Opens it, and what it needs, on the first call that succeeds. A failure says what is missing and what would do, and is not
// remembered. Any thread; not cheap. It does not ask whether there is a GPU.
Status OpenCudaProvider(const Library& library);

// Sessions of these options run on that GPU what it can run, the rest on the CPU. Only after OpenCudaProvider has succeeded.
bool AppendCudaProvider(Calls& ok, OrtSessionOptions* options, int gpu);

}  // namespace pilotlight::ort
