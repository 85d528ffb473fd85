// What a plan holds, as TensorRT tells it after loading it.
#pragma once

#include "builder/options.h"
#include "core/status.h"

namespace pilotlight::build {

Status InspectPlan(const Options& options);

}  // namespace pilotlight::build
