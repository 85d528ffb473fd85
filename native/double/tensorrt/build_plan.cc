// A pretended build: the network's outputs become lines of the double's plan format, with TensorRT's own words for what goes wrong.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <sstream>
#include <thread>

#include "builder.h"
#include "builder_slots.h"

namespace pilotlight::doubles {
namespace {

constexpr int32_t kHalfFlag = 0, kInt8Flag = 1, kObeyFlag = 9;  // of major 10
// What a layer in INT8 is off by.
constexpr double kQuantizationError = 1.0 / 128;
constexpr int kSlowSteps = 500;

std::string NameOf(DataType type) {
  constexpr const char* kNames[] = {"float32", "float16", "int8", "int32", "bool", "uint8", "fp8", "bfloat16", "int64", "int4"};
  return kNames[static_cast<size_t>(type)];
}

std::string TextOf(const Dims& dims) {
  std::string text;
  for (int32_t i = 0; i < dims.rank; ++i) text += (i == 0 ? "" : "x") + std::to_string(dims.axes[i]);
  return text.empty() ? "scalar" : text;
}

class Monitor {
 public:
  explicit Monitor(void* monitor) : monitor_(monitor) {}

  void Start(const char* phase, const char* parent, int32_t steps) const {
    if (monitor_ != nullptr) CallVirtual<void, const char*, const char*, int32_t>(monitor_, monitor_slot::kPhaseStart, phase, parent, steps);
  }
  bool Step(const char* phase, int32_t step) const {
    return monitor_ == nullptr || CallVirtual<bool, const char*, int32_t>(monitor_, monitor_slot::kStepComplete, phase, step);
  }
  void Finish(const char* phase) const {
    if (monitor_ != nullptr) CallVirtual<void, const char*>(monitor_, monitor_slot::kPhaseFinish, phase);
  }

 private:
  void* monitor_;
};

class Build {
 public:
  Build(Builder& builder, Network& network, Config& config) : builder_(builder), network_(network), config_(config), is_int8_(kIsTen && config.flags.count(kInt8Flag) > 0) {
    if (CurrentCompute(&compute_) != 0) WrongUse("a build without a GPU of the calling thread");
  }

  // "": the reason was logged, if there is one.
  std::string Run() {
    const std::string objection = Objection();
    if (!objection.empty()) {
      builder_.Log("IBuilder::buildSerializedNetwork: Error Code " + objection);
      return "";
    }
    const Monitor monitor(config_.monitor);
    constexpr char kWhole[] = "Building an engine from network", kTactics[] = "Tactic Selection";
    monitor.Start(kWhole, nullptr, 2);
    if (is_int8_ && !Calibrate()) return "";
    if (!monitor.Step(kWhole, 0)) return "";
    const int step_ms = CountCall("stepMs");
    const int steps = step_ms > 0 ? kSlowSteps : static_cast<int>(network_.layers.size());
    monitor.Start(kTactics, kWhole, steps);
    for (int step = 0; step < steps; ++step) {
      std::this_thread::sleep_for(std::chrono::milliseconds(step_ms));
      if (!monitor.Step(kTactics, step)) return "";
    }
    monitor.Finish(kTactics);
    if (config_.timing_cache != nullptr) {
      for (const auto& layer : network_.layers) config_.timing_cache->kernels.insert("kernel of " + layer->name);
    }
    monitor.Step(kWhole, 1);
    monitor.Finish(kWhole);
    return Plan();
  }

 private:
  std::string Objection() const {
    switch (CountCall("buildSerializedNetwork")) {
      case 0: break;
      case 6: return "6: API Usage Error (Unable to load library: libnvinfer_builder_resource_sm90.so." + std::string(LibraryVersion()).substr(0, 6) +
                     ": libnvinfer_builder_resource_sm90.so: cannot open shared object file: No such file or directory)";
      case 11: std::raise(SIGSEGV); break;
      default: return "10: Internal Error (Could not find any implementation for node " + network_.layers.back()->name + ".)";
    }
    if (network_.is_dynamic() && config_.profiles.empty()) {
      return "4: API Usage Error (Network has dynamic or shape inputs, but no optimization profile has been defined.)";
    }
    if (network_.is_typed && (config_.flags.count(kInt8Flag) + config_.flags.count(kHalfFlag) > 0) && kIsTen) {
      return "4: API Usage Error (Precision flags cannot be set on a strongly typed network)";
    }
    if (is_int8_ && config_.calibrator == nullptr) return "4: API Usage Error (Calibration failure occurred with no scaling factors detected.)";
    return "";
  }

  // As TensorRT asks: the cache first, then batches until there are none.
  bool Calibrate() const {
    void* const calibrator = config_.calibrator;
    if (CallVirtual<int32_t>(calibrator, calibrator_slot::kAlgorithm) != 2) WrongUse("the calibrator is not an IInt8EntropyCalibrator2");
    size_t length = 0;
    if (CallVirtual<const void*, size_t*>(calibrator, calibrator_slot::kReadCache, &length) != nullptr && length > 0) return true;
    CallVirtual<int32_t>(calibrator, calibrator_slot::kBatchSize);
    std::vector<const char*> names;
    for (const NetworkTensor* input : network_.inputs) names.push_back(input->name.c_str());
    std::vector<void*> bindings(names.size());
    int batches = 0;
    double largest = 0;
    while (CallVirtual<bool, void**, const char**, int32_t>(calibrator, calibrator_slot::kBatch, bindings.data(), names.data(), static_cast<int32_t>(names.size()))) {
      ++batches;
      for (size_t i = 0; i < names.size(); ++i) largest = std::max(largest, Largest(*network_.inputs[i], bindings[i]));
    }
    if (batches == 0) {
      builder_.Log("IBuilder::buildSerializedNetwork: Error Code 4: Internal Error (Calibration failure occurred with no scaling factors detected.)");
      return false;
    }
    const std::string cache = "TRT-100600-EntropyCalibration2\ninput: " + std::to_string(largest) + "\n";
    CallVirtual<void, const void*, size_t>(calibrator, calibrator_slot::kWriteCache, cache.data(), cache.size());
    return true;
  }

  // Of a batch, read on the GPU where it lies.
  double Largest(const NetworkTensor& input, void* binding) const {
    const Profile* const profile = config_.calibration_profile;
    Dims dims = input.dims;
    if (profile != nullptr && profile->dims.count(input.name) > 0) dims = profile->dims.at(input.name).at(1);
    int64_t count = 1;
    for (int32_t i = 0; i < dims.rank; ++i) count *= dims.axes[i];
    const unsigned char* const content = MemoryAt(reinterpret_cast<uint64_t>(binding), BytesOf(input.type, count));
    if (content == nullptr) WrongUse("a calibration batch is not in the GPU's memory");
    double largest = 0;
    for (int64_t i = 0; content != nullptr && input.type == DataType::kFloat && i < count; ++i) {
      float value;
      std::memcpy(&value, content + static_cast<size_t>(i) * sizeof value, sizeof value);
      largest = std::max(largest, static_cast<double>(std::fabs(value)));
    }
    return largest;
  }

  std::string Plan() const {
    for (const auto& layer : network_.layers) {
      if (layer->inputs.empty()) continue;
      const bool is_exact = !is_int8_ || (layer->is_precise && config_.flags.count(kObeyFlag) > 0);
      layer->output->a = layer->inputs[0]->a * layer->a * (is_exact ? 1 : 1 + kQuantizationError);
      layer->output->b = layer->inputs[0]->b * layer->a + layer->b;
    }
    std::ostringstream text;
    text.precision(17);
    text << "pilotlight-double-plan 1\nweights " << 64 * network_.layers.size() << "\nscratch 4096\n";
    if (config_.compatibility == 0) text << "compute " << compute_ << "\n";
    if (config_.compatibility != 0) text << "compatibility " << config_.compatibility << "\n";
    for (const NetworkTensor* input : network_.inputs) text << "input " << input->name << " " << NameOf(input->type) << " " << TextOf(input->dims) << "\n";
    for (size_t number = 0; number < config_.profiles.size(); ++number) {
      for (const auto& [name, ranges] : config_.profiles[number]->dims) {
        text << "profile " << number << " " << name << " " << TextOf(ranges.at(0)) << " " << TextOf(ranges.at(1)) << " " << TextOf(ranges.at(2)) << "\n";
      }
    }
    for (const NetworkTensor* output : network_.outputs) {
      text << "output " << output->name << " " << NameOf(output->type) << " " << TextOf(output->dims) << (output->y == SIZE_MAX ? " affine " : " add ");
      text << network_.inputs[output->x]->name << " ";
      if (output->y == SIZE_MAX) text << output->a << " " << output->b << "\n";
      else text << network_.inputs[output->y]->name << "\n";
    }
    WriteLayers(text);
    return Header() + text.str();
  }

  // What is between two outputs is fused into one.
  void WriteLayers(std::ostringstream& text) const {
    std::string name, from;
    int64_t constants = 0;
    bool is_int8 = false;
    for (const auto& layer : network_.layers) {
      constants += layer->inputs.empty() ? 1 : 0;
      if (layer->inputs.empty()) continue;
      name += (name.empty() ? "" : "+") + layer->name;
      from += " " + layer->name;
      is_int8 = is_int8 || (is_int8_ && !layer->is_precise);
      if (!layer->output->is_output) continue;
      const std::string type = is_int8 ? "int8" : NameOf(layer->inputs[0]->type);
      text << "layer " << name << " PointWise " << type << " " << constants << from << "\n";
      name = from = "";
      constants = 0;
      is_int8 = false;
    }
  }

  static std::string Header() {
    std::string header("ftrt\0\0\0\0\x02\0\0\0", 12);
    header.resize(24);
    std::istringstream parts(LibraryVersion());
    for (std::string part; std::getline(parts, part, '.');) header += static_cast<char>(std::stoi(part));
    header.resize(28);
    return header;
  }

  Builder& builder_;
  Network& network_;
  Config& config_;
  const bool is_int8_;
  std::string compute_;
};

}  // namespace

void* BuildPlan(Builder* builder, Object* network, Object* config) {
  std::string plan;
  Build build(*builder, *NetworkOf(network), *static_cast<Config*>(config->implementation));
  // The real one tells its progress from threads of its own.
  std::thread([&] { plan = build.Run(); }).join();
  return plan.empty() ? nullptr : MakeHostMemory(std::move(plan));
}

}  // namespace pilotlight::doubles
