#include "builder/calibrator.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "builder/cancel.h"
#include "builder/lines.h"

namespace pilotlight::build {

Result<std::unique_ptr<Calibrator>> Calibrator::Make(const Options& options, const std::string& tensorrt_version, const cuda::Gpu& gpu) {
  using Made = Result<std::unique_ptr<Calibrator>>;
  auto samples = ReadSampleList(options.samples);
  if (!samples.ok()) return {samples.status, nullptr};
  if (samples.value.empty()) return Made::Error(Code::kBadInput, "a calibration for INT8 needs samples: real inputs, some hundred of them");
  const Sample& first = samples.value.front();
  for (const Sample& sample : samples.value) {
    const auto is_same = [](const SampleTensor& one, const SampleTensor& other) { return one.name == other.name && one.type == other.type && one.shape == other.shape; };
    if (std::equal(sample.begin(), sample.end(), first.begin(), first.end(), is_same)) continue;
    return Made::Error(Code::kBadInput, "the samples differ in names, types or shapes (" + sample.front().path + " and " + first.front().path + "): a calibration runs in one shape");
  }
  std::unique_ptr<Calibrator> calibrator(new Calibrator(options, tensorrt_version, gpu, std::move(samples.value)));
  const Status opened = calibrator->Open();
  if (!opened.ok()) return {opened, nullptr};
  return Made::Of(std::move(calibrator));
}

Status Calibrator::Open() {
  auto pool = cuda::MemoryPool::Make(gpu_);
  if (!pool.ok()) return pool.status;
  pool_ = std::move(pool.value);
  const Status made = cuda::Check(cuda::driver().StreamCreate(&stream_, cuda::kStreamNonBlocking), "cuStreamCreate");
  if (!made.ok()) return made;
  for (const SampleTensor& tensor : first()) {
    auto block = cuda::DeviceBlock::Allocate(*pool_, tensor.size());
    if (!block.ok()) return block.status;
    blocks_.push_back(std::move(block.value));
  }
  return Status::Ok();
}

Calibrator::~Calibrator() {
  gpu_.Enter();
  blocks_.clear();
  if (stream_ != nullptr) cuda::driver().StreamDestroy(stream_);
}

bool Calibrator::Batch(void* bindings[], const char* names[], int32_t count) noexcept {
  if (next_ >= samples_.size() || IsCancelled() || !status_.ok()) return false;
  try {
    status_ = Upload(samples_[next_], bindings, names, count);
    ++next_;
    Tell(Json().Text("event", "calibration").Integer("sample", static_cast<int64_t>(next_)).Integer("samples", static_cast<int64_t>(samples_.size())));
  } catch (const std::bad_alloc&) {
    status_ = Status::Error(Code::kNoMemory, "no memory for a calibration sample");
  }
  return status_.ok();
}

Status Calibrator::Upload(const Sample& sample, void* bindings[], const char* names[], int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    const auto found = std::find_if(sample.begin(), sample.end(), [&](const SampleTensor& tensor) { return tensor.name == names[i]; });
    if (found == sample.end()) return Status::Error(Code::kBadInput, "the samples have no input \"" + std::string(names[i]) + "\"");
    const cuda::DeviceBlock& block = blocks_[static_cast<size_t>(found - sample.begin())];
    std::vector<char> bytes(found->size());
    Status done = ReadTensorFile(*found, bytes.data());
    if (done.ok()) done = gpu_.Enter();
    if (done.ok()) done = cuda::Check(cuda::driver().MemcpyToDeviceAsync(block.address(), bytes.data(), bytes.size(), stream_), "cuMemcpyHtoDAsync");
    if (done.ok()) done = cuda::Check(cuda::driver().StreamSynchronize(stream_), "cuStreamSynchronize");
    if (!done.ok()) return done;
    bindings[i] = reinterpret_cast<void*>(block.address());
  }
  return Status::Ok();
}

const void* Calibrator::ReadCache(size_t& length) noexcept {
  length = 0;
  if (cache_path_.empty()) return nullptr;
  try {
    std::ifstream file(cache_path_, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    if (content.empty()) return nullptr;
    if (content.compare(0, key_line_.size(), key_line_) != 0) {
      TellEvent("warning", "calibration cache " + cache_path_ + ": is of another model, of other samples or of another TensorRT, and is made anew");
      return nullptr;
    }
    cache_ = content.substr(key_line_.size());
    TellEvent("calibration-cache", "the scales are taken from " + cache_path_);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  length = cache_.size();
  return cache_.data();
}

void Calibrator::WriteCache(const void* data, size_t length) noexcept {
  if (cache_path_.empty()) return;
  try {
    const std::string fresh = cache_path_ + "." + std::to_string(getpid()) + ".tmp";
    std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
    file << key_line_;
    file.write(static_cast<const char*>(data), static_cast<std::streamsize>(length));
    file.close();
    if (!file || std::rename(fresh.c_str(), cache_path_.c_str()) != 0) TellEvent("warning", "calibration cache " + cache_path_ + " cannot be written");
  } catch (const std::bad_alloc&) {
    TellEvent("warning", "calibration cache " + cache_path_ + " is not written: no memory");
  }
}

}  // namespace pilotlight::build
