// A folder that holds both majors, and one that nobody knows: on the double of NVIDIA's libraries.
#include "tensorrt_pool.h"

using namespace pilotlight;

TEST("a major that is not known is refused, and a folder with both known ones gives 10") {
  SetCudaLibrary(PILOTLIGHT_DOUBLE_FOLDER);
  SetTensorRtLibrary(std::string(PILOTLIGHT_DOUBLE_FOLDER) + "/unknown/libnvinfer.so.12");
  CHECK_CONTAINS(TensorRtBackend().Probe().reason, "its version is 12.0.0, and only 10 and 11 are known");
  SetTensorRtLibrary(PILOTLIGHT_DOUBLE_FOLDER);
  const Capability found = TensorRtBackend().Probe();
  CHECK_EQUAL(found.reason, "");
  CHECK_EQUAL(found.version, "10.6.0");
  CHECK_CONTAINS(found.library, "/libnvinfer.so.10");
}
