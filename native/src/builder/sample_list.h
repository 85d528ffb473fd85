// Inputs for a calibration or a run: a text file of lines `SAMPLE <tab> INPUT <tab> TYPE <tab> 1x3x224x224 <tab> FILE`, where FILE
// holds the tensor's bytes, row-major, and SAMPLE counts from 0.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"

namespace pilotlight::build {

struct SampleTensor {
  std::string name;
  ElementType type = ElementType::kFloat32;
  std::vector<int64_t> shape;
  std::string path;

  size_t size() const;  // in bytes
};
using Sample = std::vector<SampleTensor>;

Result<std::vector<Sample>> ReadSampleList(const std::string& path);
// Exactly the tensor's bytes, or kBadInput.
Status ReadTensorFile(const SampleTensor& tensor, void* to);
std::string DescribeShape(const std::vector<int64_t>& shape);

}  // namespace pilotlight::build
