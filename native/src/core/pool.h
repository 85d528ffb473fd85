// A loaded pool: an engine, a thread for each of its slots or its device's driver for all of them, and a line of waiting jobs. Exists from load to unload; it
// is freed only when no job holds its entry.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/driver.h"
#include "core/pool_entry.h"
#include "core/run_tokens.h"
#include "core/usual_run.h"
#include "core/work_record.h"

namespace pilotlight {

class Pool final : private Drivable {
 public:
  Pool(const PoolOptions& options, PoolEntry& entry, RunTokens& tokens, DeviceDriver& driver, std::unique_ptr<Engine> engine,
       std::vector<std::unique_ptr<Slot>> slots);
  ~Pool();  // Stop and Join come first

  // Starts the threads. Not ok: the system has none left.
  Status Start();
  // From now on it takes no job; those that wait (warm-ups at most: jobs hold the pool) come back refused, those that run
  // are cancelled by the next sweep.
  std::vector<std::shared_ptr<Job>> Stop();
  void Join();
  bool stopping();

  // The caller holds the entry for the job; it still does when this fails.
  Status Submit(std::shared_ptr<Job> job);
  // For a warm-up: it holds nothing, and its wait is bounded by its own deadline alone.
  Status SubmitToSlot(std::shared_ptr<Job> job);

  // What a sweep leaves to do outside the locks.
  struct Swept {
    std::vector<std::shared_ptr<Job>> ended;             // to complete
    std::vector<std::shared_ptr<Completion>> stalled;    // to flush: in a burst that does not go on
  };
  // Takes waiting jobs whose time is over and stops those that run. True: there are jobs here.
  bool Sweep(Swept* swept);

  void Describe(PoolStats* stats);
  Engine& engine() const { return *engine_; }

 private:
  struct Runner {
    std::unique_ptr<Slot> slot;
    std::thread thread;
    RunTokens::Waiter token;
    WorkPlace* place = nullptr;  // of its thread alone, as the next
    bool has_run = false;  // of its thread alone

    // Where it is driven: what is in flight, of the driving thread alone; and what that thread is told.
    std::shared_ptr<Job> flying;
    std::atomic<bool> is_aside{false}, is_called{true};

    // Under the pool's mutex:
    std::condition_variable called;
    bool idle = false;
    Job* current = nullptr;
    std::deque<std::shared_ptr<Job>> own;  // jobs for this slot and no other
    std::shared_ptr<Completion> owed;      // told of its last job in a burst; its wake-up hangs on the current one
    int owed_sweeps = 0;
  };

  struct Next {
    std::shared_ptr<Job> job;
    bool in_burst = false;  // the one before it may be reported so
  };

  Status Fits(const Job& job) const;
  void Serve(Runner& runner);
  Next NextJob(Runner& runner, const Job& finished);
  std::shared_ptr<Job> WaitForJob(Runner& runner);
  std::shared_ptr<Job> TakeJob(Runner& runner);
  void CallIdle();
  void Call(Runner& runner);
  void Run(Runner& runner, Job& job);
  static RunRequest RequestOf(const Job& job);
  // What it throws becomes its status.
  static Status Guarded(const Job& job, WorkPlace& place, const std::function<Status()>& work);
  void RunOnSlot(Runner& runner, Job& job);

  // Where it is driven: pool_steps.cc.
  Found Step() override;
  Found StepRunner(Runner& runner);
  std::shared_ptr<Job> TakeOrIdle(Runner& runner);
  void Begin(Runner& runner, std::shared_ptr<Job> job);
  void BeginAside(Runner& runner, std::shared_ptr<Job> job);

  bool IsTooLate(Job& job);
  void Judge(Runner& runner, Job& job, Status status);
  void SweepLine(std::deque<std::shared_ptr<Job>>& jobs, int64_t now, Swept* swept);

  const PoolOptions options_;
  PoolEntry& entry_;
  RunTokens& tokens_;
  DeviceDriver& driver_;
  bool is_driven_ = false;
  std::unique_ptr<Engine> engine_;
  std::vector<std::unique_ptr<Runner>> runners_;

  UsualRun usual_run_;

  std::mutex mutex_;
  std::deque<std::shared_ptr<Job>> line_;
  std::vector<Runner*> idle_;  // the last idle first: its caches are warm
  int busy_ = 0;
  bool stopping_ = false;
};

}  // namespace pilotlight
