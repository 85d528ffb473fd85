#include "core/used_pools.h"

namespace pilotlight {

void UsedPools::Note(PoolEntry& entry, int64_t at_ns) {
  entry.counters.last_used_ns.store(at_ns, std::memory_order_relaxed);
  // Nearly always it is noted already: no more than a read of a line that this thread has anyway.
  if (entry.noted.load(std::memory_order_relaxed) || entry.noted.exchange(true, std::memory_order_acquire)) return;
  entry.noted_before = last_.load(std::memory_order_relaxed);
  while (!last_.compare_exchange_weak(entry.noted_before, &entry, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

std::vector<UsedPool> UsedPools::Take() {
  std::vector<UsedPool> used;
  PoolEntry* entry = last_.exchange(nullptr, std::memory_order_acquire);
  while (entry != nullptr) {
    // Read first: from the release on another thread may note it again.
    PoolEntry* const before = entry->noted_before;
    entry->noted.store(false, std::memory_order_release);
    used.push_back({entry->key, entry->counters.last_used_ns.load(std::memory_order_relaxed)});
    entry = before;
  }
  return used;
}

}  // namespace pilotlight
