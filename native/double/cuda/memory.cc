// Memory of the pretended GPUs: pools that take it in chunks, blocks that begin and end in the order of a stream.
#include <algorithm>
#include <cstring>

#include "machine.h"

namespace pilotlight::doubles {
namespace {

constexpr int64_t kGranularity = 512;
constexpr int64_t kPage = int64_t{2} << 20;
// What was never written holds this, so that nobody takes it for zeros.
constexpr int kGarbage = 0xA5;
constexpr size_t kGarbageMax = 1 << 20;

int64_t RoundUp(int64_t bytes, int64_t to) { return (bytes + to - 1) / to * to; }

bool GrowLocked(cuda::MemPool& pool, int64_t chunk, int64_t size) {
  const int64_t missing = pool.used + size - pool.reserved;
  if (missing <= 0) return true;
  int64_t taken = RoundUp(missing, chunk);
  if (taken > pool.gpu->free_bytes()) taken = RoundUp(missing, std::min(chunk, kPage));
  if (taken > pool.gpu->free_bytes()) return false;
  pool.reserved += taken;
  pool.reserved_high = std::max(pool.reserved_high, pool.reserved);
  pool.gpu->reserved_bytes += taken;
  return true;
}

}  // namespace

Return Machine::AllocateLocked(std::unique_lock<std::mutex>& lock, DevicePtr* memory, size_t bytes, cuda::MemPool* pool, cuda::Stream* stream) {
  if (bytes == 0 || memory == nullptr) return kInvalidValue;
  if (pools.count(pool) == 0) {
    WrongUseLocked("an allocation from a pool that is not there, or not any more");
    return kInvalidValue;
  }
  if (stream != nullptr && streams.count(stream) > 0 && stream->capture != nullptr) {
    stream->capture->is_valid = false;
    WrongUseLocked("an allocation in a capture becomes a part of the graph, which the double has not");
    return kCaptureUnsupported;
  }
  const int64_t size = RoundUp(static_cast<int64_t>(bytes), kGranularity);
  const int64_t chunk = settings.BytesOf("chunk", pool->gpu->number);
  while (!GrowLocked(*pool, chunk, size)) {
    // As the driver: it waits for what is being freed before it refuses.
    if (pool->gpu->waiting_frees == 0 || settings.is_held()) return cuda::kOutOfMemory;
    const int waiting = pool->gpu->waiting_frees;
    if (const Return sticky = AwaitLocked(lock, [&] { return pool->gpu->waiting_frees < waiting; })) return sticky;
  }
  auto block = std::make_unique<Block>();
  block->gpu = pool->gpu;
  block->pool = pool;
  block->address = pool->gpu->next_address;
  block->bytes = bytes;
  Work work;
  work.name = "an allocation";
  work.settle = [made = block.get()] { made->is_ready = true; };
  if (const Return failure = LaunchLocked(stream, std::move(work))) return failure;
  pool->gpu->next_address += static_cast<uint64_t>(size + kGranularity);
  pool->used += size;
  pool->used_high = std::max(pool->used_high, pool->used);
  *memory = block->address;
  blocks[block->address] = std::move(block);
  return 0;
}

Return Machine::FreeLocked(DevicePtr memory, cuda::Stream* stream) {
  const auto found = blocks.find(memory);
  if (found == blocks.end()) {
    WrongUseLocked("memory of the GPU is freed that is not there, or not any more");
    return kInvalidValue;
  }
  Block* const block = found->second.get();
  Work work;
  work.name = "a release of memory";
  work.settle = [this, block, stream] {
    const Work* const user = FindUserLocked({block->address, block->bytes, true}, stream);
    if (user != nullptr) WrongUseLocked(user->name + " on another stream still uses memory of the GPU that was freed");
    cuda::MemPool& pool = *block->pool;
    pool.used -= RoundUp(static_cast<int64_t>(block->bytes), kGranularity);
    --block->gpu->waiting_frees;
    blocks.erase(block->address);
  };
  Gpu* const gpu = block->gpu;
  if (const Return failure = LaunchLocked(stream, std::move(work))) return failure;
  ++gpu->waiting_frees;
  return 0;
}

Block* Machine::FindBlockLocked(uint64_t address, size_t bytes) {
  auto after = blocks.upper_bound(address);
  if (after == blocks.begin()) return nullptr;
  Block& block = *std::prev(after)->second;
  return address + bytes <= block.address + block.bytes ? &block : nullptr;
}

unsigned char* Machine::Content(uint64_t address, size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex);
  Block* const block = FindBlockLocked(address, bytes);
  if (block == nullptr) return nullptr;
  if (!block->is_ready) WrongUseLocked("memory of the GPU is used before the stream on which it was allocated has come so far");
  if (block->content == nullptr) {
    block->content.reset(new unsigned char[block->bytes]);
    std::memset(block->content.get(), kGarbage, std::min(block->bytes, kGarbageMax));
  }
  return block->content.get() + (address - block->address);
}

}  // namespace pilotlight::doubles

using namespace pilotlight::doubles;
using namespace pilotlight::cuda;

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int kPoolReservedHigh = 6, kPoolUsedHigh = 8;

// The calls that a thread must not make while it captures.
Return EnterOutsideCapture(const char* function) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(function, &context)) return failure;
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  return Machine::Get().SpoilCapturesLocked() ? kCaptureUnsupported : 0;
}

}  // namespace

EXPORT Return cuMemGetInfo_v2(size_t* free, size_t* total) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  *free = static_cast<size_t>(std::max<int64_t>(0, context->gpu->free_bytes()));
  *total = static_cast<size_t>(context->gpu->total_bytes);
  return 0;
}

EXPORT Return cuMemPoolCreate(MemPool** pool, const MemPoolProps* props) {
  if (const Return failure = Machine::Get().Enter(__func__)) return failure;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  if (props->location.type != 1 || props->location.id < 0 || static_cast<size_t>(props->location.id) >= machine.gpus.size()) return kInvalidDevice;
  *pool = new MemPool;
  (*pool)->gpu = machine.gpus[static_cast<size_t>(props->location.id)].get();
  machine.pools.insert(*pool);
  return 0;
}

EXPORT Return cuMemPoolDestroy(MemPool* pool) {
  if (const Return failure = Machine::Get().Enter(__func__)) return failure;
  Machine& machine = Machine::Get();
  std::unique_lock<std::mutex> lock(machine.mutex);
  if (machine.pools.count(pool) == 0) {
    machine.WrongUseLocked("a memory pool is destroyed twice");
    return kInvalidValue;
  }
  // What was freed on streams that are not so far yet is no leak.
  if (pool->used > 0 && !machine.settings.is_held()) machine.AwaitLocked(lock, [&] { return pool->gpu->waiting_frees == 0; });
  if (pool->used > 0) machine.WrongUseLocked("a memory pool is destroyed of which " + std::to_string(pool->used) + " bytes are still out");
  pool->gpu->reserved_bytes -= pool->reserved;
  for (auto at = machine.blocks.begin(); at != machine.blocks.end();) at = at->second->pool == pool ? machine.blocks.erase(at) : std::next(at);
  machine.pools.erase(pool);
  delete pool;
  return 0;
}

EXPORT Return cuMemPoolSetAttribute(MemPool* pool, int attribute, void* value) {
  if (const Return failure = Machine::Get().Enter(__func__)) return failure;
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  if (Machine::Get().pools.count(pool) == 0) return kInvalidValue;
  if (attribute == kPoolReleaseThreshold) pool->release_threshold = *static_cast<uint64_t*>(value);
  return attribute >= 1 && attribute <= kPoolUsedHigh ? 0 : kInvalidValue;
}

EXPORT Return cuMemPoolGetAttribute(MemPool* pool, int attribute, void* value) {
  if (const Return failure = Machine::Get().EnterThoughLost(__func__)) return failure;
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  if (Machine::Get().pools.count(pool) == 0) return kInvalidValue;
  auto* const to = static_cast<uint64_t*>(value);
  switch (attribute) {
    case kPoolReleaseThreshold: *to = pool->release_threshold; return 0;
    case kPoolReservedBytes: *to = static_cast<uint64_t>(pool->reserved); return 0;
    case kPoolReservedHigh: *to = static_cast<uint64_t>(pool->reserved_high); return 0;
    case kPoolUsedBytes: *to = static_cast<uint64_t>(pool->used); return 0;
    case kPoolUsedHigh: *to = static_cast<uint64_t>(pool->used_high); return 0;
    default: return kInvalidValue;
  }
}

EXPORT Return cuMemPoolTrimTo(MemPool* pool, size_t bytes) {
  if (const Return failure = Machine::Get().Enter(__func__)) return failure;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  if (machine.pools.count(pool) == 0) return kInvalidValue;
  const int64_t chunk = machine.settings.BytesOf("chunk", pool->gpu->number);
  const int64_t keep = std::max(RoundUp(pool->used, chunk), static_cast<int64_t>(bytes));
  if (keep < pool->reserved) {
    pool->gpu->reserved_bytes -= pool->reserved - keep;
    pool->reserved = keep;
  }
  return 0;
}

EXPORT Return cuMemAllocFromPoolAsync(DevicePtr* memory, size_t bytes, MemPool* pool, Stream* stream) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  std::unique_lock<std::mutex> lock(Machine::Get().mutex);
  return Machine::Get().AllocateLocked(lock, memory, bytes, pool, stream);
}

EXPORT Return cuMemFreeAsync(DevicePtr memory, Stream* stream) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  return Machine::Get().FreeLocked(memory, stream);
}

EXPORT Return cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
  if (const Return failure = EnterOutsideCapture(__func__)) return failure;
  if (bytes == 0) return kInvalidValue;
  // Aligned as pages are, and of exactly that size, so that a sanitizer sees what goes beyond it.
  void* const made = ::operator new(bytes, std::align_val_t{4096}, std::nothrow);
  if (made == nullptr) return kOutOfMemory;
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  Machine::Get().pinned[reinterpret_cast<uint64_t>(made)] = bytes;
  *memory = made;
  return 0;
}

EXPORT Return cuMemFreeHost(void* memory) {
  if (const Return failure = EnterOutsideCapture(__func__)) return failure;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  const auto found = machine.pinned.find(reinterpret_cast<uint64_t>(memory));
  if (found == machine.pinned.end()) {
    machine.WrongUseLocked("pinned memory is freed that is not there, or not any more");
    return kInvalidValue;
  }
  const Work* const user = machine.FindUserLocked({found->first, found->second, true}, nullptr);
  if (user != nullptr) machine.WrongUseLocked(user->name + " still uses pinned memory that was freed");
  machine.pinned.erase(found);
  ::operator delete(memory, std::align_val_t{4096});
  return 0;
}

EXPORT Return cuMemHostRegister_v2(void* memory, size_t bytes, unsigned) {
  if (const Return failure = EnterOutsideCapture(__func__)) return failure;
  if (bytes == 0 || memory == nullptr) return kInvalidValue;
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  return Machine::Get().pinned.emplace(reinterpret_cast<uint64_t>(memory), bytes).second ? 0 : kAlreadyRegistered;
}

EXPORT Return cuMemHostUnregister(void* memory) {
  if (const Return failure = EnterOutsideCapture(__func__)) return failure;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  const auto found = machine.pinned.find(reinterpret_cast<uint64_t>(memory));
  if (found == machine.pinned.end()) return kNotRegistered;
  const Work* const user = machine.FindUserLocked({found->first, found->second, true}, nullptr);
  if (user != nullptr) machine.WrongUseLocked(user->name + " still uses memory of the host whose pinning is taken back");
  machine.pinned.erase(found);
  return 0;
}

EXPORT Return cuMemHostGetFlags(unsigned* flags, void* memory) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  if (Machine::Get().pinned.count(reinterpret_cast<uint64_t>(memory)) == 0) return kInvalidValue;
  *flags = 0;
  return 0;
}

EXPORT Return cuPointerGetAttribute(void* data, int attribute, DevicePtr pointer) {
  constexpr int kMemoryType = 2, kDeviceOrdinal = 9;
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  Machine& machine = Machine::Get();
  std::lock_guard<std::mutex> lock(machine.mutex);
  Block* const block = machine.FindBlockLocked(pointer, 1);
  const auto after = machine.pinned.upper_bound(pointer);
  const bool is_pinned = after != machine.pinned.begin() && pointer < std::prev(after)->first + std::prev(after)->second;
  if (block == nullptr && !is_pinned) return kInvalidValue;
  if (attribute == kMemoryType) *static_cast<unsigned*>(data) = block != nullptr ? 2 : 1;
  if (attribute == kDeviceOrdinal) *static_cast<int*>(data) = block != nullptr ? block->gpu->number : context->gpu->number;
  return attribute == kMemoryType || attribute == kDeviceOrdinal ? 0 : kInvalidValue;
}
