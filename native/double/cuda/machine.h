// The machine that the double pretends: GPUs with memory and streams, whose work a thread of each GPU does in the order of its
// stream. One mutex guards all of it; what a run does to memory is done outside it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cuda/driver.h"
#include "settings.h"

namespace pilotlight::doubles {

using cuda::DevicePtr;
using cuda::Return;

constexpr Return kInvalidValue = 1;
constexpr Return kAlreadyRegistered = 712;
constexpr Return kNotRegistered = 713;
constexpr Return kNotInitialized = 3;
constexpr Return kNoDevice = 100;
constexpr Return kInvalidDevice = 101;
constexpr Return kInvalidContext = 201;
constexpr Return kInvalidHandle = 400;
constexpr Return kIllegalState = 401;
constexpr Return kIllegalAddress = 700;
constexpr Return kCaptureUnsupported = 900;
constexpr Return kCaptureInvalidated = 901;
constexpr Return kCapturedEvent = 907;
constexpr Return kCaptureWrongThread = 908;

struct Gpu;

// Memory that an operation touches, on the GPU or on the host, or whatever else only one operation at a time may have.
struct Use {
  uint64_t address = 0;
  size_t bytes = 0;
  bool writes = false;
};

struct Copy {
  uint64_t to = 0, from = 0;
  size_t bytes = 0;
  bool to_gpu = false, from_gpu = false;
};

// An operation on a stream.
struct Work {
  enum class Kind { kKernel = 0, kCopy = 1, kOther = 2 };
  Kind kind = Kind::kOther;
  std::string name;
  int64_t ns = 0;  // how long the GPU takes
  std::vector<Use> uses;
  Copy copy;                              // kCopy
  std::function<Return()> effect;         // on the GPU's thread, outside the mutex; not 0: a sticky error
  std::function<void()> settle;           // then, inside it
  std::function<bool()> is_due;           // inside it; empty: at once
  std::function<std::string()> objection; // inside it, when it is launched from a graph: why it must not run; "" for none
  uint64_t sum = 0;                       // of what a copy from the host reads: it must not change until it is read
};

struct Block {
  Gpu* gpu = nullptr;
  cuda::MemPool* pool = nullptr;
  uint64_t address = 0;
  size_t bytes = 0;
  bool is_ready = false;  // the stream on which it was allocated has come so far
  std::unique_ptr<unsigned char[]> content;  // from the first touch
};

struct Gpu {
  int number = 0;    // as NVIDIA_DOUBLE counts
  int64_t total_bytes = 0;
  int64_t reserved_bytes = 0;  // by pools
  int64_t other_bytes = 0;     // contexts and graphs
  int64_t taken_bytes = 0;     // by other processes
  uint64_t next_address = 0;   // never used again, so an address that is out of date is found out
  int waiting_frees = 0;
  int64_t runs = 0;
  cuda::Context* context = nullptr;  // the primary one
  std::vector<std::shared_ptr<cuda::Stream>> streams;  // also destroyed ones that have work left

  int64_t free_bytes() const { return total_bytes - taken_bytes - reserved_bytes - other_bytes; }
};

}  // namespace pilotlight::doubles

// What the handles are.
namespace pilotlight::cuda {

struct Context {
  doubles::Gpu* gpu = nullptr;
};

struct Capture {
  std::thread::id thread;
  bool is_valid = true;
  std::vector<doubles::Work> works;
};

struct Stream {
  doubles::Gpu* gpu = nullptr;
  std::deque<std::shared_ptr<doubles::Work>> works;  // the first is being done
  bool has_begun = false;
  int64_t ends_ns = 0;
  bool has_waited = false;  // for an event: what it shares with other streams may be in order
  bool is_destroyed = false;
  std::unique_ptr<Capture> capture;
};

struct Event {
  doubles::Gpu* gpu = nullptr;
  uint64_t recorded = 0, reached = 0;
  bool is_captured = false;
};

struct GraphNode {
  doubles::Work work;
};

struct Graph {
  std::vector<std::unique_ptr<GraphNode>> nodes;
};

struct GraphExec {
  doubles::Gpu* gpu = nullptr;
  int64_t bytes = 0;
  std::vector<GraphNode*> origins;
  std::vector<doubles::Work> works;
};

struct MemPool {
  doubles::Gpu* gpu = nullptr;
  uint64_t release_threshold = 0;
  int64_t used = 0, used_high = 0, reserved = 0, reserved_high = 0;
};

}  // namespace pilotlight::cuda

namespace pilotlight::doubles {

// `Locked` functions are called with the mutex held.
class Machine {
 public:
  static Machine& Get();  // leaked

  // Counts a call of the driver: what it must return instead of doing anything, or 0. With `context` null none is needed.
  Return Enter(const char* function, cuda::Context** context = nullptr);
  // For what was seen to go on after a sticky error on a real GPU.
  Return EnterThoughLost(const char* function);
  // Counts a call of whatever function; the code with which it is to fail, or 0.
  Return CountLocked(const char* function);
  Return InitLocked();
  void RaiseLocked(Return sticky);
  static bool IsSticky(Return code);
  // What a real library would have taken without a word, and then done anything.
  void WrongUseLocked(const std::string& what);

  // Puts it at the end of the stream, or into its capture.
  Return LaunchLocked(cuda::Stream* stream, Work work);
  Return AwaitLocked(std::unique_lock<std::mutex>& lock, const std::function<bool()>& until);
  // Of this thread's captures: a call that none of them survives has been made.
  bool SpoilCapturesLocked();

  Return AllocateLocked(std::unique_lock<std::mutex>& lock, DevicePtr* memory, size_t bytes, cuda::MemPool* pool, cuda::Stream* stream);
  Return FreeLocked(DevicePtr memory, cuda::Stream* stream);
  // What lies at this address of a GPU: for the duration of a work that uses it. Null: nothing of that size does.
  unsigned char* Content(uint64_t address, size_t bytes);
  Block* FindBlockLocked(uint64_t address, size_t bytes);
  static bool IsOnGpu(uint64_t address);
  static bool Overlap(const Use& some, const Use& other);
  // Whether waiting works use any of it: the name of one, or null. Works of `except` do not count.
  const Work* FindUserLocked(const Use& use, const cuda::Stream* except);

  std::mutex mutex;
  std::condition_variable changed;
  Settings settings;
  bool is_initialized = false;
  std::vector<std::unique_ptr<Gpu>> gpus;  // those that are visible
  std::map<cuda::Stream*, std::shared_ptr<cuda::Stream>> streams;
  std::map<cuda::Event*, std::shared_ptr<cuda::Event>> events;
  std::set<cuda::Graph*> graphs;
  std::set<cuda::GraphNode*> nodes;
  std::set<cuda::GraphExec*> execs;
  std::set<cuda::MemPool*> pools;
  std::map<uint64_t, std::unique_ptr<Block>> blocks;  // by address
  std::map<uint64_t, size_t> pinned;
  std::map<std::string, int64_t> alive;  // objects of TensorRT
  int64_t wrong_uses = 0;
  std::string last_wrong_use;

 private:
  Machine();
  void Serve(Gpu& gpu);
  bool StepLocked(Gpu& gpu, cuda::Stream& stream, std::unique_lock<std::mutex>& lock, int64_t* next_ns);
  void CheckConflictsLocked(const cuda::Stream& stream, const Work& work);
  void DropAllLocked();
};

cuda::Context*& CurrentContext();  // of this thread

// The driver's `Return`s as it names them; null for one that it does not have.
const char* ErrorName(Return code);
const char* ErrorText(Return code);

Work CopyWork(const Copy& copy);

}  // namespace pilotlight::doubles

// As the driver's users declare them: a definition that differs does not compile.
namespace pilotlight::cuda {
extern "C" {
#define PILOTLIGHT_DOUBLE_DECLARE(name, symbol, parameters) __attribute__((visibility("default"))) Return symbol parameters;
PILOTLIGHT_CUDA_FUNCTIONS(PILOTLIGHT_DOUBLE_DECLARE)
#undef PILOTLIGHT_DOUBLE_DECLARE
}
}  // namespace pilotlight::cuda
