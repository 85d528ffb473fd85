// Opens what ONNX Runtime's CUDA provider needs beside itself: cuBLAS, cuDNN, cuRAND, the CUDA runtime. A running process cannot
// change where its loader looks, but a library that is open already is found by its name, wherever it came from.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"

namespace pilotlight::ort {

// Dependencies first; from `folders` where they lie there, else from wherever the loader finds them. They stay open. A folder may
// hold libraries, or be the folder `nvidia` of a Python environment, whose parts hold them in `lib`. kMissingLibrary names all that
// are missing and where they were looked for.
Status OpenCudaLibraries(const std::string& provider, const std::vector<std::string>& folders);

}  // namespace pilotlight::ort
