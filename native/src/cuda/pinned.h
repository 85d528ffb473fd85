// Memory of the host that the GPUs copy from and to without a detour, of the whole process. Getting it from the driver holds up every launch of the process
// (13 ms for 37 MiB were measured), so it is got while engines load and kept for those that come after; when the last one has gone it is given back.
// Taking a block of it never blocks: where there is no room, memory of the heap and a slower copy have to do.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"

namespace pilotlight::cuda {

class PinnedMemory {
 public:
  static PinnedMemory& Get();

  // Sees to it that there are so many bytes more than others asked for, for blocks of up to `largest`, as far as the bound of all allows; the caller owes a
  // Release of the same. The calling thread has entered a GPU, as at Release. kNoMemory: the system or the driver refuses.
  Status Reserve(size_t bytes, size_t largest);
  void Release(size_t bytes);

  // Null data: there is no room now. Any thread.
  Bytes Take(size_t bytes);
  static bool Owns(const Bytes& bytes) { return bytes.IsFreedBy(&GiveBack); }

 private:
  struct Chunk {
    unsigned char* data = nullptr;
    size_t size = 0;
    std::map<size_t, size_t> free;  // size by offset; neighbours are one
  };

  static Status Map(size_t size, Chunk* chunk);
  static void Unmap(const Chunk& chunk);
  static void GiveBack(void* context, void* data);
  void PutBack(unsigned char* data, size_t size);

  std::mutex mutex_;
  std::vector<Chunk> chunks_;
  size_t bytes_ = 0, reserved_ = 0, largest_ = 0;
};

}  // namespace pilotlight::cuda
