// The process-wide registry of pools, shared by all JavaScript threads; leaked on purpose.
//
// A job holds its pool by an atomic count in the pool's entry; retiring is one compare-and-swap from zero
// jobs. So submitting meets no lock of the registry and no control thread, and a retired pool can be freed
// without asking anyone.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/job.h"
#include "core/pool_records.h"
#include "core/used_pools.h"

namespace pilotlight {

enum class Retired { kRetired, kBusy, kAbsent };

class Registry {
 public:
  static Registry& Get();

  // Makes a backend known by name ("fake", "onnxruntime"); again is harmless. The binding does it when it is first loaded.
  virtual void AddBackend(const std::string& name, Backend& backend) = 0;

  // The index of a key; the same for the same key for ever.
  virtual PoolIndex Intern(const std::string& key) = 0;

  // On the loader thread of the pool's device, one after the other; those of other devices go on beside it, and models are
  // inspected on the CPU's. The callbacks come on that thread. A loaded pool is closed to jobs (but for Job::slot)
  // until Open. A load that fails leaves nothing. Unload needs a closed pool, and none is fine too.
  virtual void Load(PoolOptions options, std::function<void(Result<LoadOutcome>)> done) = 0;
  virtual void Inspect(std::string backend, std::string path, std::string device, std::function<void(Result<Signature>)> done) = 0;
  virtual void Unload(const std::string& key, std::function<void(Status)> done) = 0;

  virtual Status Open(const std::string& key) = 0;
  virtual Retired Retire(const std::string& key) = 0;

  // Where an input of a job for this pool had best lie; null data: the system refuses. Any thread.
  virtual Bytes AllocateInput(PoolIndex pool, size_t size) = 0;

  // Any thread. On success the job will reach its completion exactly once; on failure never.
  virtual Status Submit(PoolIndex pool, std::shared_ptr<Job> job) = 0;
  // A waiting job completes with kCancelled within some 5 ms; a running one as soon as its engine can. Harmless when done.
  virtual void Cancel(const std::shared_ptr<Job>& job) = 0;

  // An explicit lease: one more in the pool's count, without a job. False: not resident.
  virtual bool Hold(PoolIndex pool) = 0;
  virtual void Release(PoolIndex pool) = 0;

  // Of all pools that ever were asked for.
  virtual std::vector<PoolStats> Stats() = 0;
  virtual PoolStats StatsOf(PoolIndex pool) = 0;
  // The pools that were used since the last call, with the stamps of their last use. One thread at a time.
  virtual std::vector<UsedPool> TakeUsed() = 0;

 protected:
  ~Registry() = default;
};

}  // namespace pilotlight
