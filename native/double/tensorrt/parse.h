// What libnvinfer's double does for the double of the ONNX parser, which is a library of its own, as the real one is.
#pragma once

#include <cstddef>
#include <string>

namespace pilotlight::doubles {

struct ParseFailure {
  int node = -1;
  std::string name, op, text;
};

// Fills the network; false: why not.
__attribute__((visibility("default"))) bool ParseOnnx(void* network, const void* data, size_t size, ParseFailure* failure);

}  // namespace pilotlight::doubles
