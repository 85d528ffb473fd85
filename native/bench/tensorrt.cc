// A TensorRT pool through the core: jobs submitted natively, a fixed number in flight, every answer compared with the one that the
// same inputs gave alone. Prints runs per second, the time from submit to completion, and the processor time it took.
//   bench_tensorrt PLAN SLOTS BATCH [SECONDS] [LIBRARY]     (device gpu:0; every dynamic axis of the inputs becomes BATCH)
#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include "core/registry.h"
#include "cuda/device.h"

using namespace pilotlight;

namespace {

constexpr int kDepthPerSlot = 2;
constexpr int kInputSets = 8;

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

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "bench_tensorrt: %s\n", why.c_str());
  std::_Exit(1);
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

// As a caller's inputs come: copied once, to where the pool likes them best.
std::vector<Tensor> Stage(const std::vector<Tensor>& tensors, PoolIndex pool) {
  std::vector<Tensor> staged;
  for (const Tensor& tensor : tensors) {
    Tensor one;
    one.type = tensor.type;
    one.shape = tensor.shape;
    one.bytes = Registry::Get().AllocateInput(pool, tensor.bytes.size());
    std::memcpy(one.bytes.data(), tensor.bytes.data(), tensor.bytes.size());
    staged.push_back(std::move(one));
  }
  return staged;
}

std::vector<Tensor> Copy(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> copies;
  for (const Tensor& tensor : tensors) {
    Tensor copy;
    copy.type = tensor.type;
    copy.shape = tensor.shape;
    copy.bytes = Bytes::Allocate(tensor.bytes.size());
    std::memcpy(copy.bytes.data(), tensor.bytes.data(), tensor.bytes.size());
    copies.push_back(std::move(copy));
  }
  return copies;
}

bool IsSame(const std::vector<Tensor>& some, const std::vector<Tensor>& others) {
  for (size_t i = 0; i < some.size(); ++i) {
    if (some[i].bytes.size() != others[i].bytes.size() || std::memcmp(some[i].bytes.data(), others[i].bytes.data(), some[i].bytes.size()) != 0) return false;
  }
  return some.size() == others.size();
}

int64_t FreeBytes() {
  const auto gpus = cuda::ListGpus();
  return gpus.ok() && !gpus.value.empty() ? gpus.value[0].free_bytes : 0;
}

struct Load {
  int64_t runs = 0, wrong = 0, failed = 0;
  std::vector<double> ms;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) Fail("PLAN SLOTS BATCH [SECONDS] [LIBRARY]");
  const double seconds = argc > 4 ? std::atof(argv[4]) : 2;
  if (argc > 5) SetTensorRtLibrary(argv[5]);
  Registry& registry = Registry::Get();
  registry.AddBackend("tensorrt", TensorRtBackend());
  const Capability capability = TensorRtBackend().Probe();
  std::printf("tensorrt %s from %s: %s\n", capability.version.c_str(), capability.library.c_str(), capability.available ? "available" : capability.reason.c_str());
  if (!capability.available) return 1;

  PoolOptions options;
  options.key = "bench";
  options.device = "gpu:0";
  options.backend = "tensorrt";
  options.path = argv[1];
  options.slots = std::atoi(argv[2]);
  options.queue_max = 1000;
  options.queue_timeout_ns = 60'000'000'000;
  const int64_t batch = std::atoll(argv[3]);
  const PoolIndex index = registry.Intern(options.key);
  const int64_t free_before = FreeBytes();

  std::promise<Result<LoadOutcome>> loading;
  registry.Load(options, [&](Result<LoadOutcome> outcome) { loading.set_value(std::move(outcome)); });
  const auto loaded = loading.get_future().get();
  if (!loaded.ok()) Fail(loaded.status.message);
  for (const LoadStep& step : loaded.value.steps) std::printf("%s %.1f ms\n", step.name.c_str(), (step.end_ns - step.start_ns) / 1e6);

  const auto finished = std::make_shared<Finished>();
  std::vector<std::vector<Tensor>> inputs, answers;
  bool copies = true;
  const auto submit = [&](int set, int slot) {
    auto job = std::make_shared<Job>();
    job->id = static_cast<uint64_t>(set);
    const std::vector<Tensor>& tensors = inputs[static_cast<size_t>(set)];
    job->inputs = copies ? Stage(tensors, index) : Borrow(tensors);
    job->slot = slot;
    job->completion = finished;
    const Status submitted = registry.Submit(index, std::move(job));
    if (!submitted.ok()) Fail(submitted.message);
  };
  for (int set = 0; set < kInputSets; ++set) inputs.push_back(InputsOf(loaded.value.signature, batch, set));
  for (int slot = 0; slot < options.slots; ++slot) {
    for (int run = 0; run < 3; ++run) {
      submit(0, slot);
      const auto job = finished->Await()[0];
      if (!job->status.ok()) Fail(job->status.message);
      if (slot < 2) std::printf("slot %d run %d: %.3f ms\n", slot, run, (job->ended_ns - job->started_ns) / 1e6);
    }
  }
  const EngineMemory memory = registry.Stats()[0].memory;
  const auto mib = [](int64_t bytes) { return static_cast<double>(bytes) / 1048576; };
  std::printf("memory: weights %.1f scratch %.1f staging %.1f graphs %.1f MiB, sum %.1f; the device's own delta %.1f MiB\n", mib(memory.weights_bytes),
              mib(memory.scratch_bytes), mib(memory.staging_bytes), mib(memory.graphs_bytes),
              mib(memory.weights_bytes + memory.scratch_bytes + memory.staging_bytes + memory.graphs_bytes), mib(free_before - FreeBytes()));
  if (!registry.Open(options.key).ok()) Fail("the pool does not open");
  for (int set = 0; set < kInputSets; ++set) {
    submit(set, -1);
    answers.push_back(Copy(finished->Await()[0]->outputs));
  }

  const auto play = [&](int depth) {
    Load load;
    const int64_t start = MonotonicNs();
    const std::clock_t spent = std::clock();
    const int64_t end = start + static_cast<int64_t>(seconds * 1e9);
    int next = 0, flying = 0;
    for (; flying < depth; ++flying) submit(next++ % kInputSets, -1);
    while (flying > 0) {
      for (const auto& job : finished->Await()) {
        --flying;
        ++load.runs;
        load.failed += job->status.ok() ? 0 : 1;
        load.ms.push_back((job->ended_ns - job->submitted_ns) / 1e6);
        if (MonotonicNs() < end) {
          submit(next++ % kInputSets, -1);
          ++flying;
        }
        if (load.runs % 8 == 0 && job->status.ok() && !IsSame(job->outputs, answers[job->id])) ++load.wrong;
      }
    }
    const double elapsed = (MonotonicNs() - start) / 1e9;
    const double cores = static_cast<double>(std::clock() - spent) / CLOCKS_PER_SEC / elapsed;
    std::sort(load.ms.begin(), load.ms.end());
    std::printf("slots %d batch %lld depth %d, inputs %s: %.0f runs/s p50 %.3f p99 %.3f ms wrong %lld failed %lld cores %.2f\n",
                options.slots, static_cast<long long>(batch), depth, copies ? "copied" : "in place",
                load.runs / elapsed, load.ms[load.ms.size() / 2], load.ms[load.ms.size() * 99 / 100], static_cast<long long>(load.wrong),
                static_cast<long long>(load.failed), cores);
  };
  for (const bool copied : {true, false}) {
    // The last round's are where the pool likes them, and stay there: what is left is the pool's own work.
    if (!copied) {
      for (auto& tensors : inputs) tensors = Stage(tensors, index);
    }
    copies = copied;
    play(options.slots);
    play(options.slots * kDepthPerSlot);
  }
  inputs.clear();

  if (registry.Retire(options.key) != Retired::kRetired) Fail("the pool is still held");
  std::promise<Status> unloading;
  registry.Unload(options.key, [&](Status status) { unloading.set_value(std::move(status)); });
  const Status unloaded = unloading.get_future().get();
  if (!unloaded.ok()) Fail(unloaded.message);
  std::printf("after unloading %.1f MiB more are taken than before\n", (free_before - FreeBytes()) / 1048576.0);
  std::fflush(stdout);
  std::_Exit(0);
}
