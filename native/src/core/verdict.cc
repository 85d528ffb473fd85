#include "core/verdict.h"

#include <string>

#include "core/lost_devices.h"

namespace pilotlight {

namespace {

std::string Milliseconds(int64_t ns) { return std::to_string((ns + 500000) / 1000000) + " ms"; }

std::string LossText(const PoolOptions& options) {
  const std::string* const loss = LossOf(options.device);
  return loss != nullptr ? *loss : "";
}

std::string Text(const Job& job, Code code, const PoolOptions& options) {
  const std::string after = Milliseconds(job.ended_ns - job.submitted_ns);
  const std::string pool = "pool " + options.key;
  const std::string where = job.started_ns == 0 ? ", waiting for a slot of " + pool : ", running on a slot of " + pool;
  switch (code) {
    case Code::kCancelled: return "the caller gave up after " + after + where;
    case Code::kDeadline: return "the deadline passed after " + after + where;
    case Code::kDeviceLost: return "device " + options.device + " is lost: " + LossText(options);
    case Code::kQueueTimeout: return "waited " + after + " for a slot of " + pool + ", whose queue allows " + Milliseconds(options.queue_timeout_ns);
    default: return pool + " was unloaded before the job ran";
  }
}

}  // namespace

Code RunVerdict(const Job& job, int64_t now) {
  if (job.cancelled.load(std::memory_order_relaxed)) return Code::kCancelled;
  return now >= job.deadline_ns ? Code::kDeadline : Code::kOk;
}

Code StartVerdict(const Job& job, int64_t now, const PoolOptions& options) {
  const Code code = RunVerdict(job, now);
  return code == Code::kOk && LossOf(options.device) != nullptr ? Code::kDeviceLost : code;
}

Code WaitVerdict(const Job& job, int64_t now, const PoolOptions& options) {
  const Code code = StartVerdict(job, now, options);
  if (code != Code::kOk || IsWarmup(job)) return code;
  return now - job.submitted_ns > options.queue_timeout_ns ? Code::kQueueTimeout : Code::kOk;
}

void EndJob(Job& job, Code code, int64_t now, const PoolOptions& options) {
  job.ended_ns = now;
  job.status = Status::Error(code, Text(job, code, options));
}

}  // namespace pilotlight
