#include "onnxruntime/environment.h"

#include <mutex>

#include "core/heap.h"

namespace pilotlight::ort {
namespace {

constexpr size_t kLogBytesMax = 4096;

thread_local std::string* log_sink = nullptr;

void TakeLog(void*, OrtLogLevel, const char*, const char*, const char*, const char* text) {
  if (log_sink == nullptr || log_sink->size() >= kLogBytesMax) return;
  if (!log_sink->empty()) log_sink->append("; ");
  log_sink->append(text, 0, kLogBytesMax);
}

// One thread for each run: the slots' own. A pool of ONNX Runtime's would only take cores from them.
bool MakeEnv(Calls& ok, Environment* made) {
  const Api& ort = api();
  ThreadingOptionsHandle threading;
  return ok.Make(&threading, ort.CreateThreadingOptions) &&
         ok(ort.SetGlobalIntraOpNumThreads(threading.get(), 1)) &&
         ok(ort.SetGlobalInterOpNumThreads(threading.get(), 1)) &&
         ok(ort.SetGlobalSpinControl(threading.get(), 0)) &&
         ok(ort.CreateEnvWithCustomLoggerAndGlobalThreadPools(TakeLog, nullptr, kLogWarning, "pilotlight", threading.get(), &made->env)) &&
         ok(ort.DisableTelemetryEvents(made->env)) &&
         ok(ort.CreateCpuMemoryInfo(kDeviceAllocator, kDefaultMemory, &made->cpu)) &&
         ok(ort.CreateCpuMemoryInfo(kArenaAllocator, kDefaultMemory, &made->cpu_arena)) &&
         ok(ort.GetAllocatorWithDefaultOptions(&made->allocator));
}

}  // namespace

Result<Environment*> OpenEnvironment() {
  static std::mutex* mutex = new std::mutex;
  static std::atomic<Environment*> environment{nullptr};
  if (Environment* made = environment.load(std::memory_order_acquire)) return Result<Environment*>::Of(made);

  std::lock_guard<std::mutex> lock(*mutex);
  if (Environment* made = environment.load(std::memory_order_relaxed)) return Result<Environment*>::Of(made);
  const Result<const Library*> library = OpenLibrary();
  if (!library.ok()) return Result<Environment*>::Error(library.status.code, library.status.message);

  // What a failed attempt made stays: ONNX Runtime keeps one environment for the process anyway.
  FixHeapThresholds();
  auto* made = new Environment;
  made->library = library.value;
  Calls ok;
  if (!MakeEnv(ok, made)) {
    return Result<Environment*>::Error(Code::kLoadFailed, "ONNX Runtime " + library.value->version + " could not start: " + ok.failure().text);
  }
  environment.store(made, std::memory_order_release);
  return Result<Environment*>::Of(made);
}

LogCapture::LogCapture() : outer_(log_sink) { log_sink = &text_; }
LogCapture::~LogCapture() { log_sink = outer_; }

}  // namespace pilotlight::ort
