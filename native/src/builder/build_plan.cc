#include "builder/build_plan.h"

#include <chrono>
#include <fstream>
#include <memory>

#include "builder/calibrator.h"
#include "builder/cancel.h"
#include "builder/device.h"
#include "builder/library.h"
#include "builder/lines.h"
#include "builder/network.h"
#include "builder/profiles.h"
#include "builder/timing_cache.h"

namespace pilotlight::build {
namespace {

class TellingMonitor final : public ProgressMonitor {
 public:
  void PhaseStart(const char* phase, const char* parent, int32_t steps) noexcept override {
    Tell(Json().Text("event", "phase").Text("state", "started").Text("phase", phase).Text("parent", parent == nullptr ? "" : parent).Integer("steps", steps));
  }
  bool StepComplete(const char* phase, int32_t step) noexcept override {
    const bool is_read = Tell(Json().Text("event", "phase").Text("state", "step").Text("phase", phase).Integer("step", step));
    return is_read && !IsCancelled();
  }
  void PhaseFinish(const char* phase) noexcept override { Tell(Json().Text("event", "phase").Text("state", "finished").Text("phase", phase)); }
};

double Since(std::chrono::steady_clock::time_point start) { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count(); }

void TellStep(const char* step, std::chrono::steady_clock::time_point start) { Tell(Json().Text("event", "step").Text("step", step).Number("ms", Since(start))); }

// One build from its options to its bytes; what it made goes in reverse order of making.
class Build {
 public:
  Build(const Options& options, Library library, BuildDevice device) : options_(options), library_(std::move(library)), device_(std::move(device)), slots_(library_.slots) {}

  Status Run() {
    Status done = MakeBuilder();
    if (done.ok()) done = ParseModel();
    if (done.ok()) done = Configure();
    if (done.ok()) done = Quantize();
    if (done.ok()) done = Write();
    return done;
  }

 private:
  Status MakeBuilder() {
    const auto start = std::chrono::steady_clock::now();
    Trace("createInferBuilder");
    builder_.reset(library_.create_builder(&BuildLogger(), library_.number));
    if (builder_ == nullptr) return Failure(Code::kLoadFailed, "TensorRT's builder cannot be created", library_);
    // INT8 by calibration is of the time before typed networks: there the builder chooses types.
    const uint32_t flags = options_.int8 ? 0 : kStronglyTyped;
    Trace("createNetworkV2");
    definition_.reset(trt::CallSlot<void*, uint32_t>(builder_.get(), slots_.builder.create_network, flags));
    if (definition_ == nullptr) return Failure(Code::kLoadFailed, "a network cannot be created", library_);
    Trace("createBuilderConfig");
    config_.reset(trt::CallSlot<void*>(builder_.get(), slots_.builder.create_config));
    if (config_ == nullptr) return Failure(Code::kLoadFailed, "a builder config cannot be created", library_);
    TellStep("create", start);
    return Status::Ok();
  }

  Status ParseModel() {
    const auto start = std::chrono::steady_clock::now();
    const auto parser = OpenParser(library_);
    if (!parser.ok()) return parser.status;
    Trace("parse");
    auto parsed = Network::Parse(library_, parser.value, definition_.get(), options_.model);
    if (!parsed.ok()) return parsed.status;
    network_ = std::make_unique<Network>(std::move(parsed.value));
    TellStep("parse", start);
    Trace("layers of the network");
    network_->TellAll();
    const std::string& type = options_.required_type;
    if (type.empty() || network_->Has(type == "bfloat16" ? trt::DataType::kBfloat16 : trt::DataType::kHalf)) return Status::Ok();
    return Status::Error(Code::kBadInput, options_.model + ": has no " + type + " tensor, and a plan computes in the types of its ONNX: convert the ONNX first");
  }

  void Set(int slot, int32_t value) { trt::CallSlot<void, int32_t>(config_.get(), slot, value); }

  Status Configure() {
    const auto& config = slots_.config;
    // What was said of the network is no word on the options.
    TakeErrors();
    Trace("options of the config");
    if (options_.workspace_bytes >= 0) trt::CallSlot<void, int32_t, size_t>(config_.get(), config.set_memory_limit, kWorkspace, static_cast<size_t>(options_.workspace_bytes));
    if (options_.level >= 0) Set(config.set_level, options_.level);
    Set(config.set_aux_streams, options_.aux_streams);
    Set(config.set_verbosity, kDetailed);
    if (options_.hardware_compatibility != 0) Set(config.set_compatibility, options_.hardware_compatibility);
    if (options_.version_compatible) Set(config.set_flag, library_.flags.version_compatible);
    if (options_.exclude_lean_runtime) Set(config.set_flag, library_.flags.exclude_lean_runtime);
    Trace("setProgressMonitor");
    trt::CallSlot<void, void*>(config_.get(), config.set_progress_monitor, &monitor_);
    const std::string errors = TakeErrors();
    if (!errors.empty()) return Status::Error(Code::kBadInput, "TensorRT " + library_.version + " refuses the options: " + errors);
    Trace("markOutput");
    if (options_.mark_layers) network_->MarkLayers();
    Trace("optimization profiles");
    const Status added = AddProfiles(library_, builder_.get(), config_.get(), *network_, options_.ranges);
    if (!added.ok() || options_.timing_cache.empty()) return added;
    Trace("timing cache");
    return cache_.Open(library_, device_, config_.get(), options_.timing_cache);
  }

  Status Quantize() {
    if (!options_.int8) return Status::Ok();
    auto calibrator = Calibrator::Make(options_, library_.version, *device_.gpu);
    if (!calibrator.ok()) return calibrator.status;
    calibrator_ = std::move(calibrator.value);
    std::vector<ProfileRange> exact;
    for (const SampleTensor& tensor : calibrator_->first()) exact.push_back({0, tensor.name, false, tensor.shape, tensor.shape, tensor.shape});
    const auto profile = MakeProfile(library_, builder_.get(), *network_, exact, 0);
    if (!profile.ok()) return profile.status;
    Trace("setCalibrationProfile");
    if (!trt::CallSlot<bool, const void*>(config_.get(), slots_.config.set_calibration_profile, profile.value)) {
      return Failure(Code::kBadInput, "TensorRT refuses the shapes of the samples", library_);
    }
    Trace("setFlag");
    Set(slots_.config.set_flag, library_.flags.int8);
    Set(slots_.config.set_flag, library_.flags.fp16);
    if (!options_.precise_layers.empty()) Set(slots_.config.set_flag, library_.flags.obey_precision);
    Trace("setInt8Calibrator");
    trt::CallSlot<void, void*>(config_.get(), slots_.config.set_calibrator, calibrator_.get());
    Trace("setPrecision");
    return network_->KeepPrecision(options_.precise_layers);
  }

  Status Write() {
    const auto start = std::chrono::steady_clock::now();
    if (IsCancelled()) return Status::Error(Code::kCancelled, "given up");
    Trace("buildSerializedNetwork");
    const Object plan(trt::CallSlot<void*, void*, void*>(builder_.get(), slots_.builder.build, definition_.get(), config_.get()));
    if (IsCancelled()) return Status::Error(Code::kCancelled, "given up");
    if (calibrator_ != nullptr && !calibrator_->status().ok()) return calibrator_->status();
    if (plan == nullptr) return Failure(Code::kBadModel, options_.model + ": TensorRT cannot build it", library_);
    TellStep("build", start);
    Trace("IHostMemory");
    const char* const data = trt::CallSlot<const char*>(plan.get(), slots_.host_memory.data);
    const size_t size = trt::CallSlot<size_t>(plan.get(), slots_.host_memory.size);
    std::ofstream file(options_.out, std::ios::binary | std::ios::trunc);
    file.write(data, static_cast<std::streamsize>(size));
    if (!file.flush()) return Status::Error(Code::kLoadFailed, options_.out + ": cannot be written");
    Tell(Json().Text("event", "plan").Text("path", options_.out).Integer("bytes", static_cast<int64_t>(size)));
    Trace("timing cache to its file");
    return cache_.Save();
  }

  const Options& options_;
  const Library library_;
  const BuildDevice device_;
  const Slots& slots_;
  TellingMonitor monitor_;
  Object builder_, definition_, config_;
  TimingCache cache_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<Calibrator> calibrator_;
};

}  // namespace

Status BuildPlan(const Options& options) {
  auto library = OpenLibrary(options);
  if (!library.ok()) return library.status;
  if (options.int8 && library.value.flags.int8 == kNone) {
    return Status::Error(Code::kBadInput, "TensorRT " + library.value.version + " has no INT8 by calibration: bring the scales in the ONNX, as Q/DQ nodes, or build with TensorRT 10");
  }
  auto device = EnterDevice();
  if (!device.ok()) return device.status;
  if (!options.lock_folder.empty()) {
    const Status locked = LockDevice(device.value, options.lock_folder);
    if (!locked.ok()) return locked;
  }
  return Build(options, std::move(library.value), std::move(device.value)).Run();
}

}  // namespace pilotlight::build
