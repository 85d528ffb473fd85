#include "core/pool.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "core/lost_devices.h"
#include "core/threads.h"
#include "core/verdict.h"
#include "core/work_record.h"

namespace pilotlight {

namespace {

// Warm-ups that may wait for one slot: control sends them one by one, so this is only a bound.
constexpr size_t kOwnJobsMax = 64;

// Of a driven pool: how long an unload waits before it looks again whether the last run has ended.
constexpr auto kLookAgain = std::chrono::milliseconds(1);

}  // namespace

Pool::Pool(const PoolOptions& options, PoolEntry& entry, RunTokens& tokens, DeviceDriver& driver, std::unique_ptr<Engine> engine,
           std::vector<std::unique_ptr<Slot>> slots)
    : options_(options), entry_(entry), tokens_(tokens), driver_(driver), engine_(std::move(engine)) {
  for (auto& slot : slots) {
    runners_.push_back(std::make_unique<Runner>());
    runners_.back()->slot = std::move(slot);
  }
  is_driven_ = !runners_.empty() && runners_[0]->slot->driven() != nullptr;
}

Pool::~Pool() = default;

Status Pool::Start() {
  try {
    if (is_driven_) {
      driver_.Attach(*this);
      driver_.Wake();
      return Status::Ok();
    }
    for (auto& runner : runners_) {
      runner->thread = StartThread("pilotlight-slot", Turn::kBackground, [this, &slot = *runner] { Serve(slot); });
    }
  } catch (const std::system_error& error) {
    return Status::Error(Code::kLoadFailed, "no thread for slot of pool " + options_.key + ": " + error.what()
      + "; raise the limit of threads (ulimit -u, the container's pids limit) or ask for fewer slots");
  }
  return Status::Ok();
}

std::vector<std::shared_ptr<Job>> Pool::Stop() {
  std::lock_guard<std::mutex> lock(mutex_);
  stopping_ = true;
  std::vector<std::shared_ptr<Job>> refused;
  for (auto& runner : runners_) {
    for (auto& job : runner->own) {
      EndJob(*job, Code::kNotResident, MonotonicNs(), options_);
      refused.push_back(std::move(job));
    }
    runner->own.clear();
    if (runner->current != nullptr) runner->current->cancelled.store(true, std::memory_order_relaxed);
    if (runner->idle) Call(*runner);
  }
  return refused;
}

void Pool::Join() {
  if (is_driven_) {
    const auto is_quiet = [this] {
      std::lock_guard<std::mutex> lock(mutex_);
      return busy_ == 0;
    };
    while (!is_quiet()) std::this_thread::sleep_for(kLookAgain);
    driver_.Detach(*this);
    return;
  }
  for (auto& runner : runners_) {
    if (runner->thread.joinable()) runner->thread.join();
  }
}

bool Pool::stopping() {
  std::lock_guard<std::mutex> lock(mutex_);
  return stopping_;
}

// Engines index by their own signature.
Status Pool::Fits(const Job& job) const {
  const Signature& signature = engine_->signature();
  if (job.inputs.size() != signature.inputs.size()) {
    return Status::Error(Code::kBadInput, std::to_string(job.inputs.size()) + " inputs for pool " + options_.key + ", whose model takes "
      + std::to_string(signature.inputs.size()));
  }
  if (!job.wanted.empty() && job.wanted.size() != signature.outputs.size()) {
    return Status::Error(Code::kBadInput, "a choice of " + std::to_string(job.wanted.size()) + " outputs for pool " + options_.key
      + ", whose model gives " + std::to_string(signature.outputs.size()));
  }
  return Status::Ok();
}

Status Pool::Submit(std::shared_ptr<Job> job) {
  Status fits = Fits(*job);
  if (!fits.ok()) return fits;
  std::lock_guard<std::mutex> lock(mutex_);
  const size_t free = runners_.size() - static_cast<size_t>(busy_);
  if (line_.size() >= free + static_cast<size_t>(options_.queue_max)) {
    entry_.counters.queue_full.fetch_add(1, std::memory_order_relaxed);
    return Status::Error(Code::kQueueFull, std::to_string(line_.size()) + " jobs wait for the " + std::to_string(runners_.size())
      + " slots of pool " + options_.key + ", and its queue takes " + std::to_string(options_.queue_max));
  }
  entry_.counters.hits.fetch_add(1, std::memory_order_relaxed);
  line_.push_back(std::move(job));
  // Under the mutex: once it is free the job may be done, and with it the pool.
  CallIdle();
  return Status::Ok();
}

Status Pool::SubmitToSlot(std::shared_ptr<Job> job) {
  Status fits = Fits(*job);
  if (!fits.ok()) return fits;
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) return Status::Error(Code::kNotResident, "pool " + options_.key + " is being unloaded");
  const auto index = static_cast<size_t>(job->slot);
  if (index >= runners_.size()) {
    return Status::Error(Code::kBadInput, "slot " + std::to_string(index) + " of pool " + options_.key + ", which has "
      + std::to_string(runners_.size()));
  }
  Runner& runner = *runners_[index];
  if (runner.own.size() >= kOwnJobsMax) {
    return Status::Error(Code::kQueueFull, std::to_string(kOwnJobsMax) + " warm-up jobs wait for slot " + std::to_string(index)
      + " of pool " + options_.key);
  }
  runner.own.push_back(std::move(job));
  if (runner.idle) Call(runner);
  return Status::Ok();
}

void Pool::CallIdle() {
  if (!idle_.empty()) Call(*idle_.back());
}

void Pool::Call(Runner& runner) {
  idle_.erase(std::find(idle_.begin(), idle_.end(), &runner));
  runner.idle = false;
  if (!is_driven_) return runner.called.notify_one();
  runner.is_called.store(true, std::memory_order_release);
  driver_.Wake();
}

// The life of a slot's thread. One lock a job while jobs come; the job is reported before the next one runs.
void Pool::Serve(Runner& runner) {
  runner.place = &WorkPlaceOfThisThread();
  std::shared_ptr<Job> job = WaitForJob(runner);
  while (job != nullptr) {
    Run(runner, *job);
    Next next = NextJob(runner, *job);
    entry_.Complete(std::move(job), next.in_burst ? &Completion::DoneInBurst : &Completion::Done);
    job = next.job != nullptr ? std::move(next.job) : WaitForJob(runner);
  }
}

Pool::Next Pool::NextJob(Runner& runner, const Job& finished) {
  std::shared_ptr<Completion> paid;  // may be the last to know it: dropped when the lock is free
  std::lock_guard<std::mutex> lock(mutex_);
  runner.current = nullptr;
  --busy_;
  Next next;
  next.job = TakeJob(runner);
  next.in_burst = next.job != nullptr && usual_run_.is_short();
  paid = std::move(runner.owed);
  runner.owed = next.in_burst ? finished.completion : nullptr;
  runner.owed_sweeps = 0;
  return next;
}

std::shared_ptr<Job> Pool::WaitForJob(Runner& runner) {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    if (auto job = TakeJob(runner)) return job;
    if (stopping_) return nullptr;
    runner.idle = true;
    idle_.push_back(&runner);
    runner.called.wait(lock, [&] { return !runner.idle; });
  }
}

std::shared_ptr<Job> Pool::TakeJob(Runner& runner) {
  auto& jobs = runner.own.empty() ? line_ : runner.own;
  if (jobs.empty()) return nullptr;
  std::shared_ptr<Job> job = std::move(jobs.front());
  jobs.pop_front();
  // It may have been called for a job of the line and have found one of its own.
  if (IsWarmup(*job) && !line_.empty()) CallIdle();
  runner.current = job.get();
  ++busy_;
  return job;
}

void Pool::Run(Runner& runner, Job& job) {
  // Tokens part the cores: what runs on a GPU takes none while it runs.
  const bool is_long = options_.device == "cpu" && usual_run_.is_long();
  if (is_long && !tokens_.Acquire(runner.token)) {
    const int64_t now = MonotonicNs();
    return EndJob(job, WaitVerdict(job, now, options_), now, options_);
  }
  RunOnSlot(runner, job);
  if (is_long) tokens_.Release();
}

RunRequest Pool::RequestOf(const Job& job) {
  RunRequest request;
  request.inputs = &job.inputs;
  request.wanted = job.wanted.empty() ? nullptr : &job.wanted;
  return request;
}

Status Pool::Guarded(const Job& job, WorkPlace& place, const std::function<Status()>& work) {
  const AtWork at_work(place, job.pool);
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Status::Error(Code::kNoMemory, "the run needed more memory than the system gave");
  } catch (const std::exception& error) {
    return Status::Error(Code::kEngineFailed, std::string("the engine threw: ") + error.what());
  } catch (...) {
    return Status::Error(Code::kEngineFailed, "the engine threw something that is no exception");
  }
}

void Pool::RunOnSlot(Runner& runner, Job& job) {
  if (IsTooLate(job)) return;
  Judge(runner, job, Guarded(job, *runner.place, [&] { return runner.slot->Run(RequestOf(job), &job.outputs); }));
}

// Ends it if so; else its run begins now.
bool Pool::IsTooLate(Job& job) {
  const int64_t start = MonotonicNs();
  const Code late = StartVerdict(job, start, options_);
  if (late != Code::kOk) EndJob(job, late, start, options_);
  else job.started_ns = start;
  return late != Code::kOk;
}

// After the run: what becomes of the job.
void Pool::Judge(Runner& runner, Job& job, Status status) {
  job.ended_ns = MonotonicNs();

  if (status.code == Code::kDeviceLost) LoseDevice(options_.device, status.message);
  // An engine that is told to stop may call that a failure, or finish in time; and whichever call meets a loss, it may tell of it as of anything.
  const Code over = status.ok() ? RunVerdict(job, job.ended_ns) : StartVerdict(job, job.ended_ns, options_);
  if (over != Code::kOk) {
    EndJob(job, over, job.ended_ns, options_);
  } else if (status.code == Code::kCancelled) {
    job.status = Status::Error(Code::kEngineFailed, "the engine gave up the run unasked: " + status.message);
  } else {
    job.status = std::move(status);
  }
  if (!job.status.ok()) job.outputs.clear();
  if (runner.has_run) usual_run_.Learn(job.ended_ns - job.started_ns, job.status.ok() ? RunEnd::kWhole : RunEnd::kCut);
  runner.has_run = true;
}

bool Pool::Sweep(Swept* swept) {
  std::lock_guard<std::mutex> lock(mutex_);
  const int64_t now = MonotonicNs();  // under the lock: no job here was submitted later
  SweepLine(line_, now, swept);
  bool any = busy_ > 0 || !line_.empty();
  for (auto& runner : runners_) {
    SweepLine(runner->own, now, swept);
    any = any || !runner->own.empty();
    if (runner->current == nullptr) continue;
    // Neither harms a job that is elsewhere by now, and the next sweep comes soon: no state between them to get wrong.
    if (WaitVerdict(*runner->current, now, options_) != Code::kOk) tokens_.GiveUp(runner->token);
    if (RunVerdict(*runner->current, now) != Code::kOk) runner->slot->Cancel();
    if (runner->owed != nullptr && ++runner->owed_sweeps > 1) swept->stalled.push_back(runner->owed);
  }
  return any;
}

void Pool::SweepLine(std::deque<std::shared_ptr<Job>>& jobs, int64_t now, Swept* swept) {
  const auto over = [&](const std::shared_ptr<Job>& job) { return WaitVerdict(*job, now, options_) != Code::kOk; };
  if (std::none_of(jobs.begin(), jobs.end(), over)) return;
  std::deque<std::shared_ptr<Job>> staying;
  for (auto& job : jobs) {
    const Code code = WaitVerdict(*job, now, options_);
    if (code == Code::kOk) {
      staying.push_back(std::move(job));
      continue;
    }
    EndJob(*job, code, now, options_);
    swept->ended.push_back(std::move(job));
  }
  jobs = std::move(staying);
}

void Pool::Describe(PoolStats* stats) {
  stats->memory = engine_->memory();
  std::lock_guard<std::mutex> lock(mutex_);
  stats->slots = static_cast<int>(runners_.size());
  stats->busy = busy_;
  stats->waiting = static_cast<int>(line_.size());
}

}  // namespace pilotlight
