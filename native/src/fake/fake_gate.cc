#include "fake/fake_gate.h"

#include <algorithm>
#include <map>
#include <memory>

namespace pilotlight {

FakeGate& FakeGate::Named(const std::string& name) {
  static auto& mutex = *new std::mutex;
  static auto& gates = *new std::map<std::string, std::unique_ptr<FakeGate>>;
  std::lock_guard<std::mutex> lock(mutex);
  auto& gate = gates[name];
  if (gate == nullptr) gate = std::make_unique<FakeGate>();
  return *gate;
}

void FakeGate::Open() {
  std::lock_guard<std::mutex> lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

void FakeGate::Close() {
  std::lock_guard<std::mutex> lock(mutex_);
  open_ = false;
}

void FakeGate::AwaitStanding(int count) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return standing_ >= count; });
}

int FakeGate::peak() {
  std::lock_guard<std::mutex> lock(mutex_);
  return peak_;
}

bool FakeGate::Pass(const std::atomic<bool>& cancelled) {
  std::unique_lock<std::mutex> lock(mutex_);
  ++standing_;
  peak_ = std::max(peak_, standing_);
  changed_.notify_all();
  changed_.wait(lock, [&] { return open_ || cancelled.load(); });
  --standing_;
  return !cancelled.load();
}

void FakeGate::Nudge() {
  std::lock_guard<std::mutex> lock(mutex_);
  changed_.notify_all();
}

}  // namespace pilotlight
