// The GPU that a build has for itself: no other build of this machine runs on it at the same time, because builds time kernels and
// would measure each other.
#pragma once

#include <string>

#include "builder/options.h"
#include "core/status.h"
#include "cuda/device.h"

namespace pilotlight::build {

// Makes the wanted GPU the only one that this process sees. Before anything of CUDA is used.
void ShowOnly(int device);

struct BuildDevice {
  cuda::Gpu* gpu = nullptr;
  cuda::GpuInfo info;
  int driver_version = 0;
};

// Enters it, tells what it is.
Result<BuildDevice> EnterDevice();

// Waits for the lock of this GPU, which is held until the process ends. kCancelled when the build is given up meanwhile.
Status LockDevice(const BuildDevice& device, const std::string& folder);

}  // namespace pilotlight::build
