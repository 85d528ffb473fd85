#include "binding/convert.h"

#include <cstring>
#include <string>

#include "binding/js.h"

namespace pilotlight {
namespace {

template <typename T, typename Each>
napi_value ToArray(napi_env env, const std::vector<T>& items, Each each) {
  const napi_value array = JsArray(env, items.size());
  for (size_t i = 0; i < items.size(); ++i) JsSetAt(env, array, i, each(items[i]));
  return array;
}

napi_value SpecsToJs(napi_env env, const std::vector<TensorSpec>& specs) {
  return ToArray(env, specs, [env](const TensorSpec& spec) {
    const napi_value shape = JsArray(env, spec.shape.size());
    for (size_t axis = 0; axis < spec.shape.size(); ++axis) {
      const bool named = spec.shape[axis] < 0 && axis < spec.symbols.size() && !spec.symbols[axis].empty();
      JsSetAt(env, shape, axis, named ? JsText(env, spec.symbols[axis]) : JsNumber(env, static_cast<double>(spec.shape[axis])));
    }
    const napi_value object = JsObject(env);
    JsSet(env, object, "name", spec.name);
    JsSet(env, object, "type", std::string(ElementName(spec.type)));
    JsSet(env, object, "shape", shape);
    if (spec.any_rank) JsSet(env, object, "anyRank", JsBoolean(env, true));
    return object;
  });
}

napi_value MemoryToJs(napi_env env, const EngineMemory& memory) {
  const napi_value object = JsObject(env);
  JsSet(env, object, "weightsBytes", static_cast<double>(memory.weights_bytes));
  JsSet(env, object, "scratchBytes", static_cast<double>(memory.scratch_bytes));
  JsSet(env, object, "stagingBytes", static_cast<double>(memory.staging_bytes));
  JsSet(env, object, "graphsBytes", static_cast<double>(memory.graphs_bytes));
  return object;
}

napi_value StepsToJs(napi_env env, const std::vector<LoadStep>& steps) {
  return ToArray(env, steps, [env](const LoadStep& step) {
    const napi_value object = JsObject(env);
    JsSet(env, object, "name", step.name);
    JsSet(env, object, "startMs", ToMs(step.start_ns));
    JsSet(env, object, "endMs", ToMs(step.end_ns));
    return object;
  });
}

napi_value BytesToJs(napi_env env, const Bytes& bytes) {
  void* data = nullptr;
  napi_value buffer = nullptr;
  if (napi_create_arraybuffer(env, bytes.size(), &data, &buffer) == napi_ok && bytes.size() > 0) std::memcpy(data, bytes.data(), bytes.size());
  return buffer;
}

napi_value TensorToJs(napi_env env, const Tensor& tensor) {
  const napi_value object = JsObject(env);
  JsSet(env, object, "type", static_cast<double>(tensor.type));
  JsSet(env, object, "shape", ToArray(env, tensor.shape, [env](int64_t size) { return JsNumber(env, static_cast<double>(size)); }));
  JsSet(env, object, "data", tensor.type == ElementType::kString
                                 ? ToArray(env, tensor.strings, [env](const std::string& text) { return JsText(env, text); })
                                 : BytesToJs(env, tensor.bytes));
  return object;
}

}  // namespace

napi_value ToJs(napi_env env, const Signature& signature) {
  const napi_value object = JsObject(env);
  JsSet(env, object, "inputs", SpecsToJs(env, signature.inputs));
  JsSet(env, object, "outputs", SpecsToJs(env, signature.outputs));
  return object;
}

napi_value ToJs(napi_env env, const LoadOutcome& outcome) {
  const napi_value object = JsObject(env);
  JsSet(env, object, "signature", ToJs(env, outcome.signature));
  JsSet(env, object, "memory", MemoryToJs(env, outcome.memory));
  JsSet(env, object, "steps", StepsToJs(env, outcome.steps));
  return object;
}

napi_value ToJs(napi_env env, const PoolStats& pool) {
  const napi_value object = JsObject(env);
  JsSet(env, object, "key", pool.key);
  JsSet(env, object, "slots", pool.slots);
  JsSet(env, object, "busy", pool.busy);
  JsSet(env, object, "waiting", pool.waiting);
  JsSet(env, object, "hits", static_cast<double>(pool.hits));
  JsSet(env, object, "misses", static_cast<double>(pool.misses));
  JsSet(env, object, "queueFull", static_cast<double>(pool.queue_full));
  JsSet(env, object, "queueTimeouts", static_cast<double>(pool.queue_timeouts));
  JsSet(env, object, "failures", static_cast<double>(pool.failures));
  JsSet(env, object, "queueMs", ToMs(pool.queue_ns));
  JsSet(env, object, "runMs", ToMs(pool.run_ns));
  JsSet(env, object, "runs", static_cast<double>(pool.runs));
  JsSet(env, object, "lastUsedMs", ToMs(pool.last_used_ns));
  JsSet(env, object, "memory", MemoryToJs(env, pool.memory));
  return object;
}

napi_value ToJs(napi_env env, const std::vector<PoolStats>& pools) {
  return ToArray(env, pools, [env](const PoolStats& pool) { return ToJs(env, pool); });
}

napi_value ToJs(napi_env env, const std::vector<UsedPool>& pools) {
  return ToArray(env, pools, [env](const UsedPool& pool) {
    const napi_value object = JsObject(env);
    JsSet(env, object, "key", pool.key);
    JsSet(env, object, "usedMs", ToMs(pool.last_used_ns));
    return object;
  });
}

napi_value ToJs(napi_env env, const Capability& capability) {
  const napi_value object = JsObject(env);
  JsSet(env, object, "backend", capability.backend);
  JsSet(env, object, "available", JsBoolean(env, capability.available));
  if (!capability.version.empty()) JsSet(env, object, "version", capability.version);
  if (!capability.library.empty()) JsSet(env, object, "library", capability.library);
  if (!capability.reason.empty()) JsSet(env, object, "reason", capability.reason);
  if (capability.on_gpu) JsSet(env, object, "onGpu", JsBoolean(env, true));
  if (!capability.gpu_reason.empty()) JsSet(env, object, "gpuReason", capability.gpu_reason);
  return object;
}

napi_value ToJs(napi_env env, const std::vector<FoundLibrary>& libraries) {
  return ToArray(env, libraries, [env](const FoundLibrary& library) {
    const napi_value object = JsObject(env);
    JsSet(env, object, "name", library.name);
    if (!library.version.empty()) JsSet(env, object, "version", library.version);
    JsSet(env, object, "path", library.path);
    if (!library.reason.empty()) JsSet(env, object, "reason", library.reason);
    return object;
  });
}

napi_value ToJs(napi_env env, const std::vector<cuda::GpuInfo>& gpus) {
  return ToArray(env, gpus, [env](const cuda::GpuInfo& gpu) {
    const napi_value object = JsObject(env);
    JsSet(env, object, "device", "gpu:" + std::to_string(gpu.index));
    JsSet(env, object, "name", gpu.name);
    JsSet(env, object, "id", gpu.id);
    JsSet(env, object, "computeCapability", gpu.compute_capability);
    JsSet(env, object, "totalBytes", static_cast<double>(gpu.total_bytes));
    JsSet(env, object, "freeBytes", static_cast<double>(gpu.free_bytes));
    return object;
  });
}

napi_value OutputsToJs(napi_env env, const Job& job) {
  const napi_value array = JsArray(env, job.outputs.size());
  for (size_t i = 0; i < job.outputs.size(); ++i) {
    if (job.wanted.empty() || job.wanted[i]) JsSetAt(env, array, i, TensorToJs(env, job.outputs[i]));
  }
  return array;
}

PoolOptions PoolOptionsFromJs(napi_env env, napi_value spec) {
  const napi_value queue = FromJs(env, spec, "queue");
  PoolOptions options;
  options.key = TextFromJs(env, FromJs(env, spec, "key"));
  options.device = TextFromJs(env, FromJs(env, spec, "device"));
  options.backend = TextFromJs(env, FromJs(env, spec, "backend"));
  options.path = TextFromJs(env, FromJs(env, spec, "path"));
  options.slots = static_cast<int>(NumberFromJs(env, FromJs(env, spec, "slots")));
  options.threads = static_cast<int>(NumberFromJs(env, FromJs(env, spec, "threads")));
  options.queue_max = static_cast<int>(NumberFromJs(env, FromJs(env, queue, "max")));
  options.queue_timeout_ns = static_cast<int64_t>(NumberFromJs(env, FromJs(env, queue, "timeoutMs")) * 1e6);
  return options;
}

}  // namespace pilotlight
