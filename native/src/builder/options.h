// What the builder is asked, as its command line says it. Whoever wants to type it is a program; people use `pilotlight engine`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"

namespace pilotlight::build {

// Of one input in one optimization profile: axes, or the values of a shape tensor.
struct ProfileRange {
  int profile = 0;
  std::string input;
  bool is_values = false;
  std::vector<int64_t> min, opt, max;
};

struct Options {
  std::string verb;  // build, inspect, run
  std::string model, out, plan;
  std::string library;  // of TensorRT; empty: wherever the loader finds it
  std::string driver;   // libcuda.so.1, likewise
  std::vector<std::string> plugins;
  int device = 0;
  std::string lock_folder;  // empty: no lock
  bool watch_stdin = false;
  bool verbose = false;

  std::vector<ProfileRange> ranges;
  int64_t workspace_bytes = -1;  // -1: TensorRT's own
  int level = -1;
  int aux_streams = 0;
  std::string timing_cache;
  int hardware_compatibility = 0;
  bool version_compatible = false, exclude_lean_runtime = false;
  std::string required_type;  // float16 or bfloat16: the network must have tensors of it

  bool int8 = false;
  std::string samples;  // a sample list (sample_list.h)
  std::string calibration_cache, calibration_key;
  std::vector<std::string> precise_layers;
  bool mark_layers = false;  // every layer's outputs become outputs

  bool allow_host_code = false;
  std::string outputs;  // folder
};

Result<Options> ParseOptions(int argc, char** argv);

}  // namespace pilotlight::build
