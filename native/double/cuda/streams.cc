// Contexts, streams, copies and events of the pretended driver.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "machine.h"

using namespace pilotlight::doubles;
using namespace pilotlight::cuda;

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Held {
  std::unique_lock<std::mutex> lock{Machine::Get().mutex};
};

bool IsThereLocked(const Stream* stream) { return Machine::Get().streams.count(const_cast<Stream*>(stream)) > 0; }

bool IsPinnedLocked(uint64_t address, size_t bytes) {
  const auto after = Machine::Get().pinned.upper_bound(address);
  if (after == Machine::Get().pinned.begin()) return false;
  const auto& [start, size] = *std::prev(after);
  return address + bytes <= start + size;
}

Return LaunchCopy(const char* function, const Copy& copy, Stream* stream) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(function, &context)) return failure;
  Machine& machine = Machine::Get();
  std::unique_lock<std::mutex> lock(machine.mutex);
  if (copy.bytes == 0) return 0;
  for (const auto& [is_on_gpu, address] : {std::pair{copy.to_gpu, copy.to}, std::pair{copy.from_gpu, copy.from}}) {
    if (!is_on_gpu) continue;
    if (machine.FindBlockLocked(address, copy.bytes) == nullptr) {
      machine.WrongUseLocked(std::string(function) + ": goes beyond the memory that was allocated, or that memory is not there any more");
      return kInvalidValue;
    }
  }
  if (const Return failure = machine.LaunchLocked(stream, CopyWork(copy))) return failure;
  const uint64_t host = copy.to_gpu ? copy.from : copy.to;
  // As the driver: from and to memory that is not pinned, the caller waits.
  if (stream->capture != nullptr || (copy.to_gpu && copy.from_gpu) || IsPinnedLocked(host, copy.bytes)) return 0;
  return machine.AwaitLocked(lock, [&] { return stream->works.empty(); });
}

}  // namespace

EXPORT Return cuInit(unsigned) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  if (const Return failure = Machine::Get().CountLocked(__func__)) return failure;
  return Machine::Get().InitLocked();
}

EXPORT Return cuDriverGetVersion(int* version) {
  *version = 13000;
  return 0;
}

EXPORT Return cuDeviceGetCount(int* count) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  if (const Return failure = Machine::Get().CountLocked(__func__)) return failure;
  *count = static_cast<int>(Machine::Get().gpus.size());
  return Machine::Get().is_initialized ? 0 : kNotInitialized;
}

EXPORT Return cuDeviceGet(Device* device, int index) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  if (!Machine::Get().is_initialized) return kNotInitialized;
  if (index < 0 || static_cast<size_t>(index) >= Machine::Get().gpus.size()) return kInvalidDevice;
  *device = index;
  return 0;
}

EXPORT Return cuDeviceGetName(char* name, int size, Device device) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  const auto& gpus = Machine::Get().gpus;
  if (device < 0 || static_cast<size_t>(device) >= gpus.size()) return kInvalidDevice;
  std::snprintf(name, static_cast<size_t>(size), "%s", Machine::Get().settings.Of("name", gpus[static_cast<size_t>(device)]->number).c_str());
  return 0;
}

// What tells GPUs apart: d0, zeros, its number.
EXPORT Return cuDeviceGetUuid_v2(unsigned char* uuid, Device device) {
  constexpr size_t kBytes = 16;
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  const auto& gpus = Machine::Get().gpus;
  if (device < 0 || static_cast<size_t>(device) >= gpus.size()) return kInvalidDevice;
  std::fill(uuid, uuid + kBytes, static_cast<unsigned char>(0));
  uuid[0] = 0xd0;
  uuid[kBytes - 1] = static_cast<unsigned char>(gpus[static_cast<size_t>(device)]->number);
  return 0;
}

EXPORT Return cuDeviceGetUuid(unsigned char* uuid, Device device) { return cuDeviceGetUuid_v2(uuid, device); }

EXPORT Return cuDeviceGetAttribute(int* value, int attribute, Device device) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  const auto& gpus = Machine::Get().gpus;
  if (device < 0 || static_cast<size_t>(device) >= gpus.size()) return kInvalidDevice;
  const std::string& compute = Machine::Get().settings.Of("compute", gpus[static_cast<size_t>(device)]->number);
  if (attribute != kAttributeComputeMajor && attribute != kAttributeComputeMinor) return kInvalidValue;
  *value = std::atoi(attribute == kAttributeComputeMajor ? compute.c_str() : compute.substr(compute.find('.') + 1).c_str());
  return 0;
}

EXPORT Return cuDeviceTotalMem_v2(size_t* bytes, Device device) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  const auto& gpus = Machine::Get().gpus;
  if (device < 0 || static_cast<size_t>(device) >= gpus.size()) return kInvalidDevice;
  *bytes = static_cast<size_t>(gpus[static_cast<size_t>(device)]->total_bytes);
  return 0;
}

EXPORT Return cuDevicePrimaryCtxRetain(Context** context, Device device) {
  if (const Return failure = Machine::Get().Enter(__func__)) return failure;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  if (device < 0 || static_cast<size_t>(device) >= machine.gpus.size()) return kInvalidDevice;
  Gpu& gpu = *machine.gpus[static_cast<size_t>(device)];
  if (gpu.context == nullptr) {
    const int64_t bytes = machine.settings.BytesOf("context", gpu.number);
    if (bytes > gpu.free_bytes()) return kOutOfMemory;
    gpu.other_bytes += bytes;
    gpu.context = new Context{&gpu};
  }
  *context = gpu.context;
  return 0;
}

EXPORT Return cuCtxSetCurrent(Context* context) {
  if (const Return failure = Machine::Get().EnterThoughLost(__func__)) return failure;
  CurrentContext() = context;
  return 0;
}

EXPORT Return cuCtxGetCurrent(Context** context) {
  if (const Return failure = Machine::Get().Enter(__func__)) return failure;
  *context = CurrentContext();
  return 0;
}

EXPORT Return cuMemcpyHtoDAsync_v2(DevicePtr to, const void* from, size_t bytes, Stream* stream) {
  return LaunchCopy(__func__, {to, reinterpret_cast<uint64_t>(from), bytes, true, false}, stream);
}

EXPORT Return cuMemcpyDtoHAsync_v2(void* to, DevicePtr from, size_t bytes, Stream* stream) {
  return LaunchCopy(__func__, {reinterpret_cast<uint64_t>(to), from, bytes, false, true}, stream);
}

EXPORT Return cuMemcpyDtoDAsync_v2(DevicePtr to, DevicePtr from, size_t bytes, Stream* stream) { return LaunchCopy(__func__, {to, from, bytes, true, true}, stream); }

EXPORT Return cuStreamCreate(Stream** stream, unsigned) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  const Held held;
  auto made = std::make_shared<Stream>();
  made->gpu = context->gpu;
  *stream = made.get();
  context->gpu->streams.push_back(made);
  Machine::Get().streams[made.get()] = made;
  return 0;
}

EXPORT Return cuStreamDestroy_v2(Stream* stream) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  const Held held;
  if (!IsThereLocked(stream)) {
    Machine::Get().WrongUseLocked("a stream is destroyed twice");
    return kInvalidHandle;
  }
  if (stream->capture != nullptr) Machine::Get().WrongUseLocked("a stream is destroyed that is being captured");
  // What it has left is done.
  stream->is_destroyed = true;
  Machine::Get().streams.erase(stream);
  return 0;
}

EXPORT Return cuStreamSynchronize(Stream* stream) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  Held held;
  if (!IsThereLocked(stream)) return kInvalidHandle;
  if (stream->capture != nullptr) stream->capture->is_valid = false;
  if (Machine::Get().SpoilCapturesLocked() || stream->capture != nullptr) return kCaptureUnsupported;
  const auto kept = Machine::Get().streams[stream];
  return Machine::Get().AwaitLocked(held.lock, [&] { return kept->works.empty(); });
}

EXPORT Return cuStreamQuery(Stream* stream) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  const Held held;
  if (!IsThereLocked(stream)) return kInvalidHandle;
  if (Machine::Get().SpoilCapturesLocked() || stream->capture != nullptr) return kCaptureUnsupported;
  return stream->works.empty() ? 0 : kNotReady;
}

EXPORT Return cuEventCreate(Event** event, unsigned) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  const Held held;
  auto made = std::make_shared<Event>();
  made->gpu = context->gpu;
  *event = made.get();
  Machine::Get().events[made.get()] = made;
  return 0;
}

EXPORT Return cuEventDestroy_v2(Event* event) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  const Held held;
  if (Machine::Get().events.erase(event) == 1) return 0;
  Machine::Get().WrongUseLocked("an event is destroyed twice");
  return kInvalidHandle;
}

EXPORT Return cuEventRecord(Event* event, Stream* stream) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  const Held held;
  const auto found = Machine::Get().events.find(event);
  if (found == Machine::Get().events.end() || !IsThereLocked(stream) || event->gpu != stream->gpu) return kInvalidHandle;
  event->is_captured = stream->capture != nullptr;
  if (event->is_captured) return stream->capture->is_valid ? 0 : kCaptureInvalidated;
  Work work;
  work.name = "an event";
  work.settle = [kept = found->second, number = ++event->recorded] { kept->reached = number; };
  return Machine::Get().LaunchLocked(stream, std::move(work));
}

EXPORT Return cuEventQuery(Event* event) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  const Held held;
  if (Machine::Get().events.count(event) == 0) return kInvalidHandle;
  if (event->is_captured) return kCapturedEvent;
  if (Machine::Get().SpoilCapturesLocked()) return kCaptureUnsupported;
  return event->reached == event->recorded ? 0 : kNotReady;
}

EXPORT Return cuEventSynchronize(Event* event) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  Held held;
  const auto found = Machine::Get().events.find(event);
  if (found == Machine::Get().events.end()) return kInvalidHandle;
  if (event->is_captured) return kCapturedEvent;
  if (Machine::Get().SpoilCapturesLocked()) return kCaptureUnsupported;
  const auto kept = found->second;
  return Machine::Get().AwaitLocked(held.lock, [&] { return kept->reached == kept->recorded; });
}

EXPORT Return cuStreamWaitEvent(Stream* stream, Event* event, unsigned) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  const Held held;
  const auto found = Machine::Get().events.find(event);
  if (found == Machine::Get().events.end() || !IsThereLocked(stream)) return kInvalidHandle;
  stream->has_waited = true;
  Work work;
  work.name = "a wait for an event";
  work.is_due = [kept = found->second, number = event->recorded] { return kept->reached >= number; };
  return Machine::Get().LaunchLocked(stream, std::move(work));
}
