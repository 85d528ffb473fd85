// The reference that the benchmarks compare with: the same model in a plain loop over ONNX Runtime's own Run, with
// values that are made once, on as many threads as asked for. `--through slot` runs our slot instead: what it adds.
// Prints one JSON object.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "core/backend.h"
#include "onnxruntime/engine.h"

using namespace pilotlight;
using namespace pilotlight::ort;
using Clock = std::chrono::steady_clock;

namespace {

struct Options {
  std::string model;
  std::string library;
  std::string through = "api";
  int threads = 1;
  double seconds = 2;
  int64_t axis = 1;  // what a dynamic axis is
};

[[noreturn]] void Stop(const std::string& reason) {
  std::fprintf(stderr, "bench_loop: %s\n", reason.c_str());
  std::_Exit(1);
}

Options Parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word.rfind("--", 0) != 0) {
      options.model = word;
      continue;
    }
    if (i + 1 == count) Stop(word + " needs a value");
    const std::string value = words[++i];
    if (word == "--library") options.library = value;
    else if (word == "--through" && (value == "api" || value == "slot")) options.through = value;
    else if (word == "--threads") options.threads = std::atoi(value.c_str());
    else if (word == "--seconds") options.seconds = std::atof(value.c_str());
    else if (word == "--axis") options.axis = std::atoll(value.c_str());
    else Stop("unknown option " + word + " " + value);
  }
  if (options.model.empty() || options.threads < 1 || options.seconds <= 0 || options.axis < 1) {
    Stop("usage: bench_loop MODEL.onnx [--library FILE] [--threads N] [--seconds S] [--axis N] [--through api|slot]");
  }
  return options;
}

void Check(bool done, const Calls& calls) {
  if (!done) Stop(calls.failure().text);
}

std::vector<Tensor> MakeInputs(const Signature& signature, int64_t axis) {
  std::vector<Tensor> inputs;
  for (const TensorSpec& spec : signature.inputs) {
    if (spec.type == ElementType::kString) Stop("input " + spec.name + " is of strings");
    Tensor tensor;
    tensor.type = spec.type;
    size_t count = 1;
    for (const int64_t size : spec.shape) {
      tensor.shape.push_back(size < 0 ? axis : size);
      count *= static_cast<size_t>(tensor.shape.back());
    }
    tensor.bytes = Bytes::Allocate(count * ElementBytes(spec.type));
    std::memset(tensor.bytes.data(), 0, tensor.bytes.size());
    if (spec.type == ElementType::kFloat32) {
      auto* numbers = reinterpret_cast<float*>(tensor.bytes.data());
      for (size_t i = 0; i < count; ++i) numbers[i] = static_cast<float>(i % 255) / 255;
    }
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

// The loop in its barest form: inputs and outputs are made before it begins and used again in every run.
struct BareRun {
  BareRun(const OnnxEngine& engine, const std::vector<Tensor>& tensors)
      : engine(engine), inputs(tensors.size()), outputs(engine.output_names().size()) {
    Calls ok;
    Check(ok.Make(&options, api().CreateRunOptions), ok);
    for (size_t i = 0; i < tensors.size(); ++i) {
      const Tensor& tensor = tensors[i];
      Check(ok(api().CreateTensorWithDataAsOrtValue(engine.environment().cpu, tensor.bytes.data(), tensor.bytes.size(), tensor.shape.data(),
                                                    tensor.shape.size(), static_cast<int>(tensor.type), &inputs[i])), ok);
    }
  }

  void operator()() {
    Calls ok;
    Check(ok(api().Run(engine.session(), options.get(), engine.input_names().data(), inputs.data(), inputs.size(), engine.output_names().data(),
                       outputs.size(), outputs.data())), ok);
  }

  const OnnxEngine& engine;
  RunOptionsHandle options;
  std::vector<OrtValue*> inputs;
  std::vector<OrtValue*> outputs;
};

struct SlotRun {
  SlotRun(OnnxEngine& engine, const std::vector<Tensor>& tensors) : slot(engine.NewSlot().value), tensors(tensors) {}

  void operator()() {
    RunRequest request;
    request.inputs = &tensors;
    std::vector<Tensor> outputs;
    const Status status = slot->Run(request, &outputs);
    if (!status.ok()) Stop(status.message);
  }

  std::unique_ptr<Slot> slot;
  const std::vector<Tensor>& tensors;
};

struct Count {
  uint64_t runs = 0;
  double seconds = 0;
};

// Each thread counts over its own time, so that a run cut by the end belongs to nobody.
template <typename Run>
Count Loop(OnnxEngine& engine, const Options& options, std::atomic<int>& ready) {
  const std::vector<Tensor> inputs = MakeInputs(engine.signature(), options.axis);
  Run run(engine, inputs);
  run();
  run();
  ready.fetch_add(1);
  while (ready.load() < options.threads) std::this_thread::yield();
  Count count;
  const auto start = Clock::now();
  do {
    run();
    ++count.runs;
    count.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  } while (count.seconds < options.seconds);
  return count;
}

}  // namespace

int main(int argument_count, char** arguments) {
  const Options options = Parse(argument_count, arguments);
  SetOnnxRuntimeLibrary(options.library);
  EngineSpec spec;
  spec.path = options.model;
  auto loaded = OnnxRuntimeBackend().Load(spec);
  if (!loaded.ok()) Stop(loaded.status.message);
  auto& engine = static_cast<OnnxEngine&>(*loaded.value);

  std::vector<Count> counts(static_cast<size_t>(options.threads));
  std::vector<std::thread> threads;
  std::atomic<int> ready{0};
  for (Count& count : counts) {
    threads.emplace_back([&] {
      count = options.through == "slot" ? Loop<SlotRun>(engine, options, ready) : Loop<BareRun>(engine, options, ready);
    });
  }
  uint64_t runs = 0;
  double per_second = 0;
  for (size_t i = 0; i < threads.size(); ++i) {
    threads[i].join();
    runs += counts[i].runs;
    per_second += static_cast<double>(counts[i].runs) / counts[i].seconds;
  }
  std::printf("{\"through\":\"%s\",\"threads\":%d,\"runs\":%llu,\"runsPerSecond\":%.3f}\n", options.through.c_str(), options.threads,
              static_cast<unsigned long long>(runs), per_second);
  std::fflush(stdout);
  std::_Exit(0);  // nothing of an engine runs at exit
}
