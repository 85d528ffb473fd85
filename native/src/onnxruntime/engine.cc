#include "onnxruntime/engine.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/heap.h"
#include "onnxruntime/cuda_provider.h"
#include "onnxruntime/signature.h"
#include "onnxruntime/slot.h"

namespace pilotlight::ort {
namespace {

using Loaded = Result<std::unique_ptr<Engine>>;

// Reading a model leaves as much freed memory behind as it has weights, or more. For small ones the trim costs more than it brings.
constexpr int64_t kTrimWeightsBytesMin = 8 << 20;

enum class Pools { kGlobal, kOwn };

bool MakeOptions(Calls& ok, const EngineSpec& spec, Pools pools, SessionOptionsHandle* made) {
  const Api& ort = api();
  if (!ok.Make(made, ort.CreateSessionOptions)) return false;
  OrtSessionOptions* options = made->get();
  const int gpu = GpuIndex(spec.device);
  if (gpu >= 0 && !AppendCudaProvider(ok, options, gpu)) return false;
  if (pools == Pools::kGlobal) return ok(ort.DisablePerSessionThreads(options));
  return ok(ort.SetIntraOpNumThreads(options, spec.threads)) && ok(ort.AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "0"));
}

bool MakeSession(Calls& ok, const Environment& environment, const EngineSpec& spec, Pools pools, SessionHandle* made) {
  SessionOptionsHandle options;
  return MakeOptions(ok, spec, pools, &options) && ok.Make(made, api().CreateSession, environment.env, spec.path.c_str(), options.get());
}

// One thread: the slot's own does all the work, and the global pools of our environment stand idle. If another user of the
// library made the environment without global pools, the session's own pool of one does the same.
bool OpenSession(Calls& ok, Environment& environment, const EngineSpec& spec, SessionHandle* made) {
  const bool is_global = spec.threads == 1 && environment.has_global_pools.load();
  if (MakeSession(ok, environment, spec, is_global ? Pools::kGlobal : Pools::kOwn, made)) return true;
  if (!is_global || ok.failure().text.find("EnvCreatedWithGlobalThreadPools") == std::string::npos) return false;
  environment.has_global_pools.store(false);
  ok = Calls();
  return MakeSession(ok, environment, spec, Pools::kOwn, made);
}

// Nearly all that stops a load is in the file, and ONNX Runtime's code for it is any (an unknown attribute's value is a plain
// FAIL). So the other way round: what the machine lacked, which another attempt may find.
Code LoadCode(const Failure& failure) {
  if (failure.is_out_of_memory()) return Code::kNoMemory;
  const bool is_machine = failure.is_of_gpu() || failure.code == kEngineError || failure.code == kProviderFail || failure.code == kDeviceReset ||
                          failure.says("system error number") || failure.says("Resource temporarily unavailable");
  return is_machine ? Code::kLoadFailed : Code::kBadModel;
}

// Without the path, which our own text has named already, and the place in ONNX Runtime's source: file, line and signature.
std::string Reason(const Failure& failure, const std::string& path) {
  std::string text = failure.text;
  const std::string prefix = "Load model from " + path + " failed:";
  if (text.rfind(prefix, 0) == 0) text.erase(0, prefix.size());
  if (text.rfind("/onnxruntime_src/", 0) == 0) {
    const size_t end = text.rfind(") ");
    if (end != std::string::npos) text.erase(0, end + 2);
  }
  while (!text.empty() && (text.back() == '.' || text.back() == '\n')) text.pop_back();
  return text;
}

struct Remedy {
  const char* sign;  // of the fault, in the engine's text
  const char* advice;
};

constexpr char kNotWhole[] = "; the file is no whole ONNX model: export or copy it again (Git LFS may have left a pointer in its place)";
constexpr char kOtherOperators[] = "; export it with operators that this ONNX Runtime has, or name another library by the setting onnxruntimeLibrary";
constexpr char kOlderFormat[] = "; export it for an older opset, or name a newer library by the setting onnxruntimeLibrary";

constexpr Remedy kRemedies[] = {
    {"Protobuf parsing failed", kNotWhole},
    {"does not have a graph", kNotWhole},
    {"No Op registered", kOtherOperators},
    {"is not a registered function/op", kOtherOperators},
    {"Could not find an implementation", kOtherOperators},
    {"Unsupported model IR version", kOlderFormat},
    {"released onnx opset versions", kOlderFormat},
};

// What would do, where the engine's text lets it be told.
std::string Advice(const Failure& failure) {
  for (const Remedy& remedy : kRemedies) {
    if (failure.text.find(remedy.sign) != std::string::npos) return remedy.advice;
  }
  return "";
}

// What the log adds to a failure: warnings that came before it, without the failure's own text.
std::string Context(const Failure& failure, std::string log) {
  log.erase(log.find_last_not_of("\n ") + 1);
  return log.empty() || failure.text.find(log) != std::string::npos || log.find(failure.text) != std::string::npos ? "" : " (log: " + log + ")";
}

struct ArenaBytes {
  int64_t in_use = 0;
  int64_t total = 0;  // in use, and kept for the next run
};

ArenaBytes ReadArena(const OrtAllocator* arena) {
  Calls ok;
  KeyValuePairsHandle pairs;
  ArenaBytes bytes;
  if (arena == nullptr || !ok.Make(&pairs, api().AllocatorGetStats, arena)) return bytes;
  const char* const* keys = nullptr;
  const char* const* values = nullptr;
  size_t count = 0;
  api().GetKeyValuePairs(pairs.get(), &keys, &values, &count);
  for (size_t i = 0; i < count; ++i) {
    if (std::strcmp(keys[i], "InUse") == 0) bytes.in_use = std::atoll(values[i]);
    if (std::strcmp(keys[i], "TotalAllocated") == 0) bytes.total = std::atoll(values[i]);
  }
  return bytes;
}

int64_t FileBytes(const std::string& path) {
  struct stat found;
  return stat(path.c_str(), &found) == 0 ? static_cast<int64_t>(found.st_size) : 0;
}

}  // namespace

Loaded OnnxEngine::Load(const EngineSpec& spec) {
  const Result<Environment*> environment = OpenEnvironment();
  if (!environment.ok()) return Loaded::Error(environment.status.code, environment.status.message);
  if (spec.device != "cpu") {
    const Status provider = OpenCudaProvider(*environment.value->library);
    if (!provider.ok()) return Loaded::Error(provider.code, spec.path + " cannot be loaded on " + spec.device + ": " + provider.message);
  }
  const std::string tried = "ONNX Runtime " + environment.value->library->version + " cannot load " + spec.path + (spec.device == "cpu" ? "" : " on " + spec.device) + ": ";

  LogCapture log;
  Calls ok;
  SessionHandle session;
  if (!OpenSession(ok, *environment.value, spec, &session)) {
    return Loaded::Error(LoadCode(ok.failure()), tried + Reason(ok.failure(), spec.path) + Context(ok.failure(), log.text()) + Advice(ok.failure()));
  }
  Result<Signature> signature = ReadSignature(*environment.value, session.get());
  if (!signature.ok()) return Loaded::Error(signature.status.code, tried + signature.status.message);
  auto engine = std::make_unique<OnnxEngine>(*environment.value, std::move(session), std::move(signature.value), spec);
  if (engine->memory().weights_bytes >= kTrimWeightsBytesMin) const HeapTrim trim;
  return Loaded::Of(std::move(engine));
}

// On a CPU weights that are repacked for a kernel lie in the arena; the others outside of it, as the file holds them. No statistic
// counts both. On a GPU all that the session takes of it comes from its arena, to the byte; not so what NVIDIA's libraries take for
// themselves: the context and the kernels, which are the process's, and cuBLAS's workspaces, some MiB for each run at once.
OnnxEngine::OnnxEngine(Environment& environment, SessionHandle session, Signature signature, const EngineSpec& spec)
    : environment_(environment), session_(std::move(session)), signature_(std::move(signature)), slots_(spec.slots) {
  for (const TensorSpec& input : signature_.inputs) input_names_.push_back(input.name.c_str());
  for (const TensorSpec& output : signature_.outputs) output_names_.push_back(output.name.c_str());
  Calls ok;
  const int gpu = GpuIndex(spec.device);
  MemoryInfoHandle on_gpu;
  if (gpu >= 0) gpu_ = cuda::Gpu::Find(spec.device).value;
  if (gpu >= 0) ok.Make(&on_gpu, api().CreateMemoryInfo, kCudaMemoryName, kArenaAllocator, gpu, kDefaultMemory);
  ok.Make(&arena_, api().CreateAllocator, session_.get(), gpu >= 0 ? on_gpu.get() : environment_.cpu_arena);
  arena_weights_bytes_ = ReadArena(arena_.get()).in_use;
  weights_bytes_ = gpu >= 0 && arena_weights_bytes_ > 0 ? arena_weights_bytes_ : std::max(arena_weights_bytes_, FileBytes(spec.path));
}

Result<std::unique_ptr<Slot>> OnnxEngine::NewSlot() { return OnnxSlot::Make(*this); }

void OnnxEngine::NeedPinned(size_t run_bytes, size_t largest) {
  if (gpu_ == nullptr || run_bytes <= pinned_run_bytes_.load(std::memory_order_relaxed)) return;
  std::lock_guard<std::mutex> lock(pinned_mutex_);
  if (run_bytes <= pinned_run_bytes_.load(std::memory_order_relaxed) || !gpu_->Enter().ok()) return;
  // One set for the runs under way and one for those that come next. Without it copies are slower, and nothing else.
  const size_t bytes = 2 * static_cast<size_t>(slots_) * (run_bytes - pinned_run_bytes_.load(std::memory_order_relaxed));
  if (cuda::PinnedMemory::Get().Reserve(bytes, largest).ok()) reserved_bytes_ += bytes;
  pinned_run_bytes_.store(run_bytes, std::memory_order_relaxed);
}

Bytes OnnxEngine::AllocateInput(size_t size) {
  const bool is_pinned = size >= kStagedBytes && pinned_run_bytes_.load(std::memory_order_relaxed) > 0;
  Bytes bytes = is_pinned ? cuda::PinnedMemory::Get().Take(size) : Bytes();
  return bytes.data() != nullptr ? std::move(bytes) : Bytes::Allocate(size);
}

OnnxEngine::~OnnxEngine() {
  arena_.reset();
  session_.reset();
  if (reserved_bytes_ > 0 && gpu_->Enter().ok()) cuda::PinnedMemory::Get().Release(reserved_bytes_);
}

EngineMemory OnnxEngine::memory() const {
  EngineMemory memory;
  memory.weights_bytes = weights_bytes_;
  memory.scratch_bytes = std::max<int64_t>(0, ReadArena(arena_.get()).total - arena_weights_bytes_);
  return memory;
}

}  // namespace pilotlight::ort
