// The simulated engines: engines, slots and runs that do what their model file says.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "core/backend.h"
#include "fake/fake_gate.h"
#include "fake/fake_model.h"
#include "fake/fake_tensors.h"
#include "fake/simulated_devices.h"

namespace pilotlight {

namespace {

using std::chrono::milliseconds;

constexpr const char* kCpu = "cpu";

// Written, so that the bytes are resident and not only promised.
Bytes AllocateWritten(int64_t size) {
  Bytes bytes = Bytes::Allocate(static_cast<size_t>(size));
  if (bytes.data() != nullptr) std::memset(bytes.data(), 1, bytes.size());
  return bytes;
}

class FakeEngine;

class FakeSlot final : public Slot, private DrivenSlot {
 public:
  FakeSlot(FakeEngine& engine, int64_t index, Bytes scratch, DeviceBytes on_device)
      : engine_(engine), index_(index), scratch_(std::move(scratch)), on_device_(std::move(on_device)) {}

  Status Run(const RunRequest& request, std::vector<Tensor>* outputs) override;
  void Cancel() override;
  DrivenSlot* driven() override;

 private:
  Began Start(const RunRequest& request, Status* failure) override;
  Began StartAside(const RunRequest& request, Status* failure, std::vector<Tensor>* outputs) override;
  bool Poll(const RunRequest& request, Status* status, std::vector<Tensor>* outputs) override;
  Status Answer(int64_t run, const RunRequest& request, std::vector<Tensor>* outputs) const;
  int64_t SleepMs();
  Status Wait(int64_t run);
  bool Sleep(milliseconds duration);
  bool Spin(milliseconds duration);
  bool Hang();

  FakeEngine& engine_;
  const int64_t index_;
  const Bytes scratch_;
  const DeviceBytes on_device_;
  bool has_run_ = false;
  int64_t driven_run_ = 0;
  std::chrono::steady_clock::time_point driven_end_;

  std::mutex mutex_;
  std::condition_variable woken_;
  std::atomic<bool> cancelled_{false};
};

// What an engine has on the device, and the part of it that it tells of itself.
struct FakeMemory {
  std::string device;
  int64_t weights_bytes = 0;
  int64_t slot_bytes = 0;
};

class FakeEngine final : public Engine {
 public:
  FakeEngine(FakeModel model, Bytes weights, FakeMemory memory, DeviceBytes on_device)
      : model(std::move(model)), weights_(std::move(weights)), memory_(std::move(memory)), on_device_(std::move(on_device)) {}

  const Signature& signature() const override { return model.signature; }

  Result<std::unique_ptr<Slot>> NewSlot() override {
    using SlotResult = Result<std::unique_ptr<Slot>>;
    const int64_t index = slots_;
    std::this_thread::sleep_for(milliseconds(model.slot_ms));
    const auto failing = model.failing_slots.find(index);
    if (failing != model.failing_slots.end()) return SlotResult::Error(Code::kNoMemory, "slot " + std::to_string(index) + ": " + failing->second);
    Bytes scratch = AllocateWritten(model.slot_bytes);
    if (scratch.data() == nullptr) return SlotResult::Error(Code::kNoMemory, "no " + std::to_string(model.slot_bytes) + " bytes for a slot");
    DeviceBytes on_device;
    if (memory_.device != kCpu) {
      auto taken = SimulatedDevices::Get().Take(memory_.device, memory_.slot_bytes, "slot " + std::to_string(index));
      if (!taken.ok()) return {std::move(taken.status), nullptr};
      on_device = std::move(taken.value);
    }
    ++slots_;
    return SlotResult::Of(std::make_unique<FakeSlot>(*this, index, std::move(scratch), std::move(on_device)));
  }

  EngineMemory memory() const override {
    EngineMemory memory;
    memory.weights_bytes = memory_.weights_bytes;
    memory.scratch_bytes = memory_.slot_bytes * slots_;
    return memory;
  }

  const FakeModel model;
  std::atomic<int64_t> runs{0};

 private:
  const Bytes weights_;
  const FakeMemory memory_;
  const DeviceBytes on_device_;
  std::atomic<int64_t> slots_{0};
};

Status FakeSlot::Run(const RunRequest& request, std::vector<Tensor>* outputs) {
  cancelled_.store(false);
  const int64_t run = ++engine_.runs;
  Status waited = Wait(run);
  return waited.ok() ? Answer(run, request, outputs) : waited;
}

DrivenSlot* FakeSlot::driven() { return engine_.model.driven ? this : nullptr; }

// What is more than time to pass needs a thread.
DrivenSlot::Began FakeSlot::Start(const RunRequest&, Status*) {
  const FakeModel& model = engine_.model;
  if (!has_run_ || !model.gate.empty() || model.spin_ms > 0 || model.hangs || !model.hanging_runs.empty()) return Began::kAside;
  cancelled_.store(false);
  driven_run_ = ++engine_.runs;
  driven_end_ = std::chrono::steady_clock::now() + milliseconds(SleepMs());
  return Began::kStarted;
}

DrivenSlot::Began FakeSlot::StartAside(const RunRequest& request, Status* failure, std::vector<Tensor>* outputs) {
  *failure = Run(request, outputs);
  return failure->ok() ? Began::kEnded : Began::kFailed;
}

bool FakeSlot::Poll(const RunRequest& request, Status* status, std::vector<Tensor>* outputs) {
  const bool is_cancelled = cancelled_.load();
  if (!is_cancelled && std::chrono::steady_clock::now() < driven_end_) return false;
  *status = is_cancelled ? Status::Error(Code::kCancelled, "the fake run was cancelled") : Answer(driven_run_, request, outputs);
  return true;
}

Status FakeSlot::Answer(int64_t run, const RunRequest& request, std::vector<Tensor>* outputs) const {
  const FakeModel& model = engine_.model;
  if (model.crashing_runs.count(run) > 0) std::abort();
  const auto losing = model.losing_runs.find(run);
  if (losing != model.losing_runs.end()) return Status::Error(Code::kDeviceLost, "run " + std::to_string(run) + ": " + losing->second);
  const auto failing = model.failing_runs.find(run);
  if (failing != model.failing_runs.end()) return Status::Error(Code::kEngineFailed, "run " + std::to_string(run) + ": " + failing->second);

  const FakeAnswer answer = model.nan_runs.count(run) > 0 ? FakeAnswer::kNan : FakeAnswer::kPlain;
  outputs->resize(model.signature.outputs.size());
  for (size_t output = 0; output < outputs->size(); ++output) {
    if (request.wanted != nullptr && !(*request.wanted)[output]) continue;
    Tensor& tensor = (*outputs)[output];
    tensor = FakeOutput(model, output, *request.inputs, answer);
    if (tensor.type != ElementType::kString && tensor.bytes.data() == nullptr) return Status::Error(Code::kNoMemory, "no bytes for an output");
  }
  return Status::Ok();
}

// The time that a run takes, in the order of the script; ends early when cancelled.
Status FakeSlot::Wait(int64_t run) {
  const FakeModel& model = engine_.model;
  const int64_t sleep_ms = SleepMs();
  const bool went_through = (model.gate.empty() || FakeGate::Named(model.gate).Pass(cancelled_))
    && (sleep_ms == 0 || Sleep(milliseconds(sleep_ms)))
    && (model.spin_ms == 0 || Spin(milliseconds(model.spin_ms)))
    && (!(model.hangs || model.hanging_runs.count(run) > 0) || Hang());
  return went_through ? Status::Ok() : Status::Error(Code::kCancelled, "the fake run was cancelled");
}

int64_t FakeSlot::SleepMs() {
  const FakeModel& model = engine_.model;
  const auto slow = model.slow_slots.find(index_);
  const int64_t first_ms = has_run_ ? 0 : model.first_run_ms;
  has_run_ = true;
  return model.run_ms + (slow == model.slow_slots.end() ? 0 : slow->second) + first_ms;
}

bool FakeSlot::Sleep(milliseconds duration) {
  std::unique_lock<std::mutex> lock(mutex_);
  return !woken_.wait_for(lock, duration, [&] { return cancelled_.load(); });
}

bool FakeSlot::Spin(milliseconds duration) {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end) {
    if (cancelled_.load()) return false;
  }
  return true;
}

bool FakeSlot::Hang() {
  std::unique_lock<std::mutex> lock(mutex_);
  woken_.wait(lock, [&] { return cancelled_.load(); });
  return false;
}

void FakeSlot::Cancel() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    cancelled_.store(true);
    woken_.notify_all();
  }
  if (!engine_.model.gate.empty()) FakeGate::Named(engine_.model.gate).Nudge();
}

class FakeEngines final : public Backend {
 public:
  Capability Probe() override {
    Capability capability;
    capability.backend = "fake";
    capability.available = true;
    capability.version = "1";
    return capability;
  }

  Result<std::unique_ptr<Engine>> Load(const EngineSpec& spec) override {
    using EngineResult = Result<std::unique_ptr<Engine>>;
    auto model = ReadFakeModel(spec.path);
    if (!model.ok()) return {std::move(model.status), nullptr};
    if (spec.device != kCpu && !SimulatedDevices::Get().Has(spec.device)) {
      return EngineResult::Error(Code::kLoadFailed, "a fake model loads on the CPU and on simulated devices, and " + spec.device + " is neither");
    }
    const std::atomic<bool> never{false};
    if (!model.value.load_gate.empty()) FakeGate::Named(model.value.load_gate).Pass(never);
    std::this_thread::sleep_for(milliseconds(model.value.load_ms));
    if (model.value.load_crashes) std::abort();
    while (model.value.load_hangs) std::this_thread::sleep_for(std::chrono::hours(1));
    if (!model.value.load.ok()) return {model.value.load, nullptr};
    Bytes weights = AllocateWritten(model.value.weights_bytes);
    if (weights.data() == nullptr) {
      return EngineResult::Error(Code::kNoMemory, "no " + std::to_string(model.value.weights_bytes) + " bytes for the weights");
    }
    const FakeModel& script = model.value;
    FakeMemory memory{spec.device, script.weights_bytes, script.slot_bytes};
    DeviceBytes on_device;
    if (spec.device != kCpu) {
      memory.weights_bytes += script.device_bytes;
      memory.slot_bytes += script.device_slot_bytes;
      auto taken = SimulatedDevices::Get().Take(spec.device, memory.weights_bytes + script.device_bytes_untold, "the model");
      if (!taken.ok()) return {std::move(taken.status), nullptr};
      on_device = std::move(taken.value);
    }
    return EngineResult::Of(std::make_unique<FakeEngine>(std::move(model.value), std::move(weights), std::move(memory), std::move(on_device)));
  }

  // Of the scripted failures only a bad model is one of the file; the rest are of the load.
  Result<Signature> Inspect(const std::string& path, const std::string&) override {
    auto model = ReadFakeModel(path);
    if (model.ok() && model.value.load.code == Code::kBadModel) return {model.value.load, {}};
    return {std::move(model.status), std::move(model.value.signature)};
  }
};

}  // namespace

Backend& FakeBackend() {
  static Backend& backend = *new FakeEngines;
  return backend;
}

}  // namespace pilotlight
