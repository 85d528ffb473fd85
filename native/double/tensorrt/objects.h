// The objects of the pretended TensorRT, laid out as the real ones: {vptr, implementation}, where every public call goes through
// the implementation's table, by slots that were counted from the public headers of each major version (not those of
// src/tensorrt/abi.h, so that a mistake in one of the two is found).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "plan_text.h"
#include "runs.h"

namespace pilotlight::doubles {

constexpr size_t kSlots = 80;
using Table = std::array<const void*, kSlots>;

struct Object {
  const void* const* vptr;
  void* implementation;
};

// Ends the process: the table has nothing in that slot.
Table EmptyTable(const char* interface);

template <typename R, typename... Arguments>
void Set(Table* table, int slot, R (*function)(Arguments...)) {
  if (slot >= 0) (*table)[static_cast<size_t>(slot)] = reinterpret_cast<const void*>(function);
}

// A virtual function of an object that the caller brought.
template <typename R, typename... Arguments>
R CallVirtual(void* object, int slot, Arguments... arguments) {
  const void* const* const table = *static_cast<const void* const* const*>(object);
  return reinterpret_cast<R (*)(void*, Arguments...)>(const_cast<void*>(table[slot]))(object, arguments...);
}

struct Engine;

struct Runtime {
  const void* const* table;
  Object object;
  void* logger = nullptr;
  void* allocator = nullptr;
  bool is_host_code_allowed = false;
  std::atomic<int> engines{0};

  void Log(const std::string& text, int32_t severity = 1);
};

struct Engine {
  const void* const* table;
  Object object;
  Runtime* runtime = nullptr;
  void* allocator = nullptr;
  PlanText plan;
  uint64_t weights = 0;
  std::atomic<int> contexts{0};
  std::atomic<int64_t> runs{0};

  ~Engine();
  // Through the allocator that was set; 0 where it has none.
  uint64_t Allocate(int64_t bytes, cuda::Stream* stream = nullptr);
  void Free(uint64_t memory, cuda::Stream* stream = nullptr);
  // Of the input of that name, or null.
  const InputText* Input(const std::string& name) const;
  const OutputText* Output(const std::string& name) const;
  int64_t ScratchOf(int profile) const;
};

struct Context {
  const void* const* table;
  Object object;
  Engine* engine = nullptr;
  int profile = 0;
  bool is_user_managed = false;
  uint64_t scratch = 0;
  int64_t scratch_bytes = 0;
  uint64_t persistent = 0;
  std::map<std::string, Dims> shapes;       // of inputs, as they were set
  std::map<std::string, uint64_t> addresses;
  std::map<std::string, void*> allocators;  // of outputs
  std::set<std::string> ready;              // the shapes that have run
  std::shared_ptr<std::atomic<bool>> is_alive = std::make_shared<std::atomic<bool>>(true);
  std::atomic<int> users{0};                // threads that are in a call

  void Log(const std::string& text) const { engine->runtime->Log("IExecutionContext::" + text); }
  // False until all that decides it is known.
  bool ShapeOf(const OutputText& output, Dims* dims) const;
  bool ShapeOf(const InputText& input, Dims* dims) const;
  std::string ObjectionToValues() const;  // of shape tensors; "" for none
  std::vector<int64_t> ValuesOf(const InputText& shape_tensor) const;
};

void* MakeRuntime(void* logger);
void* MakeEngine(Runtime* runtime, const void* data, size_t size);
void* MakeContext(Engine* engine, int32_t strategy);
bool Enqueue(Context* context, cuda::Stream* stream);

const char* LibraryVersion();  // "10.6.0.26"

}  // namespace pilotlight::doubles
