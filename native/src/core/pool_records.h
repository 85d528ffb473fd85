// What is said about a pool: how it is asked for, how its load went, how it fares.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/tensor.h"

namespace pilotlight {

struct PoolOptions {
  std::string key;  // names the device too: a pool never changes it
  std::string device = "cpu";
  std::string backend;
  std::string path;
  int slots = 1;
  int threads = 1;
  int queue_max = 64;                     // jobs waiting while all slots run; 0: none may wait
  int64_t queue_timeout_ns = 1000000000;  // longest wait of a job before it runs
};

struct LoadStep {
  std::string name;  // "read", "create", "slots"
  int64_t start_ns = 0;
  int64_t end_ns = 0;
};

struct LoadOutcome {
  Signature signature;
  EngineMemory memory;
  std::vector<LoadStep> steps;
};

// Counters run for the life of the process, over loads and unloads. Jobs with Job::slot (warm-up) are in none of them.
struct PoolStats {
  std::string key;
  int slots = 0;    // 0: not loaded
  int holds = -1;   // jobs and leases that hold the pool; -1: not open
  int busy = 0;     // slots that have a job
  int waiting = 0;  // jobs without a slot
  uint64_t hits = 0, misses = 0, queue_full = 0, queue_timeouts = 0, failures = 0;
  uint64_t runs = 0;                 // jobs that ran, well or not
  int64_t queue_ns = 0, run_ns = 0;  // their sums: from submit to start, from start to end
  int64_t last_used_ns = 0;          // last submit or hold; 0: never
  EngineMemory memory;
};

}  // namespace pilotlight
