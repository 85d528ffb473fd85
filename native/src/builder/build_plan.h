// An ONNX model to a TensorRT plan.
#pragma once

#include "builder/options.h"
#include "core/status.h"

namespace pilotlight::build {

Status BuildPlan(const Options& options);

}  // namespace pilotlight::build
