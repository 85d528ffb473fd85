// Kernels of the pretended driver: it cannot run any, so each that is launched is taken for one that faults.
#include "machine.h"

using namespace pilotlight::doubles;
using namespace pilotlight::cuda;

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT Return cuModuleLoadData(void** loaded, const void* image) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  *loaded = const_cast<void*>(image);
  return 0;
}

EXPORT Return cuModuleGetFunction(void** kernel, void* loaded, const char*) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  *kernel = loaded;
  return 0;
}

EXPORT Return cuLaunchKernel(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream* stream, void**, void**) {
  Context* context = nullptr;
  if (const Return failure = Machine::Get().Enter(__func__, &context)) return failure;
  Work work;
  work.kind = Work::Kind::kKernel;
  work.name = "a kernel";
  work.effect = [] { return kIllegalAddress; };
  std::lock_guard<std::mutex> lock(Machine::Get().mutex);
  return Machine::Get().LaunchLocked(stream, std::move(work));
}
