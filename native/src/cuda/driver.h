// The CUDA driver's functions, as far as they are used, opened at run time from libcuda.so.1, which every driver brings: no
// toolkit and no header of NVIDIA's. Declared after the CUDA driver API reference; the names are the versioned ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/status.h"

namespace pilotlight::cuda {

using Return = int;
using DevicePtr = uint64_t;
using Device = int;
struct Context;
struct Stream;
struct Event;
struct Graph;
struct GraphExec;
struct GraphNode;
struct MemPool;

constexpr Return kSuccess = 0;
constexpr Return kOutOfMemory = 2;
constexpr Return kNotReady = 600;

constexpr unsigned kHostRegisterPortable = 1;  // for all contexts
constexpr unsigned kStreamNonBlocking = 1;
constexpr unsigned kEventDisableTiming = 2;
// Calls of other threads, an allocation for another model for example, must not spoil a capture.
constexpr int kCaptureThreadLocal = 1;
constexpr int kUuidBytes = 16;
constexpr int kAttributeComputeMajor = 75;
constexpr int kAttributeComputeMinor = 76;
constexpr int kPoolReleaseThreshold = 4;
constexpr int kPoolReservedBytes = 5;
constexpr int kPoolUsedBytes = 7;

// CUmemPoolProps_v1.
struct MemPoolProps {
  int allocation_type = 1;  // pinned
  int handle_types = 0;
  struct {
    int type = 1;  // a device
    int id = 0;
  } location;
  void* security_attributes = nullptr;
  size_t max_size = 0;
  unsigned short usage = 0;
  unsigned char reserved[54] = {};
};
static_assert(sizeof(MemPoolProps) == 88, "as the driver lays it out");

constexpr int kNodeMemcpy = 1;
constexpr int kMemoryHost = 1;
constexpr int kMemoryDevice = 2;
constexpr int kPointerMemoryType = 2;

// CUDA_MEMCPY3D_v2.
struct Memcpy3d {
  struct Side {
    size_t x = 0, y = 0, z = 0, level = 0;
    int memory_type = 0;
    void* host = nullptr;
    DevicePtr device = 0;
    void* array = nullptr;
    void* reserved = nullptr;
    size_t pitch = 0, height = 0;
  } from, to;
  size_t width = 0, height = 0, depth = 0;
};
static_assert(sizeof(Memcpy3d) == 200, "as the driver lays it out");

#define PILOTLIGHT_CUDA_FUNCTIONS(F) \
  F(Init, cuInit, (unsigned flags)) \
  F(DriverGetVersion, cuDriverGetVersion, (int* version)) \
  F(DeviceGetCount, cuDeviceGetCount, (int* count)) \
  F(DeviceGet, cuDeviceGet, (Device * device, int index)) \
  F(DeviceGetName, cuDeviceGetName, (char* name, int size, Device device)) \
  F(DeviceGetUuid, cuDeviceGetUuid, (unsigned char* uuid, Device device)) \
  F(DeviceGetUuidOfSlice, cuDeviceGetUuid_v2, (unsigned char* uuid, Device device)) \
  F(DeviceGetAttribute, cuDeviceGetAttribute, (int* value, int attribute, Device device)) \
  F(DeviceTotalMem, cuDeviceTotalMem_v2, (size_t * bytes, Device device)) \
  F(PrimaryContextRetain, cuDevicePrimaryCtxRetain, (Context * *context, Device device)) \
  F(ContextSetCurrent, cuCtxSetCurrent, (Context * context)) \
  F(MemGetInfo, cuMemGetInfo_v2, (size_t * free, size_t* total)) \
  F(MemPoolCreate, cuMemPoolCreate, (MemPool * *pool, const MemPoolProps* props)) \
  F(MemPoolDestroy, cuMemPoolDestroy, (MemPool * pool)) \
  F(MemPoolSetAttribute, cuMemPoolSetAttribute, (MemPool * pool, int attribute, void* value)) \
  F(MemPoolGetAttribute, cuMemPoolGetAttribute, (MemPool * pool, int attribute, void* value)) \
  F(MemPoolTrimTo, cuMemPoolTrimTo, (MemPool * pool, size_t bytes)) \
  F(MemAllocFromPoolAsync, cuMemAllocFromPoolAsync, (DevicePtr * memory, size_t bytes, MemPool* pool, Stream* stream)) \
  F(MemFreeAsync, cuMemFreeAsync, (DevicePtr memory, Stream* stream)) \
  F(MemHostRegister, cuMemHostRegister_v2, (void* memory, size_t bytes, unsigned flags)) \
  F(MemHostUnregister, cuMemHostUnregister, (void* memory)) \
  F(MemcpyToDeviceAsync, cuMemcpyHtoDAsync_v2, (DevicePtr to, const void* from, size_t bytes, Stream* stream)) \
  F(MemcpyToHostAsync, cuMemcpyDtoHAsync_v2, (void* to, DevicePtr from, size_t bytes, Stream* stream)) \
  F(PointerGetAttribute, cuPointerGetAttribute, (void* value, int attribute, DevicePtr pointer)) \
  F(StreamCreate, cuStreamCreate, (Stream * *stream, unsigned flags)) \
  F(StreamDestroy, cuStreamDestroy_v2, (Stream * stream)) \
  F(StreamSynchronize, cuStreamSynchronize, (Stream * stream)) \
  F(StreamBeginCapture, cuStreamBeginCapture_v2, (Stream * stream, int mode)) \
  F(StreamEndCapture, cuStreamEndCapture, (Stream * stream, Graph** graph)) \
  F(EventCreate, cuEventCreate, (Event * *event, unsigned flags)) \
  F(EventDestroy, cuEventDestroy_v2, (Event * event)) \
  F(EventRecord, cuEventRecord, (Event * event, Stream* stream)) \
  F(EventQuery, cuEventQuery, (Event * event)) \
  F(EventSynchronize, cuEventSynchronize, (Event * event)) \
  F(GraphInstantiate, cuGraphInstantiateWithFlags, (GraphExec * *exec, Graph* graph, unsigned long long flags)) \
  F(GraphGetNodes, cuGraphGetNodes, (Graph * graph, GraphNode** nodes, size_t* count)) \
  F(GraphNodeGetType, cuGraphNodeGetType, (GraphNode * node, int* type)) \
  F(GraphMemcpyNodeGetParams, cuGraphMemcpyNodeGetParams, (GraphNode * node, Memcpy3d* params)) \
  F(GraphExecMemcpyNodeSetParams, cuGraphExecMemcpyNodeSetParams, (GraphExec * exec, GraphNode* node, const Memcpy3d* params, Context* context)) \
  F(GraphDestroy, cuGraphDestroy, (Graph * graph)) \
  F(GraphExecDestroy, cuGraphExecDestroy, (GraphExec * exec)) \
  F(GraphLaunch, cuGraphLaunch, (GraphExec * exec, Stream* stream)) \
  F(GetErrorName, cuGetErrorName, (Return error, const char** name)) \
  F(GetErrorString, cuGetErrorString, (Return error, const char** text))

struct Driver {
  int version = 0;  // of CUDA that it supports: 13000
#define PILOTLIGHT_CUDA_MEMBER(name, symbol, parameters) Return (*name) parameters = nullptr;
  PILOTLIGHT_CUDA_FUNCTIONS(PILOTLIGHT_CUDA_MEMBER)
#undef PILOTLIGHT_CUDA_MEMBER
};

// Opens the driver on the first call that succeeds and gives the same one ever after. A failure says what is missing, and is not
// remembered. Any thread.
Result<const Driver*> OpenDriver();

// Where it was found, or would be looked for.
std::string LibraryPath();

// The opened driver's. Only after OpenDriver has succeeded.
const Driver& driver();

// Whether only a new process can use the GPU again.
bool IsLoss(Return returned);

// `cuMemHostAlloc: CUDA_ERROR_OUT_OF_MEMORY (out of memory)` with the code that suits it; ok for success.
Status Check(Return returned, const char* what);

}  // namespace pilotlight::cuda
