// Runs a plan on samples as a host would, so that its answers can be held against another engine's.
#pragma once

#include "builder/options.h"
#include "core/status.h"

namespace pilotlight::build {

// Writes each output's bytes to a file of its own and tells its type, shape and path.
Status RunPlan(const Options& options);

}  // namespace pilotlight::build
