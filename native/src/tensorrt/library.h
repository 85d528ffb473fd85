// Finds and opens libnvinfer at run time. Once opened it stays for the life of the process.
#pragma once

#include <string>

#include "core/status.h"
#include "tensorrt/abi.h"

namespace pilotlight::trt {

struct Library {
  std::string path;
  std::string version;  // "10.6.0"
  int32_t number = 0;   // 100600
  Slots slots;
  void* (*create_runtime)(void* logger, int32_t version) = nullptr;
};

// Opens the library and the plugins of the setting on the first call that succeeds and gives the same one ever after. A failure
// says where it was looked for and what would do, and is not remembered. Any thread.
Result<const Library*> OpenLibrary();

// Where it was found, or would be looked for.
std::string LibraryPath();

// Only after OpenLibrary has succeeded.
const Library& library();

// A new IRuntime as the settings want it; null: TakeReason says why. The caller owns it.
void* NewRuntime();
// Whether a plan may bring code of its own, as those do that later versions run too.
bool IsPlanHostCodeAllowed();

// Of a number such as 100600 (or 8601, before TensorRT 10).
int32_t MajorOf(int32_t number);
std::string VersionText(int32_t number);
// Of the library that a function came from; `otherwise` where that cannot be told.
std::string PathOf(const void* function, const std::string& otherwise);

// The one logger of the process. What TensorRT says in a thread is kept for that thread until it takes it: the only reason that
// a failed call gives.
Logger& logger();
std::string TakeReason();

}  // namespace pilotlight::trt
