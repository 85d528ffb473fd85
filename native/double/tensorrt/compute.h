// What a run of a double's plan does to the numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "plan_text.h"

namespace pilotlight::doubles {

struct TensorNow {
  const unsigned char* data = nullptr;
  DataType type = DataType::kFloat;
  std::vector<int64_t> shape;
};

int64_t ElementsOf(const std::vector<int64_t>& shape);
double ReadElement(const unsigned char* data, DataType type, int64_t at);
void WriteElement(unsigned char* data, DataType type, int64_t at, double value);

// The bytes of the output; `shape` becomes its shape.
std::vector<unsigned char> Compute(const OutputText& output, const std::vector<TensorNow>& inputs, std::vector<int64_t>* shape);

}  // namespace pilotlight::doubles
