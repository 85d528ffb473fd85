// Holds the slot tables of builder/abi.h and tensorrt/abi.h against TensorRT's real headers: a developer's tool, for when a table grows or
// a new release comes out. The address of a virtual method tells its slot. Built by hand, once for each release, with its headers and
// those of CUDA (of which an empty `cuda_runtime_api.h` with cudaStream_t and cudaEvent_t is enough):
//   g++ -std=c++17 -w -I native/src -I HEADERS -I CUDA native/bench/slots.cc -o slots && ./slots
#if !__has_include(<NvInfer.h>) || !__has_include(<NvOnnxParser.h>)
#error "bench/slots.cc needs TensorRT's headers: see its first lines"
#endif
#include <NvInfer.h>
#include <NvOnnxParser.h>

#include <cstdio>
#include <cstring>

#include "builder/abi.h"

using namespace nvinfer1;
using namespace nvinfer1::apiv;

namespace {

int wrong = 0, right = 0;

// Itanium ABI: 1 and the offset in the table.
template <typename Method>
int SlotOf(Method method) {
  long offset = 0;
  std::memcpy(&offset, &method, sizeof offset);
  return static_cast<int>((offset - 1) / static_cast<long>(sizeof(void*)));
}

void Expect(const char* what, int real, int ours) {
  (real == ours ? right : wrong) += 1;
  if (real != ours) std::printf("%s: TensorRT %d.%d.%d has %d, we have %d\n", what, NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR, NV_TENSORRT_PATCH, real, ours);
}

}  // namespace

#define METHOD(interface, method, ours) Expect(#interface "::" #method, SlotOf(&interface::method), ours)
#define VALUE(value, ours) Expect(#value, static_cast<int>(value), ours)

int main() {
#if NV_TENSORRT_MAJOR == 10
  constexpr auto build = pilotlight::build::kSlots10;
  constexpr auto flags = pilotlight::build::kFlags10;
  constexpr auto run = pilotlight::trt::kSlots10;
  METHOD(VBuilderConfig, setInt8Calibrator, build.config.set_calibrator);
  METHOD(VBuilderConfig, setCalibrationProfile, build.config.set_calibration_profile);
  METHOD(VLayer, setPrecision, build.layer.set_precision);
  METHOD(VLayer, setOutputType, build.layer.set_output_type);
  METHOD(VOptimizationProfile, setShapeValues, build.profile.set_values);
  VALUE(BuilderFlag::kFP16, flags.fp16);
  VALUE(BuilderFlag::kINT8, flags.int8);
  VALUE(BuilderFlag::kOBEY_PRECISION_CONSTRAINTS, flags.obey_precision);
#else
  constexpr auto build = pilotlight::build::kSlots11;
  constexpr auto flags = pilotlight::build::kFlags11;
  constexpr auto run = pilotlight::trt::kSlots11;
  METHOD(VOptimizationProfile, setShapeValuesV2, build.profile.set_values);
#endif
  VALUE(BuilderFlag::kVERSION_COMPATIBLE, flags.version_compatible);
  VALUE(BuilderFlag::kEXCLUDE_LEAN_RUNTIME, flags.exclude_lean_runtime);
  VALUE(MemoryPoolType::kWORKSPACE, pilotlight::build::kWorkspace);
  VALUE(ProfilingVerbosity::kDETAILED, pilotlight::build::kDetailed);
  VALUE(LayerInformationFormat::kJSON, pilotlight::build::kJson);
  VALUE(NV_ONNX_PARSER_VERSION, pilotlight::build::kParserVersion);
  METHOD(VBuilder, createBuilderConfig, build.builder.create_config);
  METHOD(VBuilder, createNetworkV2, build.builder.create_network);
  METHOD(VBuilder, createOptimizationProfile, build.builder.create_profile);
  METHOD(VBuilder, buildSerializedNetwork, build.builder.build);
  METHOD(VBuilderConfig, setFlag, build.config.set_flag);
  METHOD(VBuilderConfig, addOptimizationProfile, build.config.add_profile);
  METHOD(VBuilderConfig, setProfilingVerbosity, build.config.set_verbosity);
  METHOD(VBuilderConfig, createTimingCache, build.config.create_timing_cache);
  METHOD(VBuilderConfig, setTimingCache, build.config.set_timing_cache);
  METHOD(VBuilderConfig, getTimingCache, build.config.get_timing_cache);
  METHOD(VBuilderConfig, setMemoryPoolLimit, build.config.set_memory_limit);
  METHOD(VBuilderConfig, setBuilderOptimizationLevel, build.config.set_level);
  METHOD(VBuilderConfig, setHardwareCompatibilityLevel, build.config.set_compatibility);
  METHOD(VBuilderConfig, setMaxAuxStreams, build.config.set_aux_streams);
  METHOD(VBuilderConfig, setProgressMonitor, build.config.set_progress_monitor);
  METHOD(VNetworkDefinition, markOutput, build.network.mark_output);
  METHOD(VNetworkDefinition, getNbLayers, build.network.layer_count);
  METHOD(VNetworkDefinition, getLayer, build.network.layer);
  METHOD(VNetworkDefinition, getNbInputs, build.network.input_count);
  METHOD(VNetworkDefinition, getInput, build.network.input);
  METHOD(VNetworkDefinition, getNbOutputs, build.network.output_count);
  METHOD(VNetworkDefinition, getOutput, build.network.output);
  METHOD(VOptimizationProfile, setDimensions, build.profile.set_dimensions);
  METHOD(VOptimizationProfile, isValid, build.profile.is_valid);
  METHOD(VTensor, getName, build.tensor.name);
  METHOD(VTensor, getDimensions, build.tensor.dimensions);
  METHOD(VTensor, getType, build.tensor.type);
  METHOD(VTensor, isNetworkOutput, build.tensor.is_output);
  METHOD(VTensor, isShapeTensor, build.tensor.is_shape);
  METHOD(VLayer, getType, build.layer.type);
  METHOD(VLayer, getName, build.layer.name);
  METHOD(VLayer, getNbInputs, build.layer.input_count);
  METHOD(VLayer, getInput, build.layer.input);
  METHOD(VLayer, getNbOutputs, build.layer.output_count);
  METHOD(VLayer, getOutput, build.layer.output);
  METHOD(VTimingCache, serialize, build.timing_cache.serialize);
  METHOD(VTimingCache, combine, build.timing_cache.combine);
  METHOD(VHostMemory, data, build.host_memory.data);
  METHOD(VHostMemory, size, build.host_memory.size);
  METHOD(VCudaEngine, getNbLayers, build.engine.layer_count);
  METHOD(VCudaEngine, getDeviceMemorySizeV2, build.engine.device_memory_bytes);
  METHOD(VCudaEngine, getNbOptimizationProfiles, build.engine.profile_count);
  METHOD(VCudaEngine, getHardwareCompatibilityLevel, build.engine.compatibility);
  METHOD(VCudaEngine, createEngineInspector, build.engine.create_inspector);
  METHOD(VEngineInspector, getEngineInformation, build.inspector.engine_information);

  METHOD(VRuntime, setGpuAllocator, run.runtime.set_gpu_allocator);
  METHOD(VRuntime, setEngineHostCodeAllowed, run.runtime.allow_host_code);
  METHOD(VCudaEngine, createExecutionContext, run.engine.create_context);
  METHOD(VCudaEngine, getTensorShape, run.engine.tensor_shape);
  METHOD(VCudaEngine, getTensorDataType, run.engine.tensor_type);
  METHOD(VCudaEngine, getTensorLocation, run.engine.tensor_location);
  METHOD(VCudaEngine, getTensorIOMode, run.engine.tensor_mode);
  METHOD(VCudaEngine, getProfileShape, run.engine.profile_shape);
  METHOD(VCudaEngine, getNbIOTensors, run.engine.tensor_count);
  METHOD(VCudaEngine, getIOTensorName, run.engine.tensor_name);
  METHOD(VExecutionContext, setInputShape, run.context.set_input_shape);
  METHOD(VExecutionContext, getTensorShape, run.context.tensor_shape);
  METHOD(VExecutionContext, setTensorAddress, run.context.set_tensor_address);
  METHOD(VExecutionContext, inferShapes, run.context.infer_shapes);
  METHOD(VExecutionContext, enqueueV3, run.context.enqueue);
  METHOD(VExecutionContext, setDeviceMemoryV2, run.context.set_device_memory);

  using nvonnxparser::IParser;
  using nvonnxparser::IParserError;
  METHOD(IParser, parse, build.parser.parse);
  METHOD(IParser, getNbErrors, build.parser.error_count);
  METHOD(IParser, getError, build.parser.error);
  // Declared after it: the destructor that ends an object, and the one that deletes it.
  Expect("IParser::~IParser", SlotOf(&IParser::clearErrors) + 2, build.parser.destroy);
  using Error = pilotlight::build::ParserErrorSlots;
  METHOD(IParserError, desc, Error::kDescription);
  METHOD(IParserError, file, Error::kFile);
  METHOD(IParserError, line, Error::kLine);
  METHOD(IParserError, node, Error::kNode);
  METHOD(IParserError, nodeName, Error::kNodeName);
  METHOD(IParserError, nodeOperator, Error::kNodeOperator);
  using Plugin = pilotlight::build::PluginSlots;
  using Core = nvinfer1::v_1_0::IPluginV3OneCore;
  METHOD(IPluginV2, getPluginType, Plugin::kName2);
  METHOD(IPluginV2, getPluginVersion, Plugin::kVersion2);
  METHOD(IPluginV2, getPluginNamespace, Plugin::kNamespace2);
  METHOD(IPluginV3, getCapabilityInterface, Plugin::kCapability);
  METHOD(Core, getPluginName, Plugin::kName3);
  METHOD(Core, getPluginVersion, Plugin::kVersion3);
  METHOD(Core, getPluginNamespace, Plugin::kNamespace3);
  METHOD(VPluginV2Layer, getPlugin, Plugin::kOfLayer);
  METHOD(VPluginV3Layer, getPlugin, Plugin::kOfLayer);
  std::printf("TensorRT %d.%d.%d: %d slots and values as we have them, %d not\n", NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR, NV_TENSORRT_PATCH, right, wrong);
  return wrong == 0 ? 0 : 1;
}
