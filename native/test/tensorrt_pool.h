// What the tests of TensorRT on the double share: the double itself, plans, and a pool of one.
#pragma once

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "core/backend.h"
#include "double.h"
#include "fake_pool.h"

namespace pilotlight {

// Opens the double's driver, and the TensorRT of the major that the environment names.
inline const doubles::Double& TheDouble() {
  static const doubles::Double& opened = *[] {
    auto* const made = new doubles::Double(PILOTLIGHT_DOUBLE_FOLDER);
    const char* const major = std::getenv("PILOTLIGHT_TENSORRT_MAJOR");
    SetCudaLibrary(made->folder());
    SetTensorRtLibrary(made->folder() + "/libnvinfer.so." + (major != nullptr ? major : "10"));
    Registry::Get().AddBackend("tensorrt", TensorRtBackend());
    return made;
  }();
  return opened;
}

// The header that TensorRT of that version writes.
inline std::string PlanHeader(int major, int minor = 0, int patch = 0, int build = 0) {
  std::string header("ftrt\0\0\0\0\2\0\0\0\0\0\0\0\x94\x82\x28\3\0\0\0\0\0\0\0\0", 28);
  header[24] = static_cast<char>(major);
  header[25] = static_cast<char>(minor);
  header[26] = static_cast<char>(patch);
  header[27] = static_cast<char>(build);
  return header;
}

inline std::string OwnHeader() {
  TheDouble();
  const std::string version = TensorRtBackend().Probe().version;
  return version.substr(0, 2) == "10" ? PlanHeader(10, 6, 0, 26) : PlanHeader(11, 1, 0, 106);
}

// y = 2 x + 1 in rows of 4, 1 to 8 of them.
constexpr char kRowsPlan[] = "weights 1000000\nscratch 65536\npersistent 4096\ninput x float32 -1x4\nprofile 0 x 1x4 4x4 8x4\noutput y float32 -1x4 affine x 2 1\n";

inline std::string PlanText(const std::string& text) { return OwnHeader() + "pilotlight-double-plan 1\ncompute 9.0\n" + text; }

class TensorRtPool {
 public:
  explicit TensorRtPool(const std::string& text, int slots = 1) : file_(PlanText(text)) {
    static std::atomic<int> number{0};
    options.key = "plan-" + std::to_string(++number);
    options.backend = "tensorrt";
    options.device = "gpu:0";
    options.path = file_.path();
    options.slots = slots;
    options.queue_max = 10000;
    options.queue_timeout_ns = 60000 * kMillisecondNs;
    index = Registry::Get().Intern(options.key);
  }

  ~TensorRtPool() {
    if (is_loaded_) Unload();
  }

  Result<LoadOutcome> Load() {
    std::promise<Result<LoadOutcome>> loaded;
    Registry::Get().Load(options, [&](Result<LoadOutcome> outcome) { loaded.set_value(std::move(outcome)); });
    auto outcome = loaded.get_future().get();
    is_loaded_ = outcome.ok();
    return outcome;
  }

  TensorRtPool& LoadAndOpen() {
    const auto loaded = Load();
    CHECK_EQUAL(loaded.status.message, "");
    CHECK(Registry::Get().Open(options.key).ok());
    return *this;
  }

  Status Unload() {
    while (Registry::Get().Retire(options.key) == Retired::kBusy) std::this_thread::yield();
    std::promise<Status> unloaded;
    Registry::Get().Unload(options.key, [&](Status status) { unloaded.set_value(std::move(status)); });
    is_loaded_ = false;
    return unloaded.get_future().get();
  }

  std::shared_ptr<Job> Submit(std::vector<Tensor> inputs, int slot = -1) {
    auto job = std::make_shared<Job>();
    job->inputs = std::move(inputs);
    job->slot = slot;
    job->completion = finished;
    const Status submitted = Registry::Get().Submit(index, job);
    CHECK_EQUAL(submitted.message, "");
    ++submitted_;
    return job;
  }

  // Waits for all that was submitted.
  void Await() { finished->Await(submitted_); }

  std::shared_ptr<Job> Run(std::vector<Tensor> inputs, int slot = -1) {
    auto job = Submit(std::move(inputs), slot);
    Await();
    return job;
  }

  PoolOptions options;
  PoolIndex index;
  std::shared_ptr<Finished> finished = std::make_shared<Finished>();

 private:
  ModelFile file_;
  size_t submitted_ = 0;
  bool is_loaded_ = false;
};

template <typename T>
Tensor TensorOf(ElementType type, std::vector<int64_t> shape, const std::vector<T>& values) {
  Tensor tensor;
  tensor.type = type;
  tensor.shape = std::move(shape);
  tensor.bytes = Bytes::Allocate(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), values.size() * sizeof(T));
  return tensor;
}

template <typename T>
std::vector<T> ValuesOf(const Tensor& tensor) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

// The first of so many outputs that are all alike; not a number where they are not.
inline float AllEqualTo(const Tensor& tensor, size_t count) {
  const auto values = ValuesOf<float>(tensor);
  if (values.size() != count) return NAN;
  for (const float value : values) {
    if (value != values[0]) return NAN;
  }
  return values[0];
}

}  // namespace pilotlight
