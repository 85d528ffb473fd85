#include "core/lost_devices.h"

#include <atomic>
#include <map>
#include <mutex>

namespace pilotlight {
namespace {

struct Losses {
  std::atomic<bool> any{false};
  std::mutex mutex;
  std::map<std::string, std::string> reasons;  // none goes or changes: pointers to them stay
};

Losses& losses() {
  static Losses& leaked = *new Losses;
  return leaked;
}

}  // namespace

void LoseDevice(const std::string& device, const std::string& reason) {
  std::lock_guard<std::mutex> lock(losses().mutex);
  losses().reasons.emplace(device, reason);
  losses().any.store(true, std::memory_order_release);
}

const std::string* LossOf(const std::string& device) {
  if (!losses().any.load(std::memory_order_acquire)) return nullptr;
  std::lock_guard<std::mutex> lock(losses().mutex);
  const auto found = losses().reasons.find(device);
  return found == losses().reasons.end() ? nullptr : &found->second;
}

std::vector<LostDevice> LostDevices() {
  std::vector<LostDevice> all;
  if (!losses().any.load(std::memory_order_acquire)) return all;
  std::lock_guard<std::mutex> lock(losses().mutex);
  for (const auto& [device, reason] : losses().reasons) all.push_back({device, reason});
  return all;
}

}  // namespace pilotlight
