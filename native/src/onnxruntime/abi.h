// ONNX Runtime's C interface as far as we use it, declared here so that building needs no header of theirs.
// The library hands out one table of function pointers that only ever grows: a slot's number and its
// parameters never change once its version is released, so each line below names its slot.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pilotlight::ort {

struct OrtAllocator;
struct OrtCUDAProviderOptionsV2;
struct OrtEnv;
struct OrtKeyValuePairs;
struct OrtMemoryInfo;
struct OrtRunOptions;
struct OrtSession;
struct OrtSessionOptions;
struct OrtStatus;
struct OrtTensorTypeAndShapeInfo;
struct OrtThreadingOptions;
struct OrtTypeInfo;
struct OrtValue;

enum OrtErrorCode : int { kInvalidArgument = 2, kEngineError = 5, kProviderFail = 11, kDeviceReset = 15 };

enum OrtOnnxType : int { kOnnxUnknown = 0, kOnnxTensor = 1, kOnnxSequence = 2, kOnnxMap = 3, kOnnxSparse = 5, kOnnxOptional = 6 };
enum OrtAllocatorType : int { kDeviceAllocator = 0, kArenaAllocator = 1 };
enum OrtMemoryType : int { kDefaultMemory = 0 };
enum OrtLogLevel : int { kLogVerbose = 0, kLogInfo = 1, kLogWarning = 2, kLogError = 3, kLogFatal = 4 };

using OrtLogFunction = void (*)(void* context, OrtLogLevel level, const char* category, const char* id, const char* place, const char* text);

struct OrtApiBase {
  const void* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

// We ask for version 23 (ONNX Runtime 1.23), the first that can say what an arena holds. Its table ends at slot 389.
constexpr uint32_t kApiVersion = 23;
// From this version on the library can say that a tensor's rank is unknown.
constexpr uint32_t kApiVersionWithRank = 24;

// The table by name. A member is valid in every library whose version is at least kApiVersion.
class Api {
  class Entry {
   public:
    explicit Entry(const void* address) : address_(address) {}
    template <typename Function>
    operator Function*() const { return reinterpret_cast<Function*>(reinterpret_cast<uintptr_t>(address_)); }

   private:
    const void* address_;
  };

  const void* const* table_;

  template <size_t kSlot>
  Entry slot() const {
    static_assert(kSlot <= 389, "a slot past the end of the version that we ask for");
    return Entry(table_[kSlot]);
  }

 public:
  explicit Api(const void* table) : table_(static_cast<const void* const*>(table)) {}

  OrtErrorCode (*const GetErrorCode)(const OrtStatus*) = slot<1>();
  const char* (*const GetErrorMessage)(const OrtStatus*) = slot<2>();
  void (*const ReleaseStatus)(OrtStatus*) = slot<93>();

  OrtStatus* (*const CreateThreadingOptions)(OrtThreadingOptions**) = slot<121>();
  OrtStatus* (*const SetGlobalIntraOpNumThreads)(OrtThreadingOptions*, int) = slot<147>();
  OrtStatus* (*const SetGlobalInterOpNumThreads)(OrtThreadingOptions*, int) = slot<148>();
  OrtStatus* (*const SetGlobalSpinControl)(OrtThreadingOptions*, int) = slot<149>();
  void (*const ReleaseThreadingOptions)(OrtThreadingOptions*) = slot<122>();
  OrtStatus* (*const CreateEnvWithCustomLoggerAndGlobalThreadPools)(OrtLogFunction, void* context, OrtLogLevel, const char* id,
                                                                    const OrtThreadingOptions*, OrtEnv**) = slot<151>();
  OrtStatus* (*const DisableTelemetryEvents)(const OrtEnv*) = slot<6>();

  OrtStatus* (*const CreateSessionOptions)(OrtSessionOptions**) = slot<10>();
  OrtStatus* (*const SetIntraOpNumThreads)(OrtSessionOptions*, int) = slot<24>();
  OrtStatus* (*const DisablePerSessionThreads)(OrtSessionOptions*) = slot<120>();
  OrtStatus* (*const AddSessionConfigEntry)(OrtSessionOptions*, const char* key, const char* value) = slot<130>();
  void (*const ReleaseSessionOptions)(OrtSessionOptions*) = slot<100>();
  OrtStatus* (*const SessionOptionsAppendExecutionProvider_CUDA_V2)(OrtSessionOptions*, const OrtCUDAProviderOptionsV2*) = slot<204>();
  OrtStatus* (*const CreateCUDAProviderOptions)(OrtCUDAProviderOptionsV2**) = slot<205>();
  OrtStatus* (*const UpdateCUDAProviderOptions)(OrtCUDAProviderOptionsV2*, const char* const* keys, const char* const* values, size_t count) = slot<206>();
  void (*const ReleaseCUDAProviderOptions)(OrtCUDAProviderOptionsV2*) = slot<208>();

  OrtStatus* (*const CreateSession)(const OrtEnv*, const char* path, const OrtSessionOptions*, OrtSession**) = slot<7>();
  OrtStatus* (*const SessionGetInputCount)(const OrtSession*, size_t*) = slot<30>();
  OrtStatus* (*const SessionGetOutputCount)(const OrtSession*, size_t*) = slot<31>();
  OrtStatus* (*const SessionGetInputTypeInfo)(const OrtSession*, size_t index, OrtTypeInfo**) = slot<33>();
  OrtStatus* (*const SessionGetOutputTypeInfo)(const OrtSession*, size_t index, OrtTypeInfo**) = slot<34>();
  OrtStatus* (*const SessionGetInputName)(const OrtSession*, size_t index, OrtAllocator*, char**) = slot<36>();
  OrtStatus* (*const SessionGetOutputName)(const OrtSession*, size_t index, OrtAllocator*, char**) = slot<37>();
  void (*const ReleaseSession)(OrtSession*) = slot<95>();

  OrtStatus* (*const GetOnnxTypeFromTypeInfo)(const OrtTypeInfo*, OrtOnnxType*) = slot<56>();
  OrtStatus* (*const CastTypeInfoToTensorInfo)(const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo**) = slot<55>();
  void (*const ReleaseTypeInfo)(OrtTypeInfo*) = slot<98>();
  OrtStatus* (*const GetTensorElementType)(const OrtTensorTypeAndShapeInfo*, int*) = slot<60>();
  OrtStatus* (*const GetDimensionsCount)(const OrtTensorTypeAndShapeInfo*, size_t*) = slot<61>();
  OrtStatus* (*const GetDimensions)(const OrtTensorTypeAndShapeInfo*, int64_t*, size_t) = slot<62>();
  OrtStatus* (*const GetSymbolicDimensions)(const OrtTensorTypeAndShapeInfo*, const char**, size_t) = slot<63>();
  void (*const ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo*) = slot<99>();

  OrtStatus* (*const CreateRunOptions)(OrtRunOptions**) = slot<39>();
  OrtStatus* (*const RunOptionsSetRunLogSeverityLevel)(OrtRunOptions*, int) = slot<41>();
  OrtStatus* (*const RunOptionsSetTerminate)(OrtRunOptions*) = slot<46>();
  OrtStatus* (*const RunOptionsUnsetTerminate)(OrtRunOptions*) = slot<47>();
  void (*const ReleaseRunOptions)(OrtRunOptions*) = slot<97>();
  OrtStatus* (*const Run)(OrtSession*, const OrtRunOptions*, const char* const* input_names, const OrtValue* const* inputs, size_t input_count,
                          const char* const* output_names, size_t output_count, OrtValue** outputs) = slot<9>();

  OrtStatus* (*const CreateTensorAsOrtValue)(OrtAllocator*, const int64_t* shape, size_t rank, int type, OrtValue**) = slot<48>();
  OrtStatus* (*const CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo*, void* bytes, size_t size, const int64_t* shape, size_t rank, int type,
                                                     OrtValue**) = slot<49>();
  OrtStatus* (*const GetTensorMutableData)(OrtValue*, void**) = slot<51>();
  OrtStatus* (*const GetTensorTypeAndShape)(const OrtValue*, OrtTensorTypeAndShapeInfo**) = slot<65>();
  OrtStatus* (*const GetStringTensorDataLength)(const OrtValue*, size_t*) = slot<53>();
  OrtStatus* (*const GetStringTensorContent)(const OrtValue*, void* bytes, size_t size, size_t* offsets, size_t count) = slot<54>();
  OrtStatus* (*const GetResizedStringTensorElementBuffer)(OrtValue*, size_t index, size_t size, char**) = slot<252>();
  void (*const ReleaseValue)(OrtValue*) = slot<96>();

  OrtStatus* (*const CreateMemoryInfo)(const char* name, OrtAllocatorType, int device, OrtMemoryType, OrtMemoryInfo**) = slot<68>();
  void (*const ReleaseMemoryInfo)(OrtMemoryInfo*) = slot<94>();
  OrtStatus* (*const CreateCpuMemoryInfo)(OrtAllocatorType, OrtMemoryType, OrtMemoryInfo**) = slot<69>();
  OrtStatus* (*const GetAllocatorWithDefaultOptions)(OrtAllocator**) = slot<78>();
  OrtStatus* (*const AllocatorFree)(OrtAllocator*, void*) = slot<76>();
  OrtStatus* (*const CreateAllocator)(const OrtSession*, const OrtMemoryInfo*, OrtAllocator**) = slot<131>();
  void (*const ReleaseAllocator)(OrtAllocator*) = slot<132>();
  OrtStatus* (*const AllocatorGetStats)(const OrtAllocator*, OrtKeyValuePairs**) = slot<319>();
  void (*const GetKeyValuePairs)(const OrtKeyValuePairs*, const char* const** keys, const char* const** values, size_t* count) = slot<298>();
  void (*const ReleaseKeyValuePairs)(OrtKeyValuePairs*) = slot<300>();
};

// Slot 390, which the table of kApiVersionWithRank has.
using TensorHasShape = bool (*)(const OrtTensorTypeAndShapeInfo*);
constexpr size_t kTensorHasShapeSlot = 390;

}  // namespace pilotlight::ort
