#include "tensorrt/plan_file.h"

#include <algorithm>
#include <utility>

#include "cuda/driver.h"
#include "tensorrt/library.h"

namespace pilotlight::trt {
namespace {

struct Closing {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closing>;

class Reader final : public StreamReader {
 public:
  explicit Reader(File file) : file_(std::move(file)) {}
  int64_t Read(void* to, int64_t bytes) override { return static_cast<int64_t>(std::fread(to, 1, static_cast<size_t>(bytes), file_.get())); }

 private:
  const File file_;
};

class ReaderV2 final : public StreamReaderV2 {
 public:
  explicit ReaderV2(File file) : file_(std::move(file)) {}

  int64_t Read(void* to, int64_t bytes, void* stream) noexcept override {
    if (!IsOnDevice(to)) return static_cast<int64_t>(std::fread(to, 1, static_cast<size_t>(bytes), file_.get()));
    int64_t done = 0;
    auto* const on = static_cast<cuda::Stream*>(stream);
    while (done < bytes) {
      const size_t read = std::fread(block_, 1, static_cast<size_t>(std::min<int64_t>(bytes - done, sizeof block_)), file_.get());
      if (read == 0) break;
      const cuda::DevicePtr address = reinterpret_cast<cuda::DevicePtr>(to) + static_cast<cuda::DevicePtr>(done);
      if (cuda::driver().MemcpyToDeviceAsync(address, block_, read, on) != cuda::kSuccess) return -1;
      // The block is read into again.
      if (cuda::driver().StreamSynchronize(on) != cuda::kSuccess) return -1;
      done += static_cast<int64_t>(read);
    }
    return done;
  }

  bool Seek(int64_t offset, int32_t from) noexcept override {
    constexpr int kFrom[] = {SEEK_SET, SEEK_CUR, SEEK_END};
    return from >= 0 && from <= 2 && std::fseek(file_.get(), offset, kFrom[from]) == 0;
  }

 private:
  // Memory that the driver does not know is the host's.
  static bool IsOnDevice(const void* memory) {
    int kind = 0;
    const auto address = reinterpret_cast<cuda::DevicePtr>(memory);
    return cuda::driver().PointerGetAttribute(&kind, cuda::kPointerMemoryType, address) == cuda::kSuccess && kind == cuda::kMemoryDevice;
  }

  const File file_;
  char block_[1 << 20];
};

}  // namespace

Result<void*> DeserializeFile(void* runtime, const std::string& path) {
  File file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) return Result<void*>::Error(Code::kBadModel, path + ": cannot be read");
  const int slot = library().slots.runtime.deserialize_stream;
  if (MajorOf(library().number) >= 11) {
    const auto reader = std::make_unique<ReaderV2>(std::move(file));
    return Result<void*>::Of(CallSlot<void*, StreamReaderV2*>(runtime, slot, reader.get()));
  }
  Reader reader(std::move(file));
  return Result<void*>::Of(CallSlot<void*, StreamReader*>(runtime, slot, &reader));
}

}  // namespace pilotlight::trt
