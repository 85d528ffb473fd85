// Shows TensorRT 10 real inputs, so that it can choose the scales of INT8, and keeps the scales that it found.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "builder/abi.h"
#include "builder/options.h"
#include "builder/sample_list.h"
#include "cuda/memory.h"

namespace pilotlight::build {

class Calibrator final : public EntropyCalibrator {
 public:
  // All samples have the shapes of the first: a calibration runs in one shape.
  static Result<std::unique_ptr<Calibrator>> Make(const Options& options, const std::string& tensorrt_version, const cuda::Gpu& gpu);
  ~Calibrator() override;

  const Sample& first() const { return samples_.front(); }
  // What went wrong while TensorRT asked for batches.
  const Status& status() const { return status_; }

  int32_t BatchSize() const noexcept override { return 1; }
  bool Batch(void* bindings[], const char* names[], int32_t count) noexcept override;
  const void* ReadCache(size_t& length) noexcept override;
  void WriteCache(const void* data, size_t length) noexcept override;

 private:
  Calibrator(const Options& options, const std::string& tensorrt_version, const cuda::Gpu& gpu, std::vector<Sample> samples)
      : gpu_(gpu), samples_(std::move(samples)), cache_path_(options.calibration_cache),
        key_line_("pilotlight calibration: TensorRT " + tensorrt_version + ", " + options.calibration_key + "\n") {}
  Status Open();
  Status Upload(const Sample& sample, void* bindings[], const char* names[], int32_t count);

  const cuda::Gpu& gpu_;
  std::vector<Sample> samples_;
  const std::string cache_path_, key_line_;
  std::unique_ptr<cuda::MemoryPool> pool_;
  cuda::Stream* stream_ = nullptr;
  std::vector<cuda::DeviceBlock> blocks_;  // one for each input of the samples
  size_t next_ = 0;
  std::string cache_;
  Status status_;
};

}  // namespace pilotlight::build
