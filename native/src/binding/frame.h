// How a run crosses to native and back without a Node-API call for each of its parts: as words (doubles) and bytes in memory that both
// sides see. runtime/engine/frame.ts holds the same lists; keep them in step.
#pragma once

#include <cstddef>

namespace pilotlight {

// Counted up with every change of what lies where: JavaScript of another build refuses the addon.
constexpr double kLayout = 1;

// A submit. Then for each input: type, place, rank, dimensions; then for each output whether it is wanted, if any are listed.
// A place is an offset into the staging bytes; kDirect: the data lie in the array that goes with the call, at the input's index.
namespace submit_word {
enum : size_t { kId, kPool, kSlot, kDeadlineMs, kInputs, kOutputs, kCount };
}
constexpr double kDirect = -1;

// A finished run. Then for each output: place, and unless it is kUnwanted: type, rank, dimensions.
namespace result_word {
enum : size_t { kId, kSubmittedMs, kStartedMs, kEndedMs, kOutputs, kCount };
}
constexpr double kUnwanted = -1;

constexpr size_t kFrameWords = 8192;
constexpr size_t kStagingBytes = 64 * 1024;
constexpr size_t kResultWords = 8192;
constexpr size_t kResultBytes = 256 * 1024;
// A run with more output bytes brings array buffers of its own.
constexpr size_t kSharedOutputBytesMax = 16 * 1024;

}  // namespace pilotlight
