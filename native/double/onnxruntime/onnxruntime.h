// What a test that has opened the double of ONNX Runtime for GPUs says to it and hears from it.
#pragma once

namespace pilotlight::doubles {

extern "C" {
// The options of the CUDA provider that the last session was made with: "device_id=0 arena_extend_strategy=..."; empty: it had none.
using CudaOptionsFunction = const char*();
// What runs fail with from now on; empty: they do not. So do loads, with the next function.
using FailRunsFunction = void(const char* text);
using FailLoadsFunction = void(const char* text);
}

constexpr char kCudaOptions[] = "PilotlightDoubleCudaOptions";
constexpr char kFailRuns[] = "PilotlightDoubleFailRuns";
constexpr char kFailLoads[] = "PilotlightDoubleFailLoads";

}  // namespace pilotlight::doubles
