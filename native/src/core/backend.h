// What a backend is to the core: it loads engines, an engine makes slots, a slot runs one job at a time.
// Backends know engines and nothing of JavaScript; every call may block and none is made on a JS thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"

namespace pilotlight {

struct Capability {
  std::string backend;
  bool available = false;
  std::string version;
  std::string library;  // path found, or looked for
  std::string reason;   // why not available, and what would do
  bool on_gpu = false;  // loads engines on GPUs, if there are any
  std::string gpu_reason;  // why it does not although it could, and what would do
};

// One of the libraries that a backend lives on, as it was found or not.
struct FoundLibrary {
  std::string name;     // what it is: "TensorRT"
  std::string version;  // empty: it does not tell
  std::string path;     // found, or looked for
  std::string reason;   // why it is not there or not used, and what would do; empty: it is
};

struct EngineSpec {
  std::string path;
  std::string device = "cpu";  // or "gpu:0"; one that the backend has no engines for is refused
  int slots = 1;
  int threads = 1;  // CPU threads inside one run
};

struct EngineMemory {
  int64_t weights_bytes = 0;
  int64_t scratch_bytes = 0;
  int64_t staging_bytes = 0;
  int64_t graphs_bytes = 0;  // captured launches
};

// Inputs and outputs from this size on lie in memory of the engine's own choice, so that it need not copy them.
constexpr size_t kStagedBytes = 32 * 1024;

struct RunRequest {
  const std::vector<Tensor>* inputs = nullptr;  // in the order of Signature::inputs, all present
  const std::vector<bool>* wanted = nullptr;    // by output; null: all
};

// A slot whose runs go on by themselves, on a device: they are started and looked at, and no thread waits for them.
class DrivenSlot {
 public:
  enum class Began { kStarted, kEnded, kFailed, kAside };
  // Starts a run, whose request stays as it is until it has ended. kAside: it would take long to start, so `StartAside` has to do it
  // where that holds up nobody. Never blocks.
  virtual Began Start(const RunRequest& request, Status* failure) = 0;
  // As Start, on a thread that may wait; it may run to the end there.
  virtual Began StartAside(const RunRequest& request, Status* failure, std::vector<Tensor>* outputs) = 0;
  // Whether the run has ended; then how, and its outputs. Never blocks.
  virtual bool Poll(const RunRequest& request, Status* status, std::vector<Tensor>* outputs) = 0;

 protected:
  ~DrivenSlot() = default;
};

// One execution context. `Run` is called by one thread at a time; `Cancel` by any thread while it runs.
class Slot {
 public:
  virtual ~Slot() = default;
  // Fills `outputs` in the order of Signature::outputs (unwanted ones stay empty). They may outlive slot and engine, not the
  // inputs: an output that a model passes through lies where the input does.
  // kCancelled when `Cancel` ended it; the core judges by its own flags and not by the text.
  virtual Status Run(const RunRequest& request, std::vector<Tensor>* outputs) = 0;
  // Makes the current Run return as soon as the engine can; must not block. `Run` begins uncancelled: a Cancel that
  // comes just before or after it is forgotten. The core repeats it every few milliseconds while the job runs.
  virtual void Cancel() = 0;
  // Itself where its runs are driven; null: `Run` by a thread of its own.
  virtual DrivenSlot* driven() { return nullptr; }
};

// A model loaded on a device, weights once. Outlives its slots.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual const Signature& signature() const = 0;
  virtual Result<std::unique_ptr<Slot>> NewSlot() = 0;
  // Measured now: arenas grow with runs. Any thread, while slots run; cheap.
  virtual EngineMemory memory() const = 0;
  // Where it likes an input of that size best to lie; never blocks for long. They may outlive it. Any thread.
  virtual Bytes AllocateInput(size_t size) { return Bytes::Allocate(size); }
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual Capability Probe() = 0;
  virtual Result<std::unique_ptr<Engine>> Load(const EngineSpec& spec) = 0;
  // Reads what a model declares; by default it loads the engine on the device and lets it go.
  virtual Result<Signature> Inspect(const std::string& path, const std::string& device);
};

// Each is process-wide and leaked on purpose: nothing of an engine may run in static destructors or at exit.
Backend& FakeBackend();
Backend& OnnxRuntimeBackend();
Backend& TensorRtBackend();
// Path of libnvinfer, or of the folder that holds it; before the first use of the backend. Empty: wherever the loader finds it.
// Where both majors are found it is 10, with which more has been proven; to have 11, name the file.
void SetTensorRtLibrary(const std::string& path);
// Path of the driver's libcuda, or of the folder that holds it; before the first use of a GPU. Empty: wherever the loader finds it.
void SetCudaLibrary(const std::string& path);
// Libraries of plugins, before the first use of the backend. They are opened with TensorRT, which counts as missing without them: plans
// that need them could not be loaded.
void SetTensorRtPlugins(const std::vector<std::string>& paths);
// Whether plans may run code of their own in this process: version-compatible ones bring some.
void AllowPlanHostCode(bool is_allowed);
// TensorRT, what belongs to it, and the driver. Opens what it finds.
std::vector<FoundLibrary> FindNvidiaLibraries();
// Whether runs are captured as CUDA graphs, as at first: to measure what they are worth. Before a load.
void UseGraphs(bool are_used);
// Path of libonnxruntime; before the first use of the backend, once. Empty: the one of npm's onnxruntime-node, which the binding passes.
void SetOnnxRuntimeLibrary(const std::string& path);
// Folders to look into, before the loader does, for what ONNX Runtime's CUDA provider needs (cuBLAS, cuDNN, ...): each holds libraries, or is
// the folder `nvidia` of a Python environment.
void SetCudaLibraries(const std::vector<std::string>& folders);

}  // namespace pilotlight
