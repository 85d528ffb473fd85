// How failures leave the native core: as values. Nothing throws across a thread or a C callback.
#pragma once

#include <string>
#include <utility>

namespace pilotlight {

// Crosses the binding as a number: runtime/engine/ maps each to a coded error. Keep both lists in step.
enum class Code : int {
  kOk = 0,
  kNotResident = 1,   // no open pool: ask the control thread, submit again
  kQueueFull = 2,     // as many jobs wait as the pool allows
  kQueueTimeout = 3,  // waited longer than the pool allows
  kDeadline = 4,      // the job's own deadline passed, waiting or running
  kCancelled = 5,     // the caller gave up
  kBadModel = 6,      // the file is at fault: not a model, unknown operator, truncated
  kLoadFailed = 7,    // the load failed for another reason
  kNoMemory = 8,
  kEngineFailed = 9,  // the engine failed while running
  kBadInput = 10,     // the engine refused an input that passed our own checks
  kMissingLibrary = 11,
  kDeviceLost = 12,   // for this process (core/lost_devices.h)
};

struct Status {
  Code code = Code::kOk;
  std::string message;

  bool ok() const { return code == Code::kOk; }
  static Status Ok() { return {}; }
  static Status Error(Code code, std::string message) { return {code, std::move(message)}; }
};

// A value or the reason why there is none.
template <typename T>
struct Result {
  Status status;
  T value{};

  bool ok() const { return status.ok(); }
  static Result Of(T value) { return {Status::Ok(), std::move(value)}; }
  static Result Error(Code code, std::string message) { return {Status::Error(code, std::move(message)), T{}}; }
};

}  // namespace pilotlight
