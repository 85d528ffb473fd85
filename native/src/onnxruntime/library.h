// Finds and opens libonnxruntime at run time. Once opened it stays for the life of the process: its threads
// and its exit handlers do not survive a dlclose.
#pragma once

#include <string>

#include "core/status.h"
#include "onnxruntime/abi.h"

namespace pilotlight::ort {

struct Library {
  std::string path;    // the file that was opened
  std::string folder;  // where it lies: the provider for GPUs is looked for beside it
  std::string version;
  Api api;
  TensorHasShape has_shape;  // null in ONNX Runtime 1.23
};

// Opens the library on the first call that succeeds and gives the same one ever after. A failure names the
// path and what would do, and is not remembered. Any thread.
Result<const Library*> OpenLibrary();

// The path that OpenLibrary would open now, or has opened.
std::string LibraryPath();

// The table of the opened library. Only after OpenLibrary has succeeded.
const Api& api();

}  // namespace pilotlight::ort
