// What the core tells, as the objects that runtime/engine/addon.ts declares.
#pragma once

#include <node_api.h>

#include <vector>

#include "core/registry.h"
#include "cuda/device.h"

namespace pilotlight {

// Stamps cross as milliseconds of the shared monotonic clock.
inline double ToMs(int64_t ns) { return static_cast<double>(ns) / 1e6; }

napi_value ToJs(napi_env env, const Signature& signature);
napi_value ToJs(napi_env env, const LoadOutcome& outcome);
napi_value ToJs(napi_env env, const PoolStats& pool);
napi_value ToJs(napi_env env, const std::vector<PoolStats>& pools);
napi_value ToJs(napi_env env, const std::vector<UsedPool>& pools);
napi_value ToJs(napi_env env, const Capability& capability);
napi_value ToJs(napi_env env, const std::vector<FoundLibrary>& libraries);
napi_value ToJs(napi_env env, const std::vector<cuda::GpuInfo>& gpus);
// By output: undefined where none was wanted, else { type, shape, data: ArrayBuffer | string[] }.
napi_value OutputsToJs(napi_env env, const Job& job);

PoolOptions PoolOptionsFromJs(napi_env env, napi_value spec);

}  // namespace pilotlight
