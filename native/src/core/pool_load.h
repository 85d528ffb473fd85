// How a pool comes to be: read the file, create the engine, make the slots. All or nothing.
#pragma once

#include <memory>

#include "core/pool.h"

namespace pilotlight {

struct LoadedPool {
  std::unique_ptr<Pool> pool;
  LoadOutcome outcome;
};

// Blocks; on the device's loader thread. A failure leaves nothing behind.
Result<LoadedPool> LoadPool(const PoolOptions& options, Backend& backend, PoolEntry& entry, RunTokens& tokens, DeviceDriver& driver);

// As Backend::Inspect, with exceptions as a status.
Result<Signature> InspectModel(const std::string& path, const std::string& device, Backend& backend);

}  // namespace pilotlight
