// ONNX Runtime's CUDA provider through our pools: what a load and first runs take, runs per second for numbers of slots and batches,
// what the ledger counts against what the GPU misses, whether answers are those of the CPU provider, and whether loads leave anything.
//   bench_onnxruntime_gpu MODEL SLOTS BATCHES SECONDS LIBRARY [CUDA_LIBRARIES]
// For example: model.onnx 1,4,8 1,8 2 site-packages/onnxruntime/capi site-packages/nvidia
// Device gpu:0; every dynamic axis of the inputs becomes the batch.
#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/registry.h"
#include "cuda/device.h"

using namespace pilotlight;

namespace {

constexpr int kInputSets = 4;
constexpr int kFirstRuns = 4;
constexpr int kCycles = 50;
constexpr double kMiB = 1048576.0;

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "bench_onnxruntime_gpu: %s\n", why.c_str());
  std::_Exit(1);
}

class Finished final : public Completion {
 public:
  void Done(std::shared_ptr<Job> job) override {
    std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push_back(std::move(job));
    ended_.notify_one();
  }
  std::vector<std::shared_ptr<Job>> Await() {
    std::unique_lock<std::mutex> lock(mutex_);
    ended_.wait(lock, [&] { return !jobs_.empty(); });
    return std::exchange(jobs_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  std::vector<std::shared_ptr<Job>> jobs_;
};

std::vector<int> ListOf(const std::string& text) {
  std::vector<int> numbers;
  for (size_t at = 0; at < text.size(); at = text.find(',', at) == std::string::npos ? text.size() : text.find(',', at) + 1) {
    numbers.push_back(std::atoi(text.c_str() + at));
  }
  return numbers;
}

std::vector<Tensor> InputsOf(const Signature& signature, int64_t batch, int set) {
  std::vector<Tensor> inputs;
  for (const TensorSpec& spec : signature.inputs) {
    Tensor tensor;
    tensor.type = spec.type;
    size_t count = 1;
    for (const int64_t axis : spec.shape) {
      tensor.shape.push_back(axis < 0 ? batch : axis);
      count *= static_cast<size_t>(tensor.shape.back());
    }
    tensor.bytes = Bytes::Allocate(count * ElementBytes(spec.type));
    std::memset(tensor.bytes.data(), 0, tensor.bytes.size());
    if (spec.type == ElementType::kFloat32) {
      for (size_t i = 0; i < count; ++i) reinterpret_cast<float*>(tensor.bytes.data())[i] = std::sin(0.37f * static_cast<float>(i) + static_cast<float>(set));
    }
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

// As a JavaScript thread does it: a copy where the pool's engine likes it.
std::vector<Tensor> CopyFor(PoolIndex pool, const std::vector<Tensor>& tensors) {
  std::vector<Tensor> copies;
  for (const Tensor& tensor : tensors) {
    Tensor copy;
    copy.type = tensor.type;
    copy.shape = tensor.shape;
    copy.bytes = Registry::Get().AllocateInput(pool, tensor.bytes.size());
    std::memcpy(copy.bytes.data(), tensor.bytes.data(), tensor.bytes.size());
    copies.push_back(std::move(copy));
  }
  return copies;
}

// The same bytes, which stay where they are: only what the pool does is measured.
std::vector<Tensor> Borrow(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> borrowed;
  for (const Tensor& tensor : tensors) {
    Tensor one;
    one.type = tensor.type;
    one.shape = tensor.shape;
    one.bytes = Bytes(tensor.bytes.data(), tensor.bytes.size(), [](void*, void*) {});
    borrowed.push_back(std::move(one));
  }
  return borrowed;
}

int64_t TakenBytes() {
  const auto gpus = cuda::ListGpus();
  return gpus.ok() && !gpus.value.empty() ? gpus.value[0].total_bytes - gpus.value[0].free_bytes : 0;
}

int64_t Sum(const EngineMemory& memory) { return memory.weights_bytes + memory.scratch_bytes + memory.staging_bytes + memory.graphs_bytes; }

class LoadedPool {
 public:
  LoadedPool(const std::string& model, const std::string& device, int slots) {
    static int number = 0;
    options_.key = "bench-" + std::to_string(++number);
    options_.device = device;
    options_.backend = "onnxruntime";
    options_.path = model;
    options_.slots = slots;
    options_.queue_max = 1000;
    options_.queue_timeout_ns = 60'000'000'000;
    index_ = Registry::Get().Intern(options_.key);
    std::promise<Result<LoadOutcome>> loading;
    Registry::Get().Load(options_, [&](Result<LoadOutcome> outcome) { loading.set_value(std::move(outcome)); });
    auto loaded = loading.get_future().get();
    if (!loaded.ok()) Fail(loaded.status.message);
    outcome_ = std::move(loaded.value);
    if (!Registry::Get().Open(options_.key).ok()) Fail("the pool does not open");
  }

  ~LoadedPool() {
    if (Registry::Get().Retire(options_.key) != Retired::kRetired) Fail("the pool is still held");
    std::promise<Status> unloading;
    Registry::Get().Unload(options_.key, [&](Status status) { unloading.set_value(std::move(status)); });
    const Status unloaded = unloading.get_future().get();
    if (!unloaded.ok()) Fail(unloaded.message);
  }

  void Submit(const std::vector<Tensor>& inputs, uint64_t id, int slot) {
    auto job = std::make_shared<Job>();
    job->id = id;
    job->inputs = copies_ ? CopyFor(index_, inputs) : Borrow(inputs);
    job->slot = slot;
    job->completion = finished_;
    const Status submitted = Registry::Get().Submit(index_, std::move(job));
    if (!submitted.ok()) Fail(submitted.message);
  }

  std::shared_ptr<Job> RunOne(const std::vector<Tensor>& inputs, int slot) {
    Submit(inputs, 0, slot);
    auto job = finished_->Await()[0];
    if (!job->status.ok()) Fail(job->status.message);
    return job;
  }

  // From now on inputs are copied for each run, as a host does.
  void CopyInputs() { copies_ = true; }

  const LoadOutcome& outcome() const { return outcome_; }
  int slots() const { return options_.slots; }
  EngineMemory memory() const { return Registry::Get().StatsOf(index_).memory; }
  Finished& finished() { return *finished_; }

 private:
  PoolOptions options_;
  PoolIndex index_;
  LoadOutcome outcome_;
  bool copies_ = false;
  std::shared_ptr<Finished> finished_ = std::make_shared<Finished>();
};

double RunMs(const Job& job) { return (job.ended_ns - job.started_ns) / 1e6; }

// As the host warms: each slot by itself, then all at once.
void Warm(LoadedPool& pool, const std::vector<Tensor>& inputs) {
  for (int slot = 0; slot < pool.slots(); ++slot) {
    for (int run = 0; run < 2; ++run) pool.RunOne(inputs, slot);
  }
  for (int round = 0; round < 2; ++round) {
    for (int slot = 0; slot < pool.slots(); ++slot) pool.Submit(inputs, 0, slot);
    for (size_t ended = 0; ended < static_cast<size_t>(pool.slots()); ended += pool.finished().Await().size()) {}
  }
}

void PrintFirstRuns(const std::string& model, int batch) {
  LoadedPool pool(model, "gpu:0", 1);
  for (const LoadStep& step : pool.outcome().steps) std::printf("load: %s %.1f ms\n", step.name.c_str(), (step.end_ns - step.start_ns) / 1e6);
  const auto inputs = InputsOf(pool.outcome().signature, batch, 0);
  std::printf("first runs in the process, batch %d:", batch);
  for (int run = 0; run < kFirstRuns; ++run) std::printf(" %.2f", RunMs(*pool.RunOne(inputs, 0)));
  std::printf(" ms\n");
}

// Without warming, in a process that has run the model before: what a new pool pays still.
void PrintColdPool(const std::string& model, int batch) {
  LoadedPool pool(model, "gpu:0", 2);
  const auto inputs = InputsOf(pool.outcome().signature, batch, 0);
  for (int slot = 0; slot < 2; ++slot) {
    std::printf("first runs of a new pool, slot %d, batch %d:", slot, batch);
    for (int run = 0; run < kFirstRuns; ++run) std::printf(" %.2f", RunMs(*pool.RunOne(inputs, slot)));
    std::printf(" ms\n");
  }
  pool.Submit(inputs, 0, 0);
  pool.Submit(inputs, 1, 1);
  for (size_t ended = 0; ended < 2;) {
    for (const auto& job : pool.finished().Await()) {
      std::printf("  first two at once: %.2f ms\n", RunMs(*job));
      ++ended;
    }
  }
}

struct Played {
  double runs_per_second = 0, p50_ms = 0, p99_ms = 0, cores = 0;
  int64_t failed = 0;
};

Played Play(LoadedPool& pool, const std::vector<std::vector<Tensor>>& inputs, double seconds) {
  std::vector<double> ms;
  Played played;
  const int64_t start = MonotonicNs();
  const std::clock_t spent = std::clock();
  const int64_t end = start + static_cast<int64_t>(seconds * 1e9);
  size_t next = 0;
  int flying = 0;
  const auto submit = [&] { pool.Submit(inputs[next++ % inputs.size()], 0, -1); };
  for (; flying < pool.slots(); ++flying) submit();
  while (flying > 0) {
    for (const auto& job : pool.finished().Await()) {
      --flying;
      played.failed += job->status.ok() ? 0 : 1;
      ms.push_back((job->ended_ns - job->submitted_ns) / 1e6);
      if (MonotonicNs() >= end) continue;
      submit();
      ++flying;
    }
  }
  const double elapsed = (MonotonicNs() - start) / 1e9;
  std::sort(ms.begin(), ms.end());
  played.runs_per_second = static_cast<double>(ms.size()) / elapsed;
  played.p50_ms = ms[ms.size() / 2];
  played.p99_ms = ms[ms.size() * 99 / 100];
  played.cores = static_cast<double>(std::clock() - spent) / CLOCKS_PER_SEC / elapsed;
  return played;
}

void PrintThroughput(const std::string& model, int slots, int batch, double seconds) {
  const int64_t taken_before = TakenBytes();
  {
    LoadedPool pool(model, "gpu:0", slots);
    std::vector<std::vector<Tensor>> inputs;
    for (int set = 0; set < kInputSets; ++set) inputs.push_back(InputsOf(pool.outcome().signature, batch, set));
    Warm(pool, inputs[0]);
    const int64_t counted = Sum(pool.memory()), taken = TakenBytes() - taken_before;
    const Played played = Play(pool, inputs, seconds);
    pool.CopyInputs();
    const Played copied = Play(pool, inputs, seconds);
    std::printf("slots %d batch %d: %.0f runs/s p50 %.3f p99 %.3f ms cores %.2f failed %lld; with inputs copied to pinned memory %.0f runs/s p50 %.3f\n", slots, batch,
                played.runs_per_second, played.p50_ms, played.p99_ms, played.cores, static_cast<long long>(played.failed + copied.failed), copied.runs_per_second,
                copied.p50_ms);
    std::printf("  counted %.1f MiB (weights %.1f), the GPU misses %.1f; after traffic %.1f, %.1f\n", counted / kMiB, pool.memory().weights_bytes / kMiB, taken / kMiB,
                Sum(pool.memory()) / kMiB, (TakenBytes() - taken_before) / kMiB);
  }
  std::printf("  after unloading the GPU misses %.1f MiB\n", (TakenBytes() - taken_before) / kMiB);
}

void PrintDifference(const std::string& model, int batch) {
  LoadedPool on_gpu(model, "gpu:0", 1), on_cpu(model, "cpu", 1);
  for (int set = 0; set < kInputSets; ++set) {
    const auto inputs = InputsOf(on_gpu.outcome().signature, batch, set);
    const auto some = on_gpu.RunOne(inputs, 0), others = on_cpu.RunOne(inputs, 0);
    for (size_t at = 0; at < some->outputs.size(); ++at) {
      if (some->outputs[at].type != ElementType::kFloat32) continue;
      const auto* x = reinterpret_cast<const float*>(some->outputs[at].bytes.data());
      const auto* y = reinterpret_cast<const float*>(others->outputs[at].bytes.data());
      double largest = 0, magnitude = 0, product = 0, x_square = 0, y_square = 0;
      for (size_t i = 0; i < some->outputs[at].bytes.size() / sizeof(float); ++i) {
        largest = std::max(largest, std::fabs(static_cast<double>(x[i]) - y[i]));
        magnitude = std::max(magnitude, std::fabs(static_cast<double>(y[i])));
        product += static_cast<double>(x[i]) * y[i];
        x_square += static_cast<double>(x[i]) * x[i];
        y_square += static_cast<double>(y[i]) * y[i];
      }
      std::printf("GPU against CPU provider, inputs %d, %s: largest difference %.6f of %.4f, cosine %.7f\n", set, on_gpu.outcome().signature.outputs[at].name.c_str(), largest,
                  magnitude, product / std::sqrt(std::max(x_square * y_square, 1e-30)));
    }
  }
}

void PrintCycles(const std::string& model, int batch) {
  int64_t first = 0;
  for (int cycle = 0; cycle <= kCycles; ++cycle) {
    {
      LoadedPool pool(model, "gpu:0", 2);
      Warm(pool, InputsOf(pool.outcome().signature, batch, 0));
    }
    if (cycle == 0) first = TakenBytes();
  }
  std::printf("%d loads and unloads: the GPU misses %.1f MiB more, %.1f KiB a cycle\n", kCycles, (TakenBytes() - first) / kMiB, (TakenBytes() - first) / 1024.0 / kCycles);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) Fail("MODEL SLOTS BATCHES SECONDS LIBRARY [CUDA_LIBRARIES]");
  const std::string model = argv[1];
  const std::vector<int> slots = ListOf(argv[2]), batches = ListOf(argv[3]);
  const double seconds = std::atof(argv[4]);
  SetOnnxRuntimeLibrary(argv[5]);
  if (argc > 6) SetCudaLibraries({argv[6]});
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const int64_t start = MonotonicNs();
  const Capability capability = OnnxRuntimeBackend().Probe();
  std::printf("ONNX Runtime %s from %s: %s; opened in %.1f ms\n", capability.version.c_str(), capability.library.c_str(),
              capability.on_gpu ? "with its CUDA provider" : (capability.reason + capability.gpu_reason).c_str(), (MonotonicNs() - start) / 1e6);
  if (!capability.on_gpu) return 1;
  Registry::Get().AddBackend("onnxruntime", OnnxRuntimeBackend());

  // The first pool takes the context's share too.
  PrintFirstRuns(model, batches[0]);
  for (const int batch : batches) PrintColdPool(model, batch);
  for (const int batch : batches) {
    for (const int count : slots) PrintThroughput(model, count, batch, seconds);
  }
  PrintDifference(model, batches.back());
  PrintCycles(model, batches[0]);
  std::_Exit(0);
}
