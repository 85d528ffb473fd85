#include "fake/simulated_devices.h"

namespace pilotlight {

DeviceBytes::~DeviceBytes() {
  if (bytes_ > 0) SimulatedDevices::Get().Give(device_, bytes_);
}

SimulatedDevices& SimulatedDevices::Get() {
  static SimulatedDevices& devices = *new SimulatedDevices;
  return devices;
}

void SimulatedDevices::Declare(const std::string& device, int64_t total_bytes, int64_t taken_bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  devices_[device].total_bytes = total_bytes;
  devices_[device].taken_bytes = taken_bytes;
}

bool SimulatedDevices::Has(const std::string& device) {
  std::lock_guard<std::mutex> lock(mutex_);
  return devices_.count(device) > 0;
}

int64_t SimulatedDevices::FreeBytes(const std::string& device) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = devices_.find(device);
  return found == devices_.end() ? -1 : found->second.free_bytes();
}

Result<DeviceBytes> SimulatedDevices::Take(const std::string& device, int64_t bytes, const std::string& what) {
  using Taken = Result<DeviceBytes>;
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = devices_.find(device);
  if (found == devices_.end()) return Taken::Error(Code::kLoadFailed, "no simulated device is called \"" + device + "\"");
  const int64_t free_bytes = found->second.free_bytes();
  if (bytes > free_bytes) {
    return Taken::Error(Code::kNoMemory, device + " has " + std::to_string(free_bytes) + " bytes free of " + std::to_string(found->second.total_bytes)
      + ", and " + what + " needs " + std::to_string(bytes));
  }
  found->second.used_bytes += bytes;
  return Taken::Of(DeviceBytes(device, bytes));
}

void SimulatedDevices::Give(const std::string& device, int64_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  devices_[device].used_bytes -= bytes;
}

}  // namespace pilotlight
