// How the double of TensorRT has the double of the driver do its runs: exported by the latter's library to it alone.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cuda/driver.h"

#define PILOTLIGHT_DOUBLE_SHARED __attribute__((visibility("default")))

namespace pilotlight::doubles {

struct Range {
  uint64_t address = 0;
  size_t bytes = 0;
  bool is_written = false;
};

struct Run {
  std::string name;
  int64_t ns = 0;
  std::vector<Range> ranges;               // what it reads and writes
  std::function<cuda::Return()> effect;    // on the GPU's thread; not 0: a sticky error
  std::function<std::string()> objection;  // why a graph that holds it must not be launched any more
};

// Counts a call; not 0: it fails with that.
PILOTLIGHT_DOUBLE_SHARED cuda::Return CountCall(const char* function);
PILOTLIGHT_DOUBLE_SHARED void CountAlive(const char* kind, int by);
PILOTLIGHT_DOUBLE_SHARED void WrongUse(const std::string& what);
PILOTLIGHT_DOUBLE_SHARED std::string ErrorOf(cuda::Return code);
// Compute capability of the GPU that is current in this thread.
PILOTLIGHT_DOUBLE_SHARED cuda::Return CurrentCompute(std::string* compute);
PILOTLIGHT_DOUBLE_SHARED std::string VersionOf(int major);
PILOTLIGHT_DOUBLE_SHARED bool HasPlugin(const std::string& name);
PILOTLIGHT_DOUBLE_SHARED bool IsCapturing(cuda::Stream* stream);
PILOTLIGHT_DOUBLE_SHARED void SpoilCapture(cuda::Stream* stream);
PILOTLIGHT_DOUBLE_SHARED cuda::Return LaunchRun(cuda::Stream* stream, Run run);
PILOTLIGHT_DOUBLE_SHARED cuda::Return AwaitStream(cuda::Stream* stream);
PILOTLIGHT_DOUBLE_SHARED bool IsInFlight(const Range& range);
// Memory of a GPU as the host sees it, for a run that uses it; null where nothing of that size lies there.
PILOTLIGHT_DOUBLE_SHARED unsigned char* MemoryAt(uint64_t address, size_t bytes);

}  // namespace pilotlight::doubles
