// A GPU of this machine: what it is, and its primary context, which every thread that works on it makes current first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cuda/driver.h"

namespace pilotlight::cuda {

struct GpuInfo {
  int index = 0;
  std::string name;
  std::string id;  // the same in every process and after every restart: "GPU-", or "MIG-" for a slice of one, and its UUID
  std::string compute_capability;  // "9.0"
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;  // now
};

class Gpu {
 public:
  // `device` is "gpu:0". The context stays for the life of the process. Any thread.
  static Result<Gpu*> Find(const std::string& device);

  int index() const { return index_; }
  Context* context() const { return context_; }
  // Makes this GPU the calling thread's.
  Status Enter() const;
  // What a failure was that came without a code of the driver: kDeviceLost where it was one. The calling thread has entered the GPU.
  Status Explain(Status failure) const;
  // Now; 0: cannot be told. The calling thread has entered it.
  int64_t FreeBytes() const;

 private:
  Gpu(int index, Context* context) : index_(index), context_(context) {}

  const int index_;
  Context* const context_;
};

// In the driver's order, which CUDA_VISIBLE_DEVICES chooses. Empty where there are none; not ok where that cannot be told.
Result<std::vector<GpuInfo>> ListGpus();

}  // namespace pilotlight::cuda
