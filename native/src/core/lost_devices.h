// Devices that are lost for this process: an error that every later call meets as well, or a device that is gone. Only a new process can
// have them back, so they stay lost.
#pragma once

#include <string>
#include <vector>

namespace pilotlight {

struct LostDevice {
  std::string device;
  std::string reason;  // the first failure that told
};

// The first word on a device counts. Any thread.
void LoseDevice(const std::string& device, const std::string& reason);
// Why it is lost; null: it is not. Any thread, and one load as long as none is.
const std::string* LossOf(const std::string& device);
std::vector<LostDevice> LostDevices();

}  // namespace pilotlight
