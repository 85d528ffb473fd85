// A kernel that writes to address 0, in a process of its own: what each call of the driver returns after it, and what the jobs of a pool on
// that GPU are told. For a real GPU; on the double of NVIDIA's libraries the same can be rehearsed.
//   bench_sticky [PLAN] [TENSORRT] [CUDA]     (device gpu:0; without a plan: the driver alone)
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>
#include <vector>

#include "core/lost_devices.h"
#include "core/registry.h"
#include "cuda/device.h"

using namespace pilotlight;

namespace {

constexpr char kKernel[] =
  ".version 7.0\n.target sm_70\n.address_size 64\n"
  ".visible .entry fault()\n{\n.reg .b64 %address;\n.reg .b32 %value;\nmov.u64 %address, 0;\nmov.u32 %value, 1;\nst.global.u32 [%address], %value;\nret;\n}\n";

[[noreturn]] void Fail(const std::string& why) {
  std::printf("failed: %s\n", why.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

template <typename Function>
Function* Find(void* library, const char* name) {
  void* const found = dlsym(library, name);
  if (found == nullptr) Fail(std::string(name) + " is missing");
  return reinterpret_cast<Function*>(found);
}

void Must(cuda::Return returned, const char* what) {
  const Status done = cuda::Check(returned, what);
  if (!done.ok()) Fail(done.message);
}

void Tell(const char* what, cuda::Return returned) {
  const char* name = nullptr;
  cuda::driver().GetErrorName(returned, &name);
  std::printf("after the fault %-24s %d %s%s\n", what, returned, name != nullptr ? name : "?", cuda::IsLoss(returned) ? " (a loss)" : "");
}

void LaunchFault(cuda::Stream* stream) {
  void* const library = dlopen(cuda::LibraryPath().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) Fail(dlerror());
  void *loaded = nullptr, *kernel = nullptr;
  Must(Find<cuda::Return(void**, const void*)>(library, "cuModuleLoadData")(&loaded, kKernel), "cuModuleLoadData");
  Must(Find<cuda::Return(void**, void*, const char*)>(library, "cuModuleGetFunction")(&kernel, loaded, "fault"), "cuModuleGetFunction");
  using Launch = cuda::Return(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, cuda::Stream*, void**, void**);
  Must(Find<Launch>(library, "cuLaunchKernel")(kernel, 1, 1, 1, 1, 1, 1, 0, stream, nullptr, nullptr), "cuLaunchKernel");
}

class Ended final : public Completion {
 public:
  void Done(std::shared_ptr<Job> job) override { ended.set_value(std::move(job)); }
  std::promise<std::shared_ptr<Job>> ended;
};

std::vector<Tensor> LeastInputs(const Signature& signature) {
  std::vector<Tensor> inputs;
  for (const TensorSpec& spec : signature.inputs) {
    Tensor tensor;
    tensor.type = spec.type;
    size_t bytes = ElementBytes(spec.type);
    for (const int64_t axis : spec.shape) {
      tensor.shape.push_back(axis < 0 ? 1 : axis);
      bytes *= static_cast<size_t>(tensor.shape.back());
    }
    tensor.bytes = Bytes::Allocate(bytes);
    std::memset(tensor.bytes.data(), 0, bytes);
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

// A pool with one slot, loaded; runs it once with the smallest inputs and tells how that ended.
class OnePool {
 public:
  explicit OnePool(const std::string& plan) {
    Registry::Get().AddBackend("tensorrt", TensorRtBackend());
    options_.key = "sticky";
    options_.device = "gpu:0";
    options_.backend = "tensorrt";
    options_.path = plan;
    options_.slots = 1;
    options_.queue_max = 10;
    options_.queue_timeout_ns = 60'000'000'000;
    index_ = Registry::Get().Intern(options_.key);
    const auto loaded = Load();
    if (!loaded.ok()) Fail(loaded.status.message);
    signature_ = loaded.value.signature;
    Registry::Get().Open(options_.key);
  }

  void Run(const char* when) {
    const auto ended = std::make_shared<Ended>();
    auto job = std::make_shared<Job>();
    job->inputs = LeastInputs(signature_);
    job->completion = ended;
    const Status submitted = Registry::Get().Submit(index_, job);
    if (!submitted.ok()) Fail(submitted.message);
    const Status status = ended->ended.get_future().get()->status;
    std::printf("a job %s: code %d %s\n", when, static_cast<int>(status.code), status.message.c_str());
  }

 private:
  Result<LoadOutcome> Load() {
    std::promise<Result<LoadOutcome>> loading;
    Registry::Get().Load(options_, [&](Result<LoadOutcome> outcome) { loading.set_value(std::move(outcome)); });
    return loading.get_future().get();
  }

  PoolOptions options_;
  PoolIndex index_ = 0;
  Signature signature_;
};

void TellDriver(cuda::Gpu& gpu, cuda::MemPool* pool, cuda::DevicePtr memory, cuda::Stream* stream, cuda::Event* event) {
  const cuda::Driver& cuda = cuda::driver();
  Tell("cuStreamSynchronize", cuda.StreamSynchronize(stream));
  Tell("cuEventQuery", cuda.EventQuery(event));
  std::printf("after the fault %-24s %s\n", "cuCtxSetCurrent", gpu.Enter().ok() ? "0" : gpu.Enter().message.c_str());
  size_t free_bytes = 0, total_bytes = 0;
  Tell("cuMemGetInfo", cuda.MemGetInfo(&free_bytes, &total_bytes));
  int count = 0;
  Tell("cuDeviceGetCount", cuda.DeviceGetCount(&count));
  cuda::DevicePtr more = 0;
  Tell("cuMemAllocFromPoolAsync", cuda.MemAllocFromPoolAsync(&more, 4096, pool, stream));
  Tell("cuMemHostRegister", cuda.MemHostRegister(std::aligned_alloc(4096, 4096), 4096, cuda::kHostRegisterPortable));
  uint64_t used = 0;
  Tell("cuMemPoolGetAttribute", cuda.MemPoolGetAttribute(pool, cuda::kPoolUsedBytes, &used));
  Tell("cuEventRecord", cuda.EventRecord(event, stream));
  Tell("cuMemFreeAsync", cuda.MemFreeAsync(memory, stream));
  Tell("cuEventDestroy", cuda.EventDestroy(event));
  Tell("cuStreamDestroy", cuda.StreamDestroy(stream));
  cuda::Context* again = nullptr;
  Tell("cuDevicePrimaryCtxRetain", cuda.PrimaryContextRetain(&again, 0));
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (argc > 2) SetTensorRtLibrary(argv[2]);
  if (argc > 3) SetCudaLibrary(argv[3]);
  const auto gpu = cuda::Gpu::Find("gpu:0");
  if (!gpu.ok()) Fail(gpu.status.message);
  const Status entered = gpu.value->Enter();
  if (!entered.ok()) Fail(entered.message);
  std::unique_ptr<OnePool> plan;
  if (argc > 1) plan = std::make_unique<OnePool>(argv[1]);
  if (plan != nullptr) plan->Run("before");

  cuda::MemPool* pool = nullptr;
  cuda::MemPoolProps props;
  cuda::Stream* stream = nullptr;
  cuda::Event* event = nullptr;
  cuda::DevicePtr memory = 0;
  Must(cuda::driver().MemPoolCreate(&pool, &props), "cuMemPoolCreate");
  Must(cuda::driver().StreamCreate(&stream, cuda::kStreamNonBlocking), "cuStreamCreate");
  Must(cuda::driver().EventCreate(&event, cuda::kEventDisableTiming), "cuEventCreate");
  Must(cuda::driver().MemAllocFromPoolAsync(&memory, 4096, pool, stream), "cuMemAllocFromPoolAsync");
  LaunchFault(stream);
  // It may have faulted already.
  Tell("(or before) cuEventRecord", cuda::driver().EventRecord(event, stream));
  TellDriver(*gpu.value, pool, memory, stream, event);
  if (plan != nullptr) {
    plan->Run("after the fault");
    plan->Run("after that");
    for (const LostDevice& lost : LostDevices()) std::printf("lost: %s: %s\n", lost.device.c_str(), lost.reason.c_str());
  }
  std::_Exit(0);
}
