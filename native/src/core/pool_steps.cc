// A pool whose slots the device's driver drives: what Pool::Serve does with a thread for each slot, in steps that never wait.
#include <algorithm>
#include <utility>

#include "core/pool.h"
#include "core/verdict.h"
#include "core/work_record.h"

namespace pilotlight {

Drivable::Found Pool::Step() {
  auto found = Found::kNothing;
  for (auto& runner : runners_) found = std::max(found, StepRunner(*runner));
  return found;
}

Drivable::Found Pool::StepRunner(Runner& runner) {
  if (runner.is_aside.load(std::memory_order_acquire)) return Found::kNothing;  // its end wakes the driver
  if (runner.flying == nullptr) {
    if (!runner.is_called.load(std::memory_order_relaxed) || !runner.is_called.exchange(false, std::memory_order_acquire)) return Found::kNothing;
    if (auto job = TakeOrIdle(runner)) Begin(runner, std::move(job));
    return Found::kWork;
  }
  Status status;
  {
    Job& job = *runner.flying;
    const AtWork at_work(WorkPlaceOfThisThread(), job.pool);
    if (!runner.slot->driven()->Poll(RequestOf(job), &status, &job.outputs)) return Found::kFlying;
  }
  std::shared_ptr<Job> ended = std::move(runner.flying);
  Judge(runner, *ended, std::move(status));
  Next next = NextJob(runner, *ended);
  // The device first: the next run goes while this one is reported.
  if (next.job == nullptr) next.job = TakeOrIdle(runner);
  if (next.job != nullptr) Begin(runner, std::move(next.job));
  entry_.Complete(std::move(ended), next.in_burst ? &Completion::DoneInBurst : &Completion::Done);
  return Found::kWork;
}

std::shared_ptr<Job> Pool::TakeOrIdle(Runner& runner) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto job = TakeJob(runner);
  if (job == nullptr) {
    runner.idle = true;
    idle_.push_back(&runner);
  }
  return job;
}

void Pool::Begin(Runner& runner, std::shared_ptr<Job> job) {
  Status failure;
  auto began = DrivenSlot::Began::kFailed;
  const bool is_late = IsTooLate(*job);
  if (!is_late) {
    const AtWork at_work(WorkPlaceOfThisThread(), job->pool);
    began = runner.slot->driven()->Start(RequestOf(*job), &failure);
  }
  if (began == DrivenSlot::Began::kStarted) {
    runner.flying = std::move(job);
    return;
  }
  if (began == DrivenSlot::Began::kAside) {
    runner.is_aside.store(true, std::memory_order_relaxed);
    driver_.Aside([this, &runner, job = std::move(job)] { BeginAside(runner, job); });
    return;
  }
  if (!is_late) Judge(runner, *job, std::move(failure));
  {
    std::lock_guard<std::mutex> lock(mutex_);
    runner.current = nullptr;
    --busy_;
  }
  runner.is_called.store(true, std::memory_order_release);
  driver_.Wake();
  entry_.Complete(std::move(job));
}

void Pool::BeginAside(Runner& runner, std::shared_ptr<Job> job) {
  // Once it is not busy any more the pool may go.
  PoolEntry& entry = entry_;
  DeviceDriver& driver = driver_;
  runner.place = &WorkPlaceOfThisThread();
  auto began = DrivenSlot::Began::kFailed;
  if (!IsTooLate(*job)) {
    Status failure = Guarded(*job, *runner.place, [&] {
      Status status;
      began = runner.slot->driven()->StartAside(RequestOf(*job), &status, &job->outputs);
      return status;
    });
    if (began == DrivenSlot::Began::kStarted && failure.ok()) {
      // The driving thread's from here on.
      runner.flying = std::move(job);
      runner.is_aside.store(false, std::memory_order_release);
      return driver.Wake();
    }
    Judge(runner, *job, std::move(failure));
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    runner.current = nullptr;
    --busy_;
    runner.is_called.store(true, std::memory_order_relaxed);
    runner.is_aside.store(false, std::memory_order_release);
  }
  driver.Wake();
  entry.Complete(std::move(job));
}

}  // namespace pilotlight
