#include "cuda/pinned.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string>

#include "cuda/driver.h"

namespace pilotlight::cuda {
namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kChunkBytes = size_t{8} << 20;
// It is taken from all others of the machine, so not without end.
constexpr size_t kBytesMax = size_t{1} << 30;

size_t RoundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

PinnedMemory& PinnedMemory::Get() {
  static PinnedMemory& leaked = *new PinnedMemory;
  return leaked;
}

Status PinnedMemory::Reserve(size_t bytes, size_t largest) {
  if (largest > kBytesMax) largest = 0;  // such blocks have to do without
  const size_t size = std::max(kChunkBytes, RoundUp(largest, kHugePage));
  size_t lacking = 0;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    reserved_ += bytes;
    // The chunks from before may all be too small for the blocks of this one.
    const bool is_larger = largest > largest_;
    largest_ = std::max(largest_, largest);
    const size_t wanted = is_larger ? std::max(reserved_, bytes_ + bytes) : reserved_;
    const size_t allowed = std::max(kBytesMax, is_larger ? bytes_ + size : 0);
    lacking = std::min(wanted, allowed) > bytes_ ? std::min(wanted, allowed) - bytes_ : 0;
  }
  while (lacking > 0) {
    Chunk chunk;
    const Status done = Map(size, &chunk);
    if (!done.ok()) {
      Release(bytes);
      return done;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    bytes_ += chunk.size;
    lacking -= std::min(lacking, chunk.size);
    chunks_.push_back(std::move(chunk));
  }
  return Status::Ok();
}

void PinnedMemory::Release(size_t bytes) {
  std::vector<Chunk> unused;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    reserved_ -= bytes;
    if (reserved_ > 0) return;
    // No engine is left that its end could hold up. What is still out stays until the next time.
    const auto is_free = [](const Chunk& chunk) { return chunk.free.size() == 1 && chunk.free.begin()->second == chunk.size; };
    const auto end = std::partition(chunks_.begin(), chunks_.end(), [&](const Chunk& chunk) { return !is_free(chunk); });
    unused.assign(std::make_move_iterator(end), std::make_move_iterator(chunks_.end()));
    chunks_.erase(end, chunks_.end());
    for (const Chunk& chunk : unused) bytes_ -= chunk.size;
    largest_ = 0;
    for (const Chunk& chunk : chunks_) largest_ = std::max(largest_, chunk.size);
  }
  for (const Chunk& chunk : unused) Unmap(chunk);
}

// The pages are there before the driver hears of them, and few, since it locks everybody out while it pins them.
Status PinnedMemory::Map(size_t size, Chunk* chunk) {
  const auto refuse = [size](const std::string& why) {
    return Status::Error(Code::kNoMemory, "no " + std::to_string(size) + " bytes of pinned memory for the inputs and outputs of GPU runs: " + why);
  };
  // With room to begin at a huge page.
  const size_t mapped = size + kHugePage;
  void* const memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return refuse(std::strerror(errno));
  auto* const begin = static_cast<unsigned char*>(memory);
  auto* const data = reinterpret_cast<unsigned char*>(RoundUp(reinterpret_cast<size_t>(memory), kHugePage));
  if (data > begin) munmap(begin, static_cast<size_t>(data - begin));
  munmap(data + size, static_cast<size_t>(begin + mapped - (data + size)));
  madvise(data, size, MADV_HUGEPAGE);
  std::memset(data, 0, size);
  const Status done = Check(driver().MemHostRegister(data, size, kHostRegisterPortable), "cuMemHostRegister");
  if (!done.ok()) {
    munmap(data, size);
    return refuse(done.message);
  }
  chunk->data = data;
  chunk->size = size;
  chunk->free[0] = size;
  return Status::Ok();
}

void PinnedMemory::Unmap(const Chunk& chunk) {
  driver().MemHostUnregister(chunk.data);
  munmap(chunk.data, chunk.size);
}

Bytes PinnedMemory::Take(size_t bytes) {
  const size_t size = RoundUp(std::max<size_t>(1, bytes), kAlignment);
  std::lock_guard<std::mutex> lock(mutex_);
  for (Chunk& chunk : chunks_) {
    for (auto gap = chunk.free.begin(); gap != chunk.free.end(); ++gap) {
      if (gap->second < size) continue;
      const size_t offset = gap->first, left = gap->second - size;
      chunk.free.erase(gap);
      if (left > 0) chunk.free[offset + size] = left;
      return Bytes(chunk.data + offset, bytes, &GiveBack, reinterpret_cast<void*>(size));
    }
  }
  return Bytes();
}

void PinnedMemory::GiveBack(void* context, void* data) { Get().PutBack(static_cast<unsigned char*>(data), reinterpret_cast<size_t>(context)); }

void PinnedMemory::PutBack(unsigned char* data, size_t size) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto chunk = std::find_if(chunks_.begin(), chunks_.end(), [&](const Chunk& one) { return one.data <= data && data < one.data + one.size; });
  auto& free = chunk->free;
  const auto gap = free.emplace(static_cast<size_t>(data - chunk->data), size).first;
  const auto next = std::next(gap);
  if (next != free.end() && gap->first + gap->second == next->first) {
    gap->second += next->second;
    free.erase(next);
  }
  if (gap == free.begin()) return;
  const auto before = std::prev(gap);
  if (before->first + before->second != gap->first) return;
  before->second += gap->second;
  free.erase(gap);
}

}  // namespace pilotlight::cuda
