// What the double says to tests and takes from them (double.h), and to the double of TensorRT (runs.h).
#include <cstdlib>
#include <cstring>

#include "double.h"
#include "machine.h"
#include "runs.h"

using namespace pilotlight::doubles;

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

int64_t CountLocked(const Machine& machine, const std::string& what) {
  const size_t colon = what.find(':');
  const std::string kind = what.substr(0, colon), of = colon == std::string::npos ? "" : what.substr(colon + 1);
  if (kind == "calls") return machine.settings.calls(of);
  if (kind == "streams") return static_cast<int64_t>(machine.streams.size());
  if (kind == "events") return static_cast<int64_t>(machine.events.size());
  if (kind == "graphs") return static_cast<int64_t>(machine.execs.size());
  if (kind == "pools") return static_cast<int64_t>(machine.pools.size());
  if (kind == "allocations") return static_cast<int64_t>(machine.blocks.size());
  if (kind == "pinned") return static_cast<int64_t>(machine.pinned.size());
  if (kind == "wrong-uses") return machine.wrong_uses;
  const auto alive = machine.alive.find(kind);
  if (alive != machine.alive.end()) return alive->second;
  int64_t sum = 0;
  for (const auto& gpu : machine.gpus) {
    if (!of.empty() && gpu->number != std::atoi(of.c_str())) continue;
    if (kind == "reserved") sum += gpu->reserved_bytes;
    if (kind == "free") sum += gpu->free_bytes();
    if (kind == "runs") sum += gpu->runs;
    if (kind == "waiting") for (const auto& stream : gpu->streams) sum += static_cast<int64_t>(stream->works.size());
    if (kind == "used") for (const auto* pool : machine.pools) sum += pool->gpu == gpu.get() ? pool->used : 0;
  }
  return sum;
}

}  // namespace

EXPORT void pilotlight_double_script(const char* settings) {
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  machine.settings.Read(settings);
  machine.changed.notify_all();
}

EXPORT int64_t pilotlight_double_count(const char* what) {
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  return CountLocked(machine, what);
}

EXPORT const char* pilotlight_double_wrong_use() {
  thread_local std::string told;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  told = machine.last_wrong_use;
  return told.c_str();
}

namespace pilotlight::doubles {

Return CountCall(const char* function) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  const Return failure = Machine::Get().CountLocked(function);
  return failure != 0 ? failure : Machine::Get().settings.sticky();
}

void CountAlive(const char* kind, int by) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  Machine::Get().alive[kind] += by;
}

void WrongUse(const std::string& what) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  Machine::Get().WrongUseLocked(what);
}

std::string ErrorOf(Return code) { return ErrorText(code) != nullptr ? ErrorText(code) : "error " + std::to_string(code); }

Return CurrentCompute(std::string* compute) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  if (CurrentContext() == nullptr) return kInvalidContext;
  *compute = Machine::Get().settings.Of("compute", CurrentContext()->gpu->number);
  return 0;
}

std::string VersionOf(int major) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  for (const std::string& version : Machine::Get().settings.all("tensorrt")) {
    if (std::atoi(version.c_str()) == major) return version;
  }
  return std::to_string(major) + ".0.0.1";
}

bool IsCapturing(cuda::Stream* stream) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  return Machine::Get().streams.count(stream) > 0 && stream->capture != nullptr;
}

void SpoilCapture(cuda::Stream* stream) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  if (Machine::Get().streams.count(stream) > 0 && stream->capture != nullptr) stream->capture->is_valid = false;
}

Return LaunchRun(cuda::Stream* stream, Run run) {
  Work work;
  work.kind = Work::Kind::kKernel;
  work.name = run.name;
  work.ns = run.ns;
  for (const Range& range : run.ranges) work.uses.push_back({range.address, range.bytes, range.is_written});
  work.effect = std::move(run.effect);
  work.objection = std::move(run.objection);
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  if (machine.settings.sticky() != 0) return machine.settings.sticky();
  if (CurrentContext() == nullptr) return kInvalidContext;
  return machine.LaunchLocked(stream, std::move(work));
}

Return AwaitStream(cuda::Stream* stream) {
  Machine& machine = Machine::Get();
  std::unique_lock<std::mutex> lock(machine.mutex);
  return machine.AwaitLocked(lock, [&] { return stream->works.empty(); });
}

bool IsInFlight(const Range& range) {
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  return Machine::Get().FindUserLocked({range.address, range.bytes, true}, nullptr) != nullptr;
}

unsigned char* MemoryAt(uint64_t address, size_t bytes) { return Machine::Get().Content(address, bytes); }

}  // namespace pilotlight::doubles
