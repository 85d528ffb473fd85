#include "cuda/memory.h"

#include <string>

namespace pilotlight::cuda {

Result<std::unique_ptr<MemoryPool>> MemoryPool::Make(const Gpu& gpu) {
  MemPoolProps props;
  props.location.id = gpu.index();
  MemPool* pool = nullptr;
  Stream* stream = nullptr;
  Status done = Check(driver().MemPoolCreate(&pool, &props), "cuMemPoolCreate");
  if (!done.ok()) return {done, nullptr};
  // Kept while the engine lives: giving a block back to the driver would wait for the whole device.
  uint64_t keep_all = ~uint64_t{0};
  done = Check(driver().MemPoolSetAttribute(pool, kPoolReleaseThreshold, &keep_all), "cuMemPoolSetAttribute");
  if (done.ok()) done = Check(driver().StreamCreate(&stream, kStreamNonBlocking), "cuStreamCreate");
  if (done.ok()) return Result<std::unique_ptr<MemoryPool>>::Of(std::unique_ptr<MemoryPool>(new MemoryPool(pool, stream)));
  driver().MemPoolDestroy(pool);
  return {done, nullptr};
}

MemoryPool::~MemoryPool() {
  driver().StreamSynchronize(stream_);
  driver().StreamDestroy(stream_);
  driver().MemPoolDestroy(pool_);
}

DevicePtr MemoryPool::Allocate(size_t bytes, Stream* stream) {
  DevicePtr address = 0;
  Stream* const on = stream != nullptr ? stream : stream_;
  if (driver().MemAllocFromPoolAsync(&address, bytes, pool_, on) != kSuccess) return 0;
  if (stream != nullptr || driver().StreamSynchronize(stream_) == kSuccess) return address;
  Free(address, stream_);
  return 0;
}

void MemoryPool::Free(DevicePtr memory, Stream* stream) { driver().MemFreeAsync(memory, stream != nullptr ? stream : stream_); }

int64_t MemoryPool::reserved_bytes() const {
  uint64_t reserved = 0;
  return driver().MemPoolGetAttribute(pool_, kPoolReservedBytes, &reserved) == kSuccess ? static_cast<int64_t>(reserved) : 0;
}

Result<DeviceBlock> DeviceBlock::Allocate(MemoryPool& pool, size_t bytes) {
  DeviceBlock block;
  if (bytes == 0) return Result<DeviceBlock>::Of(std::move(block));
  block.address_ = pool.Allocate(bytes, nullptr);
  if (block.address_ == 0) return Result<DeviceBlock>::Error(Code::kNoMemory, "the GPU has no " + std::to_string(bytes) + " bytes left");
  block.pool_ = &pool;
  block.size_ = bytes;
  return Result<DeviceBlock>::Of(std::move(block));
}

DeviceBlock& DeviceBlock::operator=(DeviceBlock&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(address_, other.address_);
  std::swap(size_, other.size_);
  return *this;
}

DeviceBlock::~DeviceBlock() {
  if (pool_ != nullptr) pool_->Free(address_, nullptr);
}

}  // namespace pilotlight::cuda
