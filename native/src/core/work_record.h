// What native threads do now, in memory that outlives the process: whoever holds the same descriptor can read after a crash which
// pools were at work and in which one the fault was. A run pays two relaxed stores for it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/job.h"
#include "core/status.h"

namespace pilotlight {

// The memory: this head, then the places. runtime/supervisor/work-record.ts reads it; keep them in step.
constexpr uint32_t kWorkRecordLayout = 1;
constexpr size_t kWorkPlaces = 1023;

struct alignas(64) WorkHead {
  std::atomic<uint32_t> layout;
  std::atomic<uint32_t> failed;  // pool index + 1 of the thread that had a fault; 0: none of ours
};

// One for each thread, on a cache line of its own.
struct alignas(64) WorkPlace {
  std::atomic<uint32_t> thread;  // the system's number of it; 0: free
  std::atomic<uint32_t> pool;    // pool index + 1; 0: idle
};

constexpr size_t kWorkRecordBytes = sizeof(WorkHead) + kWorkPlaces * sizeof(WorkPlace);
static_assert(kWorkRecordBytes == 64 * 1024, "work-record.ts says how large it is");

// Once, before the first load: threads that began before are not seen. The descriptor's file has kWorkRecordBytes and stays the
// caller's. From now on a fault (SIGSEGV, SIGABRT, ...) notes its thread's pool and then does what it did before.
Status OpenWorkRecord(int descriptor);

// The calling thread's, until it ends; without a record one that nobody reads.
WorkPlace& WorkPlaceOfThisThread();

// While it lives the place's thread works for the pool. Who works often keeps the place: looking it up costs more than both stores.
class AtWork {
 public:
  AtWork(WorkPlace& place, PoolIndex pool) : place_(place) { place_.pool.store(pool + 1, std::memory_order_relaxed); }
  ~AtWork() { place_.pool.store(0, std::memory_order_relaxed); }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;

 private:
  WorkPlace& place_;
};

}  // namespace pilotlight
