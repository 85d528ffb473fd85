// The part of a pool that outlives its loads: its key, the count of those who hold it, its counters.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/job.h"
#include "core/pool_records.h"

namespace pilotlight {

class Loader;
class Pool;

class PoolEntry {
 public:
  explicit PoolEntry(std::string key) : key(std::move(key)) {}

  // False: not open. Otherwise the pool stays until Release.
  bool TryHold();
  void Release();
  // Both by one exchange; false: it was not in the state to leave.
  bool Open();    // -1 -> 0
  bool Close();   // 0 -> -1
  int holds() const { return holds_.load(std::memory_order_acquire); }

  const std::string key;
  // Counts the job, releases its hold, reports it. Outside all locks; the pool may be gone when it returns.
  void Complete(std::shared_ptr<Job> job, void (Completion::*report)(std::shared_ptr<Job>) = &Completion::Done);

  // As if it were not loaded: a loaded pool adds its slots.
  PoolStats Stats() const;

  // Its device's, from its first load on. Under the registry's mutex.
  Loader* loader = nullptr;

  // Set by the loader while closed; a holder may read it without a lock.
  Pool* pool = nullptr;

  // Of UsedPools alone: whether it stands in its line, and behind whom.
  std::atomic<bool> noted{false};
  PoolEntry* noted_before = nullptr;

  struct Counters {
    std::atomic<uint64_t> hits{0}, misses{0}, queue_full{0}, queue_timeouts{0}, failures{0}, runs{0};
    std::atomic<int64_t> queue_ns{0}, run_ns{0}, last_used_ns{0};
    void Add(const Job& job);  // a finished one
  } counters;

 private:
  std::atomic<int> holds_{-1};  // -1: not resident; >= 0: jobs and leases that hold it
};

// All entries, by index without a lock. They are never freed: an index is good for ever.
class PoolTable {
 public:
  PoolIndex Intern(const std::string& key);
  PoolEntry& At(PoolIndex index);
  std::vector<PoolEntry*> All();

 private:
  // Blocks never move, so that a reader needs no lock. 4,096 x 256 keys: a million deploys of new models.
  static constexpr size_t kBlocks = 4096;
  static constexpr size_t kBlockSize = 256;
  struct Block {
    std::atomic<PoolEntry*> entries[kBlockSize] = {};
  };

  std::mutex mutex_;
  std::unordered_map<std::string, PoolIndex> indices_;
  std::atomic<Block*> blocks_[kBlocks] = {};
};

}  // namespace pilotlight
