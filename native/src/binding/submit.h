// From a frame to a job: copies the inputs, so that JavaScript may do with its buffers what it likes from then on.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <memory>

#include "binding/mailbox.h"
#include "core/status.h"

namespace pilotlight {

struct Frame {
  const double* words = nullptr;
  const uint8_t* staging = nullptr;
};

// JavaScript thread. kBadInput when data are not what the frame says of them: runtime/engine/check.ts looked before, but the data of a
// hostile or odd caller can change in between.
Status ReadJob(napi_env env, const Frame& frame, napi_value direct, RunJob* job);

}  // namespace pilotlight
