#include "core/registry.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>

#include "core/heap.h"
#include "core/loader.h"
#include "core/pool.h"
#include "core/pool_entry.h"
#include "core/lost_devices.h"
#include "core/pool_load.h"
#include "core/run_tokens.h"
#include "core/threads.h"
#include "core/verdict.h"
#include "core/watchdog.h"
#include "core/work_record.h"

namespace pilotlight {

namespace {

class ProcessRegistry final : public Registry {
 public:
  void AddBackend(const std::string& name, Backend& backend) override;
  PoolIndex Intern(const std::string& key) override { return table_.Intern(key); }
  void Load(PoolOptions options, std::function<void(Result<LoadOutcome>)> done) override;
  void Inspect(std::string backend, std::string path, std::string device, std::function<void(Result<Signature>)> done) override;
  void Unload(const std::string& key, std::function<void(Status)> done) override;
  Status Open(const std::string& key) override;
  Retired Retire(const std::string& key) override;
  Bytes AllocateInput(PoolIndex pool, size_t size) override;
  Status Submit(PoolIndex pool, std::shared_ptr<Job> job) override;
  void Cancel(const std::shared_ptr<Job>& job) override { job->cancelled.store(true, std::memory_order_relaxed); }
  bool Hold(PoolIndex pool) override;
  void Release(PoolIndex pool) override { table_.At(pool).Release(); }
  std::vector<PoolStats> Stats() override;
  PoolStats StatsOf(PoolIndex pool) override;
  std::vector<UsedPool> TakeUsed() override { return used_.Take(); }

 private:
  struct Loaded {
    PoolEntry* entry;
    std::unique_ptr<Pool> pool;
  };

  Loader& LoaderOf(const std::string& device);  // under mutex_
  DeviceDriver& DriverOf(const std::string& device);
  Status OnLoader(Loader& loader, std::function<void()> work);
  Result<Backend*> FindBackend(const std::string& name);
  Result<LoadOutcome> LoadNow(const PoolOptions& options);
  Status UnloadNow(PoolEntry& entry);
  Status SubmitWarmup(PoolEntry& entry, std::shared_ptr<Job> job);
  bool Sweep();
  Loaded* Find(const PoolEntry& entry);  // under mutex_
  PoolStats Describe(const PoolEntry& entry);  // under mutex_

  PoolTable table_;
  UsedPools used_;
  RunTokens tokens_{CoreCount()};
  Watchdog watchdog_{[this] { return Sweep(); }};

  // Guards what follows. Taken before a pool's own mutex; never on the way of a request.
  std::mutex mutex_;
  std::map<std::string, Backend*> backends_;
  std::map<std::string, Loader> loaders_;  // by device; they never move, as the next
  std::map<std::string, DeviceDriver> drivers_;
  std::vector<Loaded> loaded_;
};

void ProcessRegistry::AddBackend(const std::string& name, Backend& backend) {
  std::lock_guard<std::mutex> lock(mutex_);
  backends_[name] = &backend;
}

void ProcessRegistry::Load(PoolOptions options, std::function<void(Result<LoadOutcome>)> done) {
  assert(options.slots > 0 && options.threads > 0 && options.queue_max >= 0 && options.queue_timeout_ns >= 0);
  Loader* loader = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    PoolEntry& entry = table_.At(Intern(options.key));
    loader = &LoaderOf(options.device);
    assert((entry.loader == nullptr || entry.loader == loader) && "two loaders would load one pool side by side");
    entry.loader = loader;
  }
  const Status posted = OnLoader(*loader, [this, options = std::move(options), done] { done(LoadNow(options)); });
  if (!posted.ok()) done({posted, {}});
}

void ProcessRegistry::Inspect(std::string backend, std::string path, std::string device, std::function<void(Result<Signature>)> done) {
  Loader* loader = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    loader = &LoaderOf(device);
  }
  const Status posted = OnLoader(*loader, [this, backend = std::move(backend), path = std::move(path), device = std::move(device), done] {
    auto found = FindBackend(backend);
    done(found.ok() ? InspectModel(path, device, *found.value) : Result<Signature>{found.status, {}});
  });
  if (!posted.ok()) done({posted, {}});
}

void ProcessRegistry::Unload(const std::string& key, std::function<void(Status)> done) {
  PoolEntry& entry = table_.At(Intern(key));
  Loader* loader = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    loader = entry.loader != nullptr ? entry.loader : &LoaderOf("cpu");
  }
  const Status posted = OnLoader(*loader, [this, &entry, done] { done(UnloadNow(entry)); });
  if (!posted.ok()) done(posted);
}

Loader& ProcessRegistry::LoaderOf(const std::string& device) { return loaders_.try_emplace(device, device).first->second; }

Status ProcessRegistry::OnLoader(Loader& loader, std::function<void()> work) {
  try {
    watchdog_.Start();
    loader.Post(std::move(work));
  } catch (const std::system_error& error) {
    return Status::Error(Code::kLoadFailed, std::string("no thread to load with: ") + error.what()
      + "; raise the limit of threads (ulimit -u, the container's pids limit)");
  }
  return Status::Ok();
}

DeviceDriver& ProcessRegistry::DriverOf(const std::string& device) {
  std::lock_guard<std::mutex> lock(mutex_);
  return drivers_[device];
}

Result<Backend*> ProcessRegistry::FindBackend(const std::string& name) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = backends_.find(name);
  if (found != backends_.end()) return Result<Backend*>::Of(found->second);
  std::string known;
  for (const auto& backend : backends_) known += (known.empty() ? "" : ", ") + backend.first;
  return Result<Backend*>::Error(Code::kLoadFailed, "no backend is called \"" + name + "\"; known: " + (known.empty() ? "none" : known));
}

Result<LoadOutcome> LostLoad(const std::string& device, const std::string& reason) {
  return Result<LoadOutcome>::Error(Code::kDeviceLost, "device " + device + " is lost: " + reason);
}

Result<LoadOutcome> ProcessRegistry::LoadNow(const PoolOptions& options) {
  PoolEntry& entry = table_.At(Intern(options.key));
  auto backend = FindBackend(options.backend);
  if (!backend.ok()) return {backend.status, {}};
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (Find(entry) != nullptr) return Result<LoadOutcome>::Error(Code::kLoadFailed, "pool " + options.key + " is loaded already");
  }
  if (const std::string* loss = LossOf(options.device)) return LostLoad(options.device, *loss);
  const AtWork at_work(WorkPlaceOfThisThread(), Intern(options.key));
  auto loaded = LoadPool(options, *backend.value, entry, tokens_, DriverOf(options.device));
  if (loaded.status.code == Code::kDeviceLost) LoseDevice(options.device, loaded.status.message);
  if (!loaded.ok()) return {std::move(loaded.status), {}};

  std::lock_guard<std::mutex> lock(mutex_);
  entry.pool = loaded.value.pool.get();
  loaded_.push_back({&entry, std::move(loaded.value.pool)});
  return Result<LoadOutcome>::Of(std::move(loaded.value.outcome));
}

Status ProcessRegistry::UnloadNow(PoolEntry& entry) {
  std::vector<std::shared_ptr<Job>> refused;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    Loaded* found = Find(entry);
    if (found == nullptr) return Status::Ok();
    if (entry.holds() >= 0) return Status::Error(Code::kLoadFailed, "pool " + entry.key + " is open: it must be retired before it is unloaded");
    refused = found->pool->Stop();
  }
  for (auto& job : refused) entry.Complete(std::move(job));
  // Still in the list: the sweep cancels the warm-ups that run. Only its own loader takes it out.
  entry.pool->Join();
  Loaded leaving;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    Loaded* found = Find(entry);
    leaving = std::move(*found);
    loaded_.erase(loaded_.begin() + (found - loaded_.data()));
    entry.pool = nullptr;
  }
  const HeapTrim trim;
  leaving.pool.reset();
  return Status::Ok();
}

Status ProcessRegistry::Open(const std::string& key) {
  PoolEntry& entry = table_.At(Intern(key));
  std::lock_guard<std::mutex> lock(mutex_);
  Loaded* found = Find(entry);
  if (found == nullptr || found->pool->stopping()) return Status::Error(Code::kNotResident, "pool " + key + " is not loaded: it cannot be opened");
  entry.Open();
  return Status::Ok();
}

Retired ProcessRegistry::Retire(const std::string& key) {
  PoolEntry& entry = table_.At(Intern(key));
  if (entry.Close()) return Retired::kRetired;
  return entry.holds() < 0 ? Retired::kAbsent : Retired::kBusy;
}

Bytes ProcessRegistry::AllocateInput(PoolIndex pool, size_t size) {
  if (size < kStagedBytes) return Bytes::Allocate(size);
  PoolEntry& entry = table_.At(pool);
  if (!entry.TryHold()) return Bytes::Allocate(size);
  Bytes bytes = entry.pool->engine().AllocateInput(size);
  entry.Release();
  return bytes;
}

Status ProcessRegistry::Submit(PoolIndex pool, std::shared_ptr<Job> job) {
  assert(job->completion != nullptr);
  PoolEntry& entry = table_.At(pool);
  job->pool = pool;
  job->submitted_ns = MonotonicNs();
  if (job->submitted_ns >= job->deadline_ns) {
    return Status::Error(Code::kDeadline, "the deadline had passed before the job came to pool " + entry.key);
  }
  if (IsWarmup(*job)) return SubmitWarmup(entry, std::move(job));
  if (!entry.TryHold()) {
    entry.counters.misses.fetch_add(1, std::memory_order_relaxed);
    return Status::Error(Code::kNotResident, "no open pool has the key " + entry.key);
  }
  used_.Note(entry, job->submitted_ns);
  Status status;
  try {
    status = entry.pool->Submit(std::move(job));
  } catch (const std::bad_alloc&) {
    status = Status::Error(Code::kNoMemory, "");  // a text would need memory too
  }
  if (status.ok()) {
    watchdog_.Notice();
  } else {
    entry.Release();
  }
  return status;
}

Status ProcessRegistry::SubmitWarmup(PoolEntry& entry, std::shared_ptr<Job> job) {
  Status status;
  {
    // Nothing but this lock keeps a pool that is not open.
    std::lock_guard<std::mutex> lock(mutex_);
    Loaded* found = Find(entry);
    status = found != nullptr ? found->pool->SubmitToSlot(std::move(job))
                              : Status::Error(Code::kNotResident, "no pool with the key " + entry.key + " is loaded");
  }
  if (status.ok()) watchdog_.Notice();
  return status;
}

bool ProcessRegistry::Hold(PoolIndex pool) {
  PoolEntry& entry = table_.At(pool);
  if (!entry.TryHold()) return false;
  used_.Note(entry, MonotonicNs());
  return true;
}

std::vector<PoolStats> ProcessRegistry::Stats() {
  std::vector<PoolStats> all;
  std::lock_guard<std::mutex> lock(mutex_);
  for (PoolEntry* entry : table_.All()) all.push_back(Describe(*entry));
  return all;
}

PoolStats ProcessRegistry::StatsOf(PoolIndex pool) {
  std::lock_guard<std::mutex> lock(mutex_);
  return Describe(table_.At(pool));
}

PoolStats ProcessRegistry::Describe(const PoolEntry& entry) {
  PoolStats stats = entry.Stats();
  if (entry.pool != nullptr) entry.pool->Describe(&stats);
  return stats;
}

bool ProcessRegistry::Sweep() {
  bool any = false;
  Pool::Swept swept;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (Loaded& loaded : loaded_) any = loaded.pool->Sweep(&swept) || any;
  }
  for (auto& job : swept.ended) table_.At(job->pool).Complete(std::move(job));
  for (auto& completion : swept.stalled) completion->Flush();
  return any;
}

ProcessRegistry::Loaded* ProcessRegistry::Find(const PoolEntry& entry) {
  const auto found = std::find_if(loaded_.begin(), loaded_.end(), [&](const Loaded& loaded) { return loaded.entry == &entry; });
  return found == loaded_.end() ? nullptr : &*found;
}

}  // namespace

Registry& Registry::Get() {
  static Registry& registry = *new ProcessRegistry;  // never freed: native threads use it until the process is gone
  return registry;
}

}  // namespace pilotlight
