// The functions that JavaScript sees; runtime/engine/addon.ts declares them. Each marshals its arguments and calls the core.
//
// A function that can fail returns a Code; `reason()` gives the text of the last one that was not 0.
#include <napi.h>

#include <chrono>
#include <exception>

#include "binding/answer.h"
#include "binding/convert.h"
#include "binding/env_state.h"
#include "binding/frame.h"
#include "binding/js.h"
#include "binding/sockets.h"
#include "core/driver.h"
#include "core/lost_devices.h"
#include "core/registry.h"
#include "core/work_record.h"
#include "cuda/device.h"
#include "fake/simulated_devices.h"

namespace pilotlight {
namespace {

// A status has no value; its answer is `undefined`.
struct Nothing {};
napi_value ToJs(napi_env env, const Nothing&) { return JsUndefined(env); }

uint32_t IdFromJs(napi_env env, napi_value value) {
  uint32_t id = 0;
  napi_get_value_uint32(env, value, &id);
  return id;
}

napi_value Coded(napi_env env, Status status) {
  return JsNumber(env, status.ok() ? 0 : EnvState::Of(env).Remember(std::move(status)));
}

napi_value Attach(napi_env env, napi_callback_info info) {
  return EnvState::Of(env).Attach(ArgumentsOf<1>(env, info)[0]);
}

napi_value Intern(napi_env env, napi_callback_info info) {
  return JsNumber(env, Registry::Get().Intern(TextFromJs(env, ArgumentsOf<1>(env, info)[0])));
}

napi_value Load(napi_env env, napi_callback_info info) {
  const auto [id, spec] = ArgumentsOf<2>(env, info);
  Registry::Get().Load(PoolOptionsFromJs(env, spec), AnswerTo<LoadOutcome>(EnvState::Of(env), IdFromJs(env, id)));
  return nullptr;
}

napi_value Inspect(napi_env env, napi_callback_info info) {
  const auto [id, backend, path, device] = ArgumentsOf<4>(env, info);
  Registry::Get().Inspect(TextFromJs(env, backend), TextFromJs(env, path), TextFromJs(env, device), AnswerTo<Signature>(EnvState::Of(env), IdFromJs(env, id)));
  return nullptr;
}

napi_value Unload(napi_env env, napi_callback_info info) {
  const auto [id, key] = ArgumentsOf<2>(env, info);
  const auto answer = AnswerTo<Nothing>(EnvState::Of(env), IdFromJs(env, id));
  Registry::Get().Unload(TextFromJs(env, key), [answer](Status status) { answer(Result<Nothing>{std::move(status), {}}); });
  return nullptr;
}

napi_value Open(napi_env env, napi_callback_info info) {
  return Coded(env, Registry::Get().Open(TextFromJs(env, ArgumentsOf<1>(env, info)[0])));
}

napi_value Retire(napi_env env, napi_callback_info info) {
  switch (Registry::Get().Retire(TextFromJs(env, ArgumentsOf<1>(env, info)[0]))) {
    case Retired::kRetired: return JsText(env, "retired");
    case Retired::kBusy: return JsText(env, "busy");
    case Retired::kAbsent: break;
  }
  return JsText(env, "absent");
}

napi_value Hold(napi_env env, napi_callback_info info) {
  return JsBoolean(env, EnvState::Of(env).Hold(IdFromJs(env, ArgumentsOf<1>(env, info)[0])));
}

napi_value Release(napi_env env, napi_callback_info info) {
  return JsBoolean(env, EnvState::Of(env).Release(IdFromJs(env, ArgumentsOf<1>(env, info)[0])));
}

napi_value Submit(napi_env env, napi_callback_info info) {
  return Coded(env, EnvState::Of(env).Submit(ArgumentsOf<1>(env, info)[0]));
}

napi_value Reason(napi_env env, napi_callback_info) { return JsText(env, EnvState::Of(env).reason()); }

napi_value Cancel(napi_env env, napi_callback_info info) {
  EnvState::Of(env).Cancel(IdFromJs(env, ArgumentsOf<1>(env, info)[0]));
  return nullptr;
}

napi_value Turn(napi_env env, napi_callback_info) {
  EnvState::Of(env).Turn();
  return nullptr;
}

napi_value Stats(napi_env env, napi_callback_info) { return ToJs(env, Registry::Get().Stats()); }

napi_value StatsOf(napi_env env, napi_callback_info info) {
  return ToJs(env, Registry::Get().StatsOf(static_cast<PoolIndex>(IdFromJs(env, ArgumentsOf<1>(env, info)[0]))));
}

napi_value TakeUsed(napi_env env, napi_callback_info) { return ToJs(env, Registry::Get().TakeUsed()); }

// This one and the next two are the only calls into engines that a JavaScript thread makes. They open libraries, and make a context
// on each GPU: the first of them is for the start of a host and for `doctor`.
napi_value Capabilities(napi_env env, napi_callback_info) {
  const napi_value array = JsArray(env, 3);
  JsSetAt(env, array, 0, ToJs(env, OnnxRuntimeBackend().Probe()));
  JsSetAt(env, array, 1, ToJs(env, TensorRtBackend().Probe()));
  JsSetAt(env, array, 2, ToJs(env, FakeBackend().Probe()));
  return array;
}

// None where there is no driver, or one that tells nothing: `libraries` says why.
napi_value Gpus(napi_env env, napi_callback_info) { return pilotlight::ToJs(env, cuda::ListGpus().value); }

napi_value Libraries(napi_env env, napi_callback_info) { return ToJs(env, FindNvidiaLibraries()); }

napi_value Lost(napi_env env, napi_callback_info) {
  const std::vector<LostDevice> lost = LostDevices();
  const napi_value array = JsArray(env, lost.size());
  for (size_t i = 0; i < lost.size(); ++i) {
    const napi_value one = JsObject(env);
    JsSet(env, one, "device", JsText(env, lost[i].device));
    JsSet(env, one, "reason", JsText(env, lost[i].reason));
    JsSetAt(env, array, i, one);
  }
  return array;
}

napi_value SetLibrary(napi_env env, napi_callback_info info) {
  SetOnnxRuntimeLibrary(TextFromJs(env, ArgumentsOf<1>(env, info)[0]));
  return nullptr;
}

napi_value SetCuda(napi_env env, napi_callback_info info) {
  SetCudaLibraries(TextsFromJs(env, ArgumentsOf<1>(env, info)[0]));
  return nullptr;
}

napi_value SetDriver(napi_env env, napi_callback_info info) {
  SetCudaLibrary(TextFromJs(env, ArgumentsOf<1>(env, info)[0]));
  return nullptr;
}

napi_value SetTensorRt(napi_env env, napi_callback_info info) {
  const auto [library, plugins, allow_host_code] = ArgumentsOf<3>(env, info);
  SetTensorRtLibrary(TextFromJs(env, library));
  SetTensorRtPlugins(TextsFromJs(env, plugins));
  AllowPlanHostCode(BooleanFromJs(env, allow_host_code));
  return nullptr;
}

napi_value SetGpuPollPause(napi_env env, napi_callback_info info) {
  DeviceDriver::SetPause(std::chrono::microseconds(static_cast<int64_t>(NumberFromJs(env, ArgumentsOf<1>(env, info)[0]))));
  return nullptr;
}

napi_value SimulateDevice(napi_env env, napi_callback_info info) {
  const auto [device, total, taken] = ArgumentsOf<3>(env, info);
  SimulatedDevices::Get().Declare(TextFromJs(env, device), static_cast<int64_t>(NumberFromJs(env, total)), static_cast<int64_t>(NumberFromJs(env, taken)));
  return nullptr;
}

napi_value SimulatedFreeBytes(napi_env env, napi_callback_info info) {
  return JsNumber(env, static_cast<double>(SimulatedDevices::Get().FreeBytes(TextFromJs(env, ArgumentsOf<1>(env, info)[0]))));
}

napi_value KeepWorkRecord(napi_env env, napi_callback_info info) {
  return Coded(env, OpenWorkRecord(static_cast<int>(IdFromJs(env, ArgumentsOf<1>(env, info)[0]))));
}

napi_value Monotonic(napi_env env, napi_callback_info) { return JsNumber(env, ToMs(MonotonicNs())); }

// No exception may reach Node's frames, where it ends the process.
template <napi_callback kCall>
napi_value Guarded(napi_env env, napi_callback_info info) {
  try {
    return kCall(env, info);
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

void Export(napi_env env, napi_value exports, const char* name, napi_callback call) {
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, call, nullptr, &function);
  JsSet(env, exports, name, function);
}

// Once for each environment.
Napi::Object Init(Napi::Env env, Napi::Object exports) {
  Registry::Get().AddBackend("onnxruntime", OnnxRuntimeBackend());
  Registry::Get().AddBackend("tensorrt", TensorRtBackend());
  Registry::Get().AddBackend("fake", FakeBackend());
  if (!EnvState::Create(env)) {
    napi_throw_error(env, nullptr, "Node has no memory for the wake-up of this thread");
    return exports;
  }

  JsSet(env, exports, "layout", JsNumber(env, kLayout));
  Export(env, exports, "attach", Guarded<Attach>);
  Export(env, exports, "intern", Guarded<Intern>);
  Export(env, exports, "load", Guarded<Load>);
  Export(env, exports, "inspect", Guarded<Inspect>);
  Export(env, exports, "unload", Guarded<Unload>);
  Export(env, exports, "open", Guarded<Open>);
  Export(env, exports, "retire", Guarded<Retire>);
  Export(env, exports, "hold", Guarded<Hold>);
  Export(env, exports, "lostDevices", Guarded<Lost>);
  Export(env, exports, "release", Guarded<Release>);
  Export(env, exports, "submit", Guarded<Submit>);
  Export(env, exports, "reason", Guarded<Reason>);
  Export(env, exports, "cancel", Guarded<Cancel>);
  Export(env, exports, "turn", Guarded<Turn>);
  Export(env, exports, "stats", Guarded<Stats>);
  Export(env, exports, "statsOf", Guarded<StatsOf>);
  Export(env, exports, "takeUsed", Guarded<TakeUsed>);
  Export(env, exports, "capabilities", Guarded<Capabilities>);
  Export(env, exports, "setOnnxRuntimeLibrary", Guarded<SetLibrary>);
  Export(env, exports, "setCudaLibraries", Guarded<SetCuda>);
  Export(env, exports, "setCudaDriver", Guarded<SetDriver>);
  Export(env, exports, "setTensorRt", Guarded<SetTensorRt>);
  Export(env, exports, "setGpuPollPause", Guarded<SetGpuPollPause>);
  Export(env, exports, "gpus", Guarded<Gpus>);
  Export(env, exports, "libraries", Guarded<Libraries>);
  Export(env, exports, "simulateDevice", Guarded<SimulateDevice>);
  Export(env, exports, "simulatedFreeBytes", Guarded<SimulatedFreeBytes>);
  Export(env, exports, "keepWorkRecord", Guarded<KeepWorkRecord>);
  Export(env, exports, "monotonic", Guarded<Monotonic>);
  RegisterSockets(env, exports);
  return exports;
}

}  // namespace
}  // namespace pilotlight

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return pilotlight::Init(env, exports); }
NODE_API_MODULE(pilotlight, Init)
