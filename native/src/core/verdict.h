// When a job's time is over, and what it is then told. The core's flags and clock decide, never an engine's text.
#pragma once

#include "core/job.h"
#include "core/pool_records.h"

namespace pilotlight {

inline bool IsWarmup(const Job& job) { return job.slot >= 0; }

// Why a job must end now, running or not; kOk: it need not.
Code RunVerdict(const Job& job, int64_t now);
// Why one must not begin any more.
Code StartVerdict(const Job& job, int64_t now, const PoolOptions& options);
// The same for one that waits.
Code WaitVerdict(const Job& job, int64_t now, const PoolOptions& options);

// Ends the job with the code and a text for people.
void EndJob(Job& job, Code code, int64_t now, const PoolOptions& options);

}  // namespace pilotlight
