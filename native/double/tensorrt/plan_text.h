// What a plan of the double says: the 28 bytes of a real plan's header (`ftrt`, the version of TensorRT in bytes 24 to 27), then
// lines of text, of which the first is needed, and `#` begins a remark:
//   pilotlight-double-plan 1
//   compute 9.0                          the GPU that it was built for; left out: any
//   weights 1048576                      bytes
//   persistent 8192                      bytes that each context takes by itself
//   scratch 65536 [131072 ...]           bytes of activations, by profile (the last one counts for the rest)
//   load-us 1000                         how long deserializing takes
//   enqueue-us 400                       how long an enqueue keeps its caller
//   run-us 500 [20]                      how long a run keeps the GPU, and more for each row of the first input
//   not-capturable                       an enqueue in a capture fails
//   fault-at-run 3 700                   the third run of the engine ends with this error of the driver
//   plugin NAME                          needs a creator of that name
//   compatibility 1                      its hardware compatibility level
//   layer NAME KIND TYPE WEIGHTS FROM... what the inspector tells of a layer; WEIGHTS: how many; FROM: layers of the model
//   input NAME TYPE SHAPE [host|packed]  TYPE as tensors name theirs (float32, float16, bfloat16, int8, uint8, int32, int64, bool,
//                                        fp8, int4), SHAPE as 1x3x-1 or `scalar`; host: a shape tensor;
//                                        packed: not one value after the other
//   profile N NAME MIN OPT MAX           of an input of a shape with -1; of a shape tensor: its values, as 1,3,5
//   output NAME TYPE SHAPE KIND INPUTS NUMBERS
//     affine X [a b]                     x * a + b (1 and 0), in the shape of X
//     add X Y                            x + y
//     sum X AXIS [a b]                   over that axis, then * a + b
//     nonzero X                          the indices of what is not 0: [rank, -1]
//     fill S [a]                         a (0), in the shape that the values of the shape tensor S are
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tensorrt/abi.h"

namespace pilotlight::doubles {

using trt::DataType;
using trt::Dims;

struct InputText {
  std::string name;
  DataType type = DataType::kFloat;
  Dims shape;
  bool is_host = false, is_packed = false;
  struct Range {
    Dims select[3];                   // min, opt, max
    std::vector<int64_t> values[3];   // of a shape tensor
  };
  std::map<int, Range> profiles;
};

struct OutputText {
  enum class Kind { kAffine, kAdd, kSum, kNonzero, kFill };
  std::string name;
  DataType type = DataType::kFloat;
  Dims shape;
  Kind kind = Kind::kAffine;
  std::vector<size_t> inputs;
  int axis = 0;
  double a = 1, b = 0;
};

struct LayerText {
  std::string name, kind, type;
  int64_t weights = 0;
  std::vector<std::string> from;
};

struct PlanText {
  std::string version;  // of the TensorRT that built it: "10.6.0.26"
  std::string compute;
  int64_t weights = 0, persistent = 0;
  std::vector<int64_t> scratch = {0};
  int64_t load_us = 0, enqueue_us = 0, run_us = 0, row_us = 0;
  bool is_capturable = true;
  int64_t fault_at_run = 0;
  int fault = 0;
  std::vector<std::string> plugins;
  int compatibility = 0;
  std::vector<LayerText> layers;
  std::vector<InputText> inputs;
  std::vector<OutputText> outputs;

  int profiles() const;
  bool has_data_dependent_output() const;
};

// Why it cannot be read as TensorRT would say it; "" when it can.
std::string ReadPlanText(const void* data, size_t size, PlanText* plan);

size_t BytesOf(DataType type, int64_t elements);
std::string Describe(const Dims& dims);  // "[1,4]"

}  // namespace pilotlight::doubles
