// A pool of a fake model for one test: writes the model's text to a file, loads it, and waits where the registry calls back.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "core/registry.h"

namespace pilotlight {

// Where a test's jobs end.
class Finished final : public Completion {
 public:
  void Done(std::shared_ptr<Job> job) override {
    std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push_back(std::move(job));
    changed_.notify_all();
  }

  // Waits until so many jobs have ended in all; they stand in the order of their ends.
  std::vector<std::shared_ptr<Job>> Await(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return jobs_.size() >= count; });
    return jobs_;
  }

  size_t count() {
    std::lock_guard<std::mutex> lock(mutex_);
    return jobs_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Job>> jobs_;
};

class ModelFile {
 public:
  explicit ModelFile(const std::string& text) {
    std::string folder = (std::filesystem::temp_directory_path() / "pilotlight-XXXXXX").string();
    CHECK(mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    std::ofstream(path()) << text;
  }
  ~ModelFile() { std::filesystem::remove_all(folder_); }
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;

  std::string path() const { return folder_ + "/model.fake"; }

 private:
  std::string folder_;
};

inline std::string FakeText(const std::string& script) {
  return "pilotlight-fake 1\ninput x float32 [batch,4]\noutput y float32 [batch,4]\n" + script + "\n";
}

inline std::vector<Tensor> Rows(int64_t rows, float value) {
  std::vector<Tensor> inputs(1);
  inputs[0].shape = {rows, 4};
  inputs[0].bytes = Bytes::Allocate(static_cast<size_t>(rows) * 16);
  for (int64_t at = 0; at < rows * 4; ++at) std::memcpy(inputs[0].bytes.data() + at * 4, &value, 4);
  return inputs;
}

constexpr int64_t kMillisecondNs = 1000000;

class FakePool {
 public:
  explicit FakePool(const std::string& script, int slots = 1) : file_(FakeText(script)) {
    static std::atomic<int> number{0};
    Registry::Get().AddBackend("fake", FakeBackend());
    options.key = "pool-" + std::to_string(++number);
    options.backend = "fake";
    options.path = file_.path();
    options.slots = slots;
    options.queue_timeout_ns = 60000 * kMillisecondNs;  // a test that means it says so
    index = Registry::Get().Intern(options.key);
  }

  ~FakePool() {
    Retire();
    const Status unloaded = Unload();
    CHECK_EQUAL(unloaded.message, "");
  }

  Result<LoadOutcome> Load() {
    std::promise<Result<LoadOutcome>> loaded;
    Registry::Get().Load(options, [&](Result<LoadOutcome> outcome) { loaded.set_value(std::move(outcome)); });
    return loaded.get_future().get();
  }

  FakePool& LoadAndOpen() {
    const auto loaded = Load();
    CHECK_EQUAL(loaded.status.message, "");
    CHECK(Registry::Get().Open(options.key).ok());
    return *this;
  }

  Status Unload() {
    std::promise<Status> unloaded;
    Registry::Get().Unload(options.key, [&](Status status) { unloaded.set_value(std::move(status)); });
    return unloaded.get_future().get();
  }

  Retired Retire() { return Registry::Get().Retire(options.key); }

  std::shared_ptr<Job> NewJob(float value = 1) {
    auto job = std::make_shared<Job>();
    job->inputs = Rows(1, value);
    job->completion = finished;
    return job;
  }

  Status Submit(std::shared_ptr<Job> job) { return Registry::Get().Submit(index, std::move(job)); }

  std::shared_ptr<Job> MustSubmit() {
    auto job = NewJob();
    const Status status = Submit(job);
    CHECK_EQUAL(status.message, "");
    return job;
  }

  PoolStats Stats() {
    const auto all = Registry::Get().Stats();
    const auto found = std::find_if(all.begin(), all.end(), [&](const PoolStats& stats) { return stats.key == options.key; });
    CHECK(found != all.end());
    return *found;
  }

  PoolOptions options;
  PoolIndex index;
  std::shared_ptr<Finished> finished = std::make_shared<Finished>();

 private:
  ModelFile file_;
};

}  // namespace pilotlight
