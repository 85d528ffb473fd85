// The door of the pretended libnvinfer: what it exports, and its IRuntime.
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include "objects.h"
#include "slots.h"

namespace pilotlight::doubles {
namespace {

template <size_t slot>
[[noreturn]] void Missing(Object* implementation) {
  WrongUse("slot " + std::to_string(slot) + " of an object of TensorRT " + LibraryVersion() + " is called, where the double has nothing");
  (void)implementation;
  std::abort();
}

template <size_t... slots>
Table FilledWithMissing(std::index_sequence<slots...>) {
  return {reinterpret_cast<const void*>(&Missing<slots>)...};
}

// Of the public object: 0 and 1 are its destructors, of which `delete` takes the second.
const void* const* DestructorsOf(void (*destroy)(Object*)) {
  auto* const table = new std::array<const void*, 2>{reinterpret_cast<const void*>(destroy), reinterpret_cast<const void*>(destroy)};
  return table->data();
}

void DestroyRuntime(Object* object) {
  auto* const runtime = static_cast<Runtime*>(object->implementation);
  if (runtime->engines > 0) WrongUse("a runtime is destroyed before its " + std::to_string(runtime->engines) + " engines");
  CountAlive("runtimes", -1);
  delete runtime;
}

void* Deserialize(Runtime* runtime, const void* data, size_t size) { return MakeEngine(runtime, data, size); }

// As a library that reads a file: in parts, until there is no more. Slots 4 of both readers read; the later one's takes a stream.
template <typename... Stream>
std::vector<char> ReadAll(void* reader, Stream... stream) {
  constexpr int64_t kPart = 1 << 20;
  std::vector<char> all;
  for (;;) {
    const size_t at = all.size();
    all.resize(at + kPart);
    const int64_t read = CallVirtual<int64_t, void*, int64_t, Stream...>(reader, 4, all.data() + at, kPart, stream...);
    all.resize(at + static_cast<size_t>(read > 0 ? read : 0));
    if (read <= 0) return all;
  }
}

void* DeserializeStream(Runtime* runtime, void* reader) {
  const auto plan = ReadAll(reader);
  return MakeEngine(runtime, plan.data(), plan.size());
}

void* DeserializeStreamV2(Runtime* runtime, void* reader) {
  const auto plan = ReadAll<void*>(reader, nullptr);
  return MakeEngine(runtime, plan.data(), plan.size());
}

void SetAllocator(Runtime* runtime, void* allocator) { runtime->allocator = allocator; }
void* LoggerOf(Runtime* runtime) { return runtime->logger; }
void SetHostCode(Runtime* runtime, bool allowed) { runtime->is_host_code_allowed = allowed; }
bool HostCode(Runtime* runtime) { return runtime->is_host_code_allowed; }

const Table& RuntimeTable() {
  static const Table& table = *new Table([] {
    Table made = EmptyTable("IRuntime");
    Set(&made, runtime_slot::kDeserialize, &Deserialize);
    Set(&made, runtime_slot::kDeserializeStream, &DeserializeStream);
    Set(&made, runtime_slot::kDeserializeStreamV2, &DeserializeStreamV2);
    Set(&made, runtime_slot::kSetAllocator, &SetAllocator);
    Set(&made, runtime_slot::kLogger, &LoggerOf);
    Set(&made, runtime_slot::kSetHostCode, &SetHostCode);
    Set(&made, runtime_slot::kHostCode, &HostCode);
    return made;
  }());
  return table;
}

}  // namespace

Table EmptyTable(const char*) { return FilledWithMissing(std::make_index_sequence<kSlots>()); }

void Runtime::Log(const std::string& text, int32_t severity) { CallVirtual<void, int32_t, const char*>(logger, 0, severity, text.c_str()); }

void* MakeRuntime(void* logger) {
  static const void* const* const destructors = DestructorsOf(&DestroyRuntime);
  auto* const runtime = new Runtime;
  runtime->table = RuntimeTable().data();
  runtime->object = {destructors, runtime};
  runtime->logger = logger;
  CountAlive("runtimes", 1);
  return &runtime->object;
}

const char* LibraryVersion() {
  static const std::string& version = *new std::string(VersionOf(PILOTLIGHT_DOUBLE_MAJOR));
  return version.c_str();
}

}  // namespace pilotlight::doubles

using namespace pilotlight::doubles;

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int32_t getInferLibVersion() {
  int32_t number = 0, part = 0;
  int parts = 0;
  for (const char* at = LibraryVersion(); parts < 3; ++at) {
    if (*at >= '0' && *at <= '9') {
      part = part * 10 + (*at - '0');
      continue;
    }
    number = number * 100 + part;
    part = 0;
    ++parts;
    if (*at == '\0') break;
  }
  return number;
}

EXPORT void* createInferRuntime_INTERNAL(void* logger, int32_t version) {
  if (const auto failure = CountCall("createInferRuntime")) {
    CallVirtual<void, int32_t, const char*>(logger, 0, 1, ("createInferRuntime: Error Code 1: Cuda Runtime (" + ErrorOf(failure) + ")").c_str());
    return nullptr;
  }
  if (version / 10000 == getInferLibVersion() / 10000) return MakeRuntime(logger);
  CallVirtual<void, int32_t, const char*>(logger, 0, 1, "createInferRuntime: Error Code 3: API Usage Error (the caller was compiled for another version)");
  return nullptr;
}
