// Memory of a GPU that one engine and its slots hold: all of it comes from a memory pool of their own, so that what they hold is
// known to the byte and given back as a whole.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "cuda/device.h"
#include "cuda/driver.h"

namespace pilotlight::cuda {

class MemoryPool {
 public:
  // The calling thread has entered the GPU.
  static Result<std::unique_ptr<MemoryPool>> Make(const Gpu& gpu);
  // Whatever it gave out must be back; the calling thread has entered the GPU.
  ~MemoryPool();

  // 0: there is no room. `stream` is where it is used first; null: it can be used when the call returns.
  DevicePtr Allocate(size_t bytes, Stream* stream);
  void Free(DevicePtr memory, Stream* stream);
  // What it has of the device now: more than it gave out, since it takes large chunks and keeps them.
  int64_t reserved_bytes() const;

 private:
  MemoryPool(MemPool* pool, Stream* stream) : pool_(pool), stream_(stream) {}

  MemPool* const pool_;
  Stream* const stream_;
};

// A block of it; freed with the last stream that used it idle.
class DeviceBlock {
 public:
  DeviceBlock() = default;
  static Result<DeviceBlock> Allocate(MemoryPool& pool, size_t bytes);
  DeviceBlock(DeviceBlock&& other) noexcept { *this = std::move(other); }
  DeviceBlock& operator=(DeviceBlock&& other) noexcept;
  ~DeviceBlock();

  DevicePtr address() const { return address_; }
  size_t size() const { return size_; }

 private:
  MemoryPool* pool_ = nullptr;
  DevicePtr address_ = 0;
  size_t size_ = 0;
};

}  // namespace pilotlight::cuda
