// A plan on its way from the disk into the library, read as the library asks for it: it is never in memory as a whole.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "core/status.h"

namespace pilotlight::trt {

// The new ICudaEngine, which the caller owns; null: TakeReason says why. kBadModel: the file cannot be read.
Result<void*> DeserializeFile(void* runtime, const std::string& path);

}  // namespace pilotlight::trt
