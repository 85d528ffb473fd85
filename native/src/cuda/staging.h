// Pinned memory of the host for the inputs and outputs of one engine's runs: who submits writes there and the GPU copies from there, so that no thread
// of the device copies anything large. It never blocks and never grows: when it is full, memory of the heap and one copy more do.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "core/tensor.h"
#include "cuda/memory.h"

namespace pilotlight::cuda {

class Staging : public std::enable_shared_from_this<Staging> {
 public:
  // The calling thread has entered the GPU.
  static Result<std::shared_ptr<Staging>> Make(const Gpu& gpu, size_t bytes);
  // No thread has a block of it any more.
  ~Staging();

  // Null data: there is no room now. The block keeps this alive. Any thread.
  Bytes Take(size_t bytes);
  bool Owns(const Bytes& bytes) const { return bytes.data() >= memory_.data() && bytes.data() < memory_.data() + memory_.size(); }
  size_t size() const { return memory_.size(); }

 private:
  Staging(const Gpu& gpu, PinnedBlock memory);
  void GiveBack(size_t offset);

  const Gpu& gpu_;
  PinnedBlock memory_;
  std::mutex mutex_;
  std::map<size_t, size_t> free_;   // size by offset; neighbours are one
  std::map<size_t, size_t> taken_;
};

}  // namespace pilotlight::cuda
