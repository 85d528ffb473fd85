// The process-wide registry of pools, shared by all JavaScript threads; leaked on purpose.
//
// A job holds its pool by an atomic count in the pool's entry; retiring is one compare-and-swap from zero
// jobs. So submitting meets no lock of the registry and no control thread, and a retired pool can be freed
// without asking anyone.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"

namespace pilotlight {

using PoolIndex = uint32_t;  // stable for the life of the process: one for each key ever named

struct PoolOptions {
  std::string key;
  std::string backend;
  std::string path;
  int slots = 1;
  int threads = 1;
  int queue_max = 64;
  int64_t queue_timeout_ns = 1000000000;
};

struct Job;

// Where finished jobs go. Called on a native thread, outside all locks of the core; must not block.
class Completion {
 public:
  virtual ~Completion() = default;
  virtual void Done(std::shared_ptr<Job> job) = 0;
};

// One run. The submitter fills the first part and gives it up; the core fills the second before `Done`.
struct Job {
  uint64_t id = 0;  // the submitter's own
  std::vector<Tensor> inputs;
  std::vector<bool> wanted;  // empty: all outputs
  int64_t deadline_ns = INT64_MAX;  // CLOCK_MONOTONIC
  int slot = -1;  // >= 0: this slot and no other, pool open or not (warm-up)
  std::shared_ptr<Completion> completion;

  Status status;
  std::vector<Tensor> outputs;
  int64_t submitted_ns = 0;
  int64_t started_ns = 0;
  int64_t ended_ns = 0;

  // The core's own.
  PoolIndex pool = 0;
  std::atomic<bool> cancelled{false};
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

struct PoolStats {
  std::string key;
  int slots = 0, busy = 0, waiting = 0;
  uint64_t hits = 0, misses = 0, queue_full = 0, queue_timeouts = 0, failures = 0, runs = 0;
  int64_t queue_ns = 0, run_ns = 0;  // sums over finished jobs
  int64_t last_used_ns = 0;
  EngineMemory memory;
};

enum class Retired { kRetired, kBusy, kAbsent };

class Registry {
 public:
  static Registry& Get();

  // Makes a backend known by name ("fake", "onnxruntime"); again is harmless. The binding does it when it is first loaded.
  virtual void AddBackend(const std::string& name, Backend& backend) = 0;

  // The index of a key; the same for the same key for ever.
  virtual PoolIndex Intern(const std::string& key) = 0;

  // Loader thread. The callbacks come on it. A loaded pool is closed to jobs (but for Job::slot) until Open.
  virtual void Load(PoolOptions options, std::function<void(Result<LoadOutcome>)> done) = 0;
  virtual void Inspect(std::string backend, std::string path, std::function<void(Result<Signature>)> done) = 0;
  virtual void Unload(const std::string& key, std::function<void(Status)> done) = 0;

  virtual Status Open(const std::string& key) = 0;
  virtual Retired Retire(const std::string& key) = 0;

  // Any thread. On success the job will reach its completion exactly once; on failure never.
  virtual Status Submit(PoolIndex pool, std::shared_ptr<Job> job) = 0;
  // A waiting job completes with kCancelled soon; a running one as soon as its engine can. Harmless when done.
  virtual void Cancel(const std::shared_ptr<Job>& job) = 0;

  // An explicit lease: one more in the pool's count, without a job. False: not resident.
  virtual bool Hold(PoolIndex pool) = 0;
  virtual void Release(PoolIndex pool) = 0;

  virtual std::vector<PoolStats> Stats() = 0;

 protected:
  ~Registry() = default;
};

int64_t MonotonicNs();  // CLOCK_MONOTONIC, as process.hrtime

}  // namespace pilotlight
