#include "core/pool_entry.h"

#include <cassert>

#include "core/verdict.h"

namespace pilotlight {

#if defined(PILOTLIGHT_UNCOUNTED)

// The build that a benchmark compares with: what a job costs that neither looks whether its pool is open nor counts.
bool PoolEntry::TryHold() { return true; }
void PoolEntry::Release() {}

#else

bool PoolEntry::TryHold() {
  int holds = holds_.load(std::memory_order_relaxed);
  while (holds >= 0) {
    // Acquire: whoever holds the pool sees what the loader wrote before it opened it.
    if (holds_.compare_exchange_weak(holds, holds + 1, std::memory_order_acquire, std::memory_order_relaxed)) return true;
  }
  return false;
}

void PoolEntry::Release() {
  const int before = holds_.fetch_sub(1, std::memory_order_release);
  assert(before > 0 && "a pool was released more often than it was held");
  (void)before;
}

#endif

bool PoolEntry::Open() {
  int closed = -1;
  return holds_.compare_exchange_strong(closed, 0, std::memory_order_release, std::memory_order_relaxed);
}

bool PoolEntry::Close() {
  int idle = 0;
  // Acquire: all that the last holder did is done before the pool is freed.
  return holds_.compare_exchange_strong(idle, -1, std::memory_order_acquire, std::memory_order_relaxed);
}

void PoolEntry::Complete(std::shared_ptr<Job> job, void (Completion::*report)(std::shared_ptr<Job>)) {
  const std::shared_ptr<Completion> completion = std::move(job->completion);
  if (!IsWarmup(*job)) {
    counters.Add(*job);
    Release();
  }
  ((*completion).*report)(std::move(job));
}

void PoolEntry::Counters::Add(const Job& job) {
  const auto add = [](auto& counter, auto value) { counter.fetch_add(value, std::memory_order_relaxed); };
  const Code code = job.status.code;
  if (code == Code::kQueueTimeout) add(queue_timeouts, 1);
  if (code == Code::kEngineFailed || code == Code::kNoMemory || code == Code::kBadInput) add(failures, 1);
  if (job.started_ns == 0) return;
  add(runs, 1);
  add(queue_ns, job.started_ns - job.submitted_ns);
  add(run_ns, job.ended_ns - job.started_ns);
}

PoolStats PoolEntry::Stats() const {
  const auto get = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  PoolStats stats;
  stats.key = key;
  stats.holds = holds();
  stats.hits = get(counters.hits);
  stats.misses = get(counters.misses);
  stats.queue_full = get(counters.queue_full);
  stats.queue_timeouts = get(counters.queue_timeouts);
  stats.failures = get(counters.failures);
  stats.runs = get(counters.runs);
  stats.queue_ns = get(counters.queue_ns);
  stats.run_ns = get(counters.run_ns);
  stats.last_used_ns = get(counters.last_used_ns);
  return stats;
}

PoolIndex PoolTable::Intern(const std::string& key) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = indices_.find(key);
  if (found != indices_.end()) return found->second;

  const auto index = static_cast<PoolIndex>(indices_.size());
  assert(index < kBlocks * kBlockSize && "a million pool keys in one process");
  std::atomic<Block*>& block = blocks_[index / kBlockSize];
  if (block.load(std::memory_order_relaxed) == nullptr) block.store(new Block, std::memory_order_release);
  block.load(std::memory_order_relaxed)->entries[index % kBlockSize].store(new PoolEntry(key), std::memory_order_release);
  indices_.emplace(key, index);
  return index;
}

PoolEntry& PoolTable::At(PoolIndex index) {
  assert(index < kBlocks * kBlockSize);
  Block* block = blocks_[index / kBlockSize].load(std::memory_order_acquire);
  assert(block != nullptr && "a pool index that nobody interned");
  PoolEntry* entry = block->entries[index % kBlockSize].load(std::memory_order_acquire);
  assert(entry != nullptr && "a pool index that nobody interned");
  return *entry;
}

std::vector<PoolEntry*> PoolTable::All() {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<PoolEntry*> all;
  all.reserve(indices_.size());
  for (PoolIndex index = 0; index < indices_.size(); ++index) all.push_back(&At(index));
  return all;
}

}  // namespace pilotlight
