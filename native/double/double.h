// A double of NVIDIA's libraries for machines without a GPU: `libcuda.so.1` and `libnvinfer.so.10` and `.11` of our own, which
// behave as the real ones were seen to. This is what a test that has opened them says to them and hears from them.
//
// The variable NVIDIA_DOUBLE (a host refuses a PILOTLIGHT_ one that it does not know) says what there is, in settings parted by `;`, of
// which lists go by GPU (the last one counts for the rest):
//   gpus=2                   how many (1); CUDA_VISIBLE_DEVICES chooses of them
//   bytes=8G,4G              memory of each (8G)
//   taken=1G,0               of that, what other processes have now (0)
//   compute=9.0,8.6          (9.0)
//   name=A,B                 (Pilotlight Double)
//   context=256M             what the primary context takes of it (256M)
//   chunk=32M                what a memory pool takes at a time (32M)
//   graph=1M                 what an instantiated graph takes (1M)
//   tensorrt=10.6.0.26       version of libnvinfer.so.10, or of the one of the major that it names (10.6.0.26 and 11.1.0.106)
//   fail=FUNCTION:K:CODE     the K-th call from now of that function returns CODE; `3+`: that one and all after it. FUNCTION is a
//                            function of the driver, `run` (a run on the GPU, which then ends with CODE) or one of TensorRT
//                            (deserializeCudaEngine, createExecutionContext, setInputShape, enqueueV3)
//   succeed=FUNCTION         no more of these failures
//   sticky=700               the process has had this error: what every call returns from now on; 0: as if it never had
//   hold=1                   GPUs start nothing until hold=0
//   wrong-use=keep           do not end the process at a wrong use, count it and go on as well as can be (abort)
//   control=FILE             further settings stand in FILE, read at the next call whenever it has changed
// So does Script, from within the process.
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace pilotlight::doubles {

// What a library of the double exports for tests.
extern "C" {
using ScriptFunction = void(const char* settings);
using CountFunction = int64_t(const char* what);
using TextFunction = const char*();
}

// The driver's double as a test holds it.
class Double {
 public:
  // `folder` holds the libraries.
  explicit Double(const std::string& folder) : folder_(folder) {
    handle_ = dlopen((folder + "/libcuda.so.1").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) Fail(dlerror());
  }

  const std::string& folder() const { return folder_; }
  void Script(const std::string& settings) const { Find<ScriptFunction>("pilotlight_double_script")(settings.c_str()); }
  // calls:FUNCTION | used:GPU, reserved:GPU, free:GPU (bytes) | allocations, pinned (blocks) | streams, events, graphs (instantiated),
  // pools, contexts, engines, runtimes (alive) | runs (ended on a GPU) | waiting (on streams) | wrong-uses
  int64_t Count(const std::string& what) const { return Find<CountFunction>("pilotlight_double_count")(what.c_str()); }
  // The last one; "" where there was none.
  std::string WrongUse() const { return Find<TextFunction>("pilotlight_double_wrong_use")(); }

 private:
  [[noreturn]] static void Fail(const char* why) {
    std::fprintf(stderr, "the double: %s\n", why);
    std::abort();
  }

  template <typename Function>
  Function* Find(const char* name) const {
    void* const found = dlsym(handle_, name);
    if (found == nullptr) Fail(dlerror());
    return reinterpret_cast<Function*>(found);
  }

  const std::string folder_;
  void* handle_;
};

}  // namespace pilotlight::doubles
