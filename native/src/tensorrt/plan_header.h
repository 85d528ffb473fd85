// What a plan file says of itself before anybody loads it.
#pragma once

#include <string>

#include "core/status.h"

namespace pilotlight::trt {

struct PlanHeader {
  int major = 0, minor = 0, patch = 0, build = 0;  // of the TensorRT that built it
  bool is_known = false;                           // false: a serialization version that nobody has seen, so the rest is 0
};

// kBadModel: it is no plan, or too short for one.
Result<PlanHeader> ReadPlanHeader(const std::string& path);

}  // namespace pilotlight::trt
