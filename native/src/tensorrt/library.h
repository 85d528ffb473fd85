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

// Opens the library on the first call that succeeds and gives the same one ever after. A failure says where it was looked for
// and what would do, and is not remembered. Any thread.
Result<const Library*> OpenLibrary();

// Where it was found, or would be looked for.
std::string LibraryPath();

// Only after OpenLibrary has succeeded.
const Library& library();

// The one logger of the process. What TensorRT says in a thread is kept for that thread until it takes it: the only reason that
// a failed call gives.
Logger& logger();
std::string TakeReason();

}  // namespace pilotlight::trt
