// Devices that are not there: a size and a count of the bytes in use, so that hosts with GPUs can be tried without one. Only the
// fake backend loads on them.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "core/status.h"

namespace pilotlight {

// Bytes of a simulated device, given back by the destructor.
class DeviceBytes {
 public:
  DeviceBytes() = default;
  DeviceBytes(std::string device, int64_t bytes) : device_(std::move(device)), bytes_(bytes) {}
  DeviceBytes(DeviceBytes&& other) noexcept : device_(std::move(other.device_)), bytes_(std::exchange(other.bytes_, 0)) {}
  DeviceBytes& operator=(DeviceBytes&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~DeviceBytes();

 private:
  std::string device_;
  int64_t bytes_ = 0;
};

// Process-wide and leaked on purpose, as the registry is.
class SimulatedDevices {
 public:
  static SimulatedDevices& Get();

  // `taken_bytes` are in use by somebody else from the start. Again changes both.
  void Declare(const std::string& device, int64_t total_bytes, int64_t taken_bytes);
  bool Has(const std::string& device);
  // -1: no such device.
  int64_t FreeBytes(const std::string& device);
  // kNoMemory with need and have; kLoadFailed when there is no such device.
  Result<DeviceBytes> Take(const std::string& device, int64_t bytes, const std::string& what);

 private:
  friend class DeviceBytes;
  struct Device {
    int64_t total_bytes = 0, taken_bytes = 0, used_bytes = 0;
    int64_t free_bytes() const { return total_bytes - taken_bytes - used_bytes; }
  };

  void Give(const std::string& device, int64_t bytes);

  std::mutex mutex_;
  std::map<std::string, Device> devices_;
};

}  // namespace pilotlight
