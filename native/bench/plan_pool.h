// What the benches of GPU pools share: a pool through the registry, inputs that are the same each time, jobs and their end.
#pragma once

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/registry.h"
#include "cuda/device.h"

namespace pilotlight {

[[noreturn]] inline void Fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
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

// How large dynamic axes become: the first of each input, the second, and so on; the last one for all that follow. "1,128" is one row of 128.
using Sizes = std::vector<int64_t>;

inline Sizes ReadSizes(const char* text) {
  Sizes sizes;
  for (const char* at = text; at != nullptr; at = std::strchr(at, ',')) sizes.push_back(std::atoll(*at == ',' ? ++at : at));
  return sizes;
}

// Floats that differ by element and set; ones in all other types.
inline std::vector<Tensor> InputsOf(const Signature& signature, const Sizes& sizes, int set) {
  std::vector<Tensor> inputs;
  for (const TensorSpec& spec : signature.inputs) {
    Tensor tensor;
    tensor.type = spec.type;
    size_t count = 1, dynamic = 0;
    for (const int64_t axis : spec.shape) {
      tensor.shape.push_back(axis < 0 ? sizes[std::min(dynamic++, sizes.size() - 1)] : axis);
      count *= static_cast<size_t>(tensor.shape.back());
    }
    tensor.bytes = Bytes::Allocate(count * ElementBytes(spec.type));
    std::memset(tensor.bytes.data(), 0, tensor.bytes.size());
    for (size_t i = 0; i < count; ++i) {
      if (spec.type == ElementType::kFloat32) reinterpret_cast<float*>(tensor.bytes.data())[i] = std::sin(0.37f * static_cast<float>(i) + static_cast<float>(set));
      if (spec.type == ElementType::kInt64) reinterpret_cast<int64_t*>(tensor.bytes.data())[i] = 1 + set;
      if (spec.type == ElementType::kInt32) reinterpret_cast<int32_t*>(tensor.bytes.data())[i] = 1 + set;
    }
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

// The same bytes, which stay where they are: only what the pool does is measured.
inline std::vector<Tensor> Borrow(const std::vector<Tensor>& tensors) {
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
inline std::vector<Tensor> Stage(const std::vector<Tensor>& tensors, PoolIndex pool) {
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

inline std::vector<Tensor> Copy(const std::vector<Tensor>& tensors) {
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

inline bool IsSame(const std::vector<Tensor>& some, const std::vector<Tensor>& others) {
  for (size_t i = 0; i < some.size(); ++i) {
    if (some[i].bytes.size() != others[i].bytes.size() || std::memcmp(some[i].bytes.data(), others[i].bytes.data(), some[i].bytes.size()) != 0) return false;
  }
  return some.size() == others.size();
}

inline int64_t FreeBytes() {
  const auto gpus = cuda::ListGpus();
  return gpus.ok() && !gpus.value.empty() ? gpus.value[0].free_bytes : 0;
}

// Pools of one TensorRT plan on gpu:0.
class PlanPool {
 public:
  PlanPool(const std::string& key, const std::string& plan, int slots) {
    options_.key = key;
    options_.device = "gpu:0";
    options_.backend = "tensorrt";
    options_.path = plan;
    options_.slots = slots;
    options_.queue_max = 10000;
    options_.queue_timeout_ns = 60'000'000'000;
    index_ = Registry::Get().Intern(key);
  }

  void Load() {
    std::promise<Result<LoadOutcome>> loading;
    Registry::Get().Load(options_, [&](Result<LoadOutcome> outcome) { loading.set_value(std::move(outcome)); });
    outcome_ = loading.get_future().get();
    if (!outcome_.ok()) Fail(outcome_.status.message);
  }

  void Unload() {
    if (is_open_ && Registry::Get().Retire(options_.key) != Retired::kRetired) Fail("the pool is still held");
    is_open_ = false;
    std::promise<Status> unloading;
    Registry::Get().Unload(options_.key, [&](Status status) { unloading.set_value(std::move(status)); });
    const Status unloaded = unloading.get_future().get();
    if (!unloaded.ok()) Fail(unloaded.message);
  }

  void Open() {
    if (!Registry::Get().Open(options_.key).ok()) Fail("the pool does not open");
    is_open_ = true;
  }

  void Submit(uint64_t id, std::vector<Tensor> inputs, int slot = -1) {
    auto job = std::make_shared<Job>();
    job->id = id;
    job->inputs = std::move(inputs);
    job->slot = slot;
    job->completion = finished_;
    const Status submitted = Registry::Get().Submit(index_, std::move(job));
    if (!submitted.ok()) Fail(submitted.message);
  }

  std::vector<std::shared_ptr<Job>> Await() { return finished_->Await(); }
  std::shared_ptr<Job> AwaitOne() {
    auto job = Await()[0];
    if (!job->status.ok()) Fail(job->status.message);
    return job;
  }

  // Three runs of these inputs on each slot.
  void Warm(const std::vector<Tensor>& inputs) {
    for (int slot = 0; slot < options_.slots; ++slot) {
      for (int run = 0; run < 3; ++run) {
        Submit(0, Borrow(inputs), slot);
        AwaitOne();
      }
    }
  }

  const LoadOutcome& outcome() const { return outcome_.value; }
  EngineMemory memory() const { return Registry::Get().StatsOf(index_).memory; }
  PoolIndex index() const { return index_; }
  int slots() const { return options_.slots; }

 private:
  PoolOptions options_;
  PoolIndex index_ = 0;
  Result<LoadOutcome> outcome_;
  bool is_open_ = false;
  const std::shared_ptr<Finished> finished_ = std::make_shared<Finished>();
};

inline int64_t SumOf(const EngineMemory& memory) { return memory.weights_bytes + memory.scratch_bytes + memory.staging_bytes + memory.graphs_bytes; }
inline double Mib(int64_t bytes) { return static_cast<double>(bytes) / 1048576; }

// Says what there is, or why there is none; false: none.
inline bool FindTensorRt(const char* library) {
  if (library != nullptr) SetTensorRtLibrary(library);
  Registry::Get().AddBackend("tensorrt", TensorRtBackend());
  const Capability capability = TensorRtBackend().Probe();
  std::printf("tensorrt %s from %s: %s\n", capability.version.c_str(), capability.library.c_str(), capability.available ? "available" : capability.reason.c_str());
  return capability.available;
}

}  // namespace pilotlight
