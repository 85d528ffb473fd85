// One run of a pool, from submit to completion.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"

namespace pilotlight {

using PoolIndex = uint32_t;  // stable for the life of the process: one for each key ever named

struct Job;

// Where finished jobs go. Called on a native thread, outside all locks of the core; must not block. The job no longer
// holds its pool then, and Job::completion is empty.
class Completion {
 public:
  virtual ~Completion() = default;
  virtual void Done(std::shared_ptr<Job> job) = 0;
  // As Done, in the midst of short runs: the thread has its next job already and usually calls again within microseconds, on this
  // or another completion. So waking who waits may wait for that call, or for Flush.
  virtual void DoneInBurst(std::shared_ptr<Job> job) { Done(std::move(job)); }
  // The next run takes long after all: wake now. Any thread, also when nothing is owed.
  virtual void Flush() {}
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
  int64_t started_ns = 0;  // the run began; 0: it never did
  int64_t ended_ns = 0;

  // The core's own.
  PoolIndex pool = 0;
  std::atomic<bool> cancelled{false};
};

int64_t MonotonicNs();  // CLOCK_MONOTONIC, as process.hrtime

}  // namespace pilotlight
