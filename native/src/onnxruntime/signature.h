// Reads a session's inputs and outputs. Only dense tensors of the types that we carry pass; anything else is
// refused at the load, by name, instead of at the first request.
#pragma once

#include "core/status.h"
#include "core/tensor.h"
#include "onnxruntime/environment.h"

namespace pilotlight::ort {

Result<Signature> ReadSignature(const Environment& environment, const OrtSession* session);

}  // namespace pilotlight::ort
