// What the builder uses of TensorRT beyond tensorrt/abi.h: slots of the vtables behind the builder, the network, the inspector and
// the ONNX parser, one table per major, and the classes that TensorRT calls. native/bench/slots.cc holds them against real headers.
#pragma once

#include "tensorrt/abi.h"

namespace pilotlight::build {

constexpr int kNone = -1;  // not there in this major

struct Slots {
  struct {
    int create_config, create_network, create_profile, build;
  } builder;
  struct {
    int set_calibrator, set_calibration_profile;
    int set_flag, add_profile, set_verbosity, create_timing_cache, set_timing_cache, get_timing_cache, set_memory_limit, set_level, set_compatibility,
      set_aux_streams, set_progress_monitor;
  } config;
  struct {
    int mark_output, layer_count, layer, input_count, input, output_count, output;
  } network;
  struct {
    int set_dimensions, set_values, is_valid;
  } profile;
  struct {
    int name, dimensions, type, is_output, is_shape;
  } tensor;
  struct {
    int type, name, input_count, input, output_count, output, set_precision, set_output_type;
  } layer;
  struct {
    int serialize, combine;
  } timing_cache;
  struct {
    int data, size;
  } host_memory;
  struct {
    int layer_count, device_memory_bytes, profile_count, compatibility, create_inspector;
  } engine;
  struct {
    int engine_information;
  } inspector;
  // The parser and its errors are plain abstract classes: slots of their own vtables, in which the destructors have their place too.
  struct {
    int parse, error_count, error, destroy;
  } parser;
};

constexpr Slots kSlots10 = {
  {7, 8, 9, 14},
  {6, 31, 11, 25, 27, 40, 41, 42, 43, 47, 49, 54, 56},
  {3, 12, 13, 14, 15, 16, 17},
  {2, 4, 9},
  {3, 5, 7, 10, 21},
  {2, 4, 5, 6, 7, 8, 10, 14},
  {2, 3},
  {2, 3},
  {3, 52, 10, 32, 18},
  {6},
  {0, 5, 6, 9},
};
constexpr Slots kSlots11 = {
  {5, 6, 7, 11},
  {kNone, kNone, 9, 23, 25, 29, 30, 31, 32, 36, 38, 43, 45},
  {3, 12, 13, 14, 15, 16, 17},
  {2, 8, 7},
  {3, 5, 6, 8, 15},
  {2, 4, 5, 6, 7, 8, kNone, kNone},
  {2, 3},
  {2, 3},
  {3, 44, 8, 28, 14},
  {6},
  {0, 3, 4, 7},
};

// Of a parser's error, in both majors.
struct ParserErrorSlots {
  static constexpr int kDescription = 1, kFile = 2, kLine = 3, kNode = 5, kNodeName = 6, kNodeOperator = 7;
};

// Of plugins, which are abstract classes too: those of version 2 themselves, those of version 3 by their core capability.
struct PluginSlots {
  static constexpr int kName2 = 1, kVersion2 = 2, kNamespace2 = 16;
  static constexpr int kCapability = 4, kName3 = 4, kVersion3 = 5, kNamespace3 = 6;
  static constexpr int kOfLayer = 2;  // VPluginV2Layer and VPluginV3Layer
  static constexpr int32_t kCore = 0;
};

// BuilderFlag: numbers have moved between the majors.
struct Flags {
  int version_compatible, exclude_lean_runtime;
  int fp16, int8, obey_precision;
};
constexpr Flags kFlags10 = {13, 14, 0, 1, 9};
constexpr Flags kFlags11 = {12, 13, kNone, kNone, kNone};

constexpr uint32_t kStronglyTyped = 1u << 1;  // NetworkDefinitionCreationFlags
constexpr int32_t kWorkspace = 0;             // MemoryPoolType
constexpr int32_t kDetailed = 2;              // ProfilingVerbosity
constexpr int32_t kJson = 1;                  // LayerInformationFormat
constexpr int32_t kParserVersion = 100;       // NV_ONNX_PARSER_VERSION: 0.1.0

// A layer of a kind is {vptr, implementation of ILayer, implementation of its kind}.
inline void* OfLayerKind(void* layer, int slot) {
  void* const implementation = static_cast<void* const*>(layer)[2];
  void* const* vtable = *static_cast<void* const* const*>(implementation);
  return reinterpret_cast<void* (*)(void*)>(vtable[slot])(implementation);
}

// A call of a virtual method of the object itself.
template <typename R, typename... Arguments>
R CallOwn(const void* object, int slot, Arguments... arguments) {
  void* const* vtable = *static_cast<void* const* const*>(object);
  return reinterpret_cast<R (*)(const void*, Arguments...)>(vtable[slot])(object, arguments...);
}

// IProgressMonitor.
class ProgressMonitor {
 public:
  virtual int32_t Language() const noexcept { return 0; }
  virtual trt::InterfaceInfo Info() const noexcept { return {"IProgressMonitor", 1, 0}; }
  virtual ~ProgressMonitor() = default;
  virtual void PhaseStart(const char* phase, const char* parent, int32_t steps) noexcept = 0;
  // False cancels the build.
  virtual bool StepComplete(const char* phase, int32_t step) noexcept = 0;
  virtual void PhaseFinish(const char* phase) noexcept = 0;
};

// IInt8EntropyCalibrator2; TensorRT 10 only.
class EntropyCalibrator {
 public:
  virtual int32_t Language() const noexcept { return 0; }
  virtual trt::InterfaceInfo Info() const noexcept { return {"IInt8EntropyCalibrator2", 1, 0}; }
  virtual ~EntropyCalibrator() = default;
  virtual int32_t BatchSize() const noexcept = 0;
  virtual bool Batch(void* bindings[], const char* names[], int32_t count) noexcept = 0;
  virtual const void* ReadCache(size_t& length) noexcept = 0;
  virtual void WriteCache(const void* data, size_t length) noexcept = 0;
  virtual int32_t Algorithm() noexcept { return 2; }
};

}  // namespace pilotlight::build
