// A double of PyPI's onnxruntime-gpu for machines without a GPU: npm's library, with the calls for the CUDA provider answered here.
// A session "on the GPU" runs on the CPU, and its arena is the CPU's; who asks for them, and how, is the same as with the real one.
#include <dlfcn.h>

#include <array>
#include <cstring>
#include <mutex>
#include <string>

#include "../../src/onnxruntime/abi.h"
#include "onnxruntime.h"

namespace pilotlight::ort {

struct OrtCUDAProviderOptionsV2 {
  std::string text;
};

namespace {

constexpr size_t kSlots = kTensorHasShapeSlot + 1;

struct Script {
  std::mutex mutex;
  std::string options, run_failure, load_failure;
};

Script& script() {
  static Script& leaked = *new Script;
  return leaked;
}

const OrtApiBase& RealBase() {
  static const OrtApiBase* const base = [] {
    void* const handle = dlopen(PILOTLIGHT_REAL_ONNXRUNTIME, RTLD_NOW | RTLD_LOCAL);
    const auto get = handle != nullptr ? reinterpret_cast<const OrtApiBase* (*)()>(dlsym(handle, "OrtGetApiBase")) : nullptr;
    return get != nullptr ? get() : nullptr;
  }();
  return *base;
}

const Api& Real() {
  static const Api real(RealBase().GetApi(kApiVersion));
  return real;
}

// Of the status's functions only this one is called here, so the table of ours does not name it.
OrtStatus* Fail(const std::string& text) {
  constexpr int kFail = 1;
  constexpr size_t kCreateStatus = 0;
  const auto* table = static_cast<void* const*>(RealBase().GetApi(kApiVersion));
  return reinterpret_cast<OrtStatus* (*)(int, const char*)>(table[kCreateStatus])(kFail, text.c_str());
}

OrtStatus* CreateOptions(OrtCUDAProviderOptionsV2** made) {
  *made = new OrtCUDAProviderOptionsV2;
  return nullptr;
}

void ReleaseOptions(OrtCUDAProviderOptionsV2* options) { delete options; }

OrtStatus* UpdateOptions(OrtCUDAProviderOptionsV2* options, const char* const* keys, const char* const* values, size_t count) {
  for (size_t i = 0; i < count; ++i) options->text += (options->text.empty() ? "" : " ") + std::string(keys[i]) + "=" + values[i];
  return nullptr;
}

OrtStatus* Append(OrtSessionOptions*, const OrtCUDAProviderOptionsV2* options) {
  std::lock_guard<std::mutex> lock(script().mutex);
  if (!script().load_failure.empty()) return Fail(script().load_failure);
  script().options = options->text;
  return nullptr;
}

OrtStatus* CreateMemoryInfo(const char* name, OrtAllocatorType type, int device, OrtMemoryType memory, OrtMemoryInfo** made) {
  if (std::strcmp(name, "Cuda") != 0) return Real().CreateMemoryInfo(name, type, device, memory, made);
  return Real().CreateCpuMemoryInfo(type, memory, made);
}

OrtStatus* Run(OrtSession* session, const OrtRunOptions* options, const char* const* input_names, const OrtValue* const* inputs, size_t input_count,
               const char* const* output_names, size_t output_count, OrtValue** outputs) {
  {
    std::lock_guard<std::mutex> lock(script().mutex);
    if (!script().run_failure.empty()) return Fail(script().run_failure);
  }
  return Real().Run(session, options, input_names, inputs, input_count, output_names, output_count, outputs);
}

template <typename Function>
const void* Address(Function* function) { return reinterpret_cast<const void*>(function); }

using Table = std::array<const void*, kSlots>;

const void* GetApi(uint32_t version) {
  const void* real = RealBase().GetApi(version);
  if (real == nullptr) return nullptr;
  static Table table;
  static std::once_flag filled;
  std::call_once(filled, [] {
    std::memcpy(table.data(), RealBase().GetApi(kApiVersionWithRank), sizeof table);
    table[9] = Address(Run);
    table[68] = Address(CreateMemoryInfo);
    table[204] = Address(Append);
    table[205] = Address(CreateOptions);
    table[206] = Address(UpdateOptions);
    table[208] = Address(ReleaseOptions);
  });
  return table.data();
}

const char* GetVersion() { return RealBase().GetVersionString(); }

}  // namespace
}  // namespace pilotlight::ort

using namespace pilotlight;

#define PILOTLIGHT_EXPORTED extern "C" __attribute__((visibility("default")))

PILOTLIGHT_EXPORTED const ort::OrtApiBase* OrtGetApiBase() {
  static const ort::OrtApiBase base = {ort::GetApi, ort::GetVersion};
  return &base;
}

PILOTLIGHT_EXPORTED const char* PilotlightDoubleCudaOptions() {
  static thread_local std::string text;
  std::lock_guard<std::mutex> lock(ort::script().mutex);
  text = ort::script().options;
  return text.c_str();
}

PILOTLIGHT_EXPORTED void PilotlightDoubleFailRuns(const char* text) {
  std::lock_guard<std::mutex> lock(ort::script().mutex);
  ort::script().run_failure = text;
}

PILOTLIGHT_EXPORTED void PilotlightDoubleFailLoads(const char* text) {
  std::lock_guard<std::mutex> lock(ort::script().mutex);
  ort::script().load_failure = text;
}
