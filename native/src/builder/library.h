// TensorRT's builder and its ONNX parser, opened at run time beside the runtime that tensorrt/library.h opens, and all that they
// say while they work.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "builder/abi.h"
#include "builder/options.h"
#include "core/status.h"

namespace pilotlight::build {

struct ObjectDeleter {
  void operator()(void* object) const { trt::Destroy(object); }
};
using Object = std::unique_ptr<void, ObjectDeleter>;

struct Library {
  int major = 0;
  int32_t number = 0;  // 100600
  std::string version, path;
  std::vector<std::string> plugins;  // TensorRT's own, where they are installed, and those that were asked for
  Slots slots;
  Flags flags;
  void* (*create_builder)(void* logger, int32_t version) = nullptr;
  void* (*create_runtime)(void* logger, int32_t version) = nullptr;
};

// Opens plugins too, and tells what it has opened. kMissingLibrary says what is missing and what to install.
Result<Library> OpenLibrary(const Options& options);

struct Parser {
  std::string path;
  void* (*create)(void* network, void* logger, int32_t version) = nullptr;
};
Result<Parser> OpenParser(const Library& library);

// The one logger of the process: warnings are told at once, errors are kept as the reason of a failed call, whatever thread says them.
trt::Logger& BuildLogger();
// From now on also what is only of interest to who looks for a fault, and each call before it is made.
void TellAll();
void Trace(const char* call);
std::string TakeErrors();

// The errors as a failure: one that misses a library of TensorRT's names it.
Status Failure(Code code, const std::string& what, const Library& library);

}  // namespace pilotlight::build
