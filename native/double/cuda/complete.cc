// Does not link when the driver is asked for a function that the double has not.
#include "machine.h"

namespace pilotlight::cuda {

// Kept, so that the linker has to find each.
__attribute__((used)) const void* const kAllFunctions[] = {
#define PILOTLIGHT_DOUBLE_TAKE(name, symbol, parameters) reinterpret_cast<const void*>(&symbol),
  PILOTLIGHT_CUDA_FUNCTIONS(PILOTLIGHT_DOUBLE_TAKE)
#undef PILOTLIGHT_DOUBLE_TAKE
};

}  // namespace pilotlight::cuda
