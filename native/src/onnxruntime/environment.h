// The process's one ONNX Runtime environment: its logger, its thread pools, and what all sessions share.
// Leaked on purpose: releasing it at exit crashes while other threads still run.
#pragma once

#include <atomic>
#include <string>

#include "core/status.h"
#include "onnxruntime/handles.h"

namespace pilotlight::ort {

struct Environment {
  const Library* library = nullptr;
  OrtEnv* env = nullptr;
  OrtMemoryInfo* cpu = nullptr;       // plain memory: for values over bytes of ours
  OrtMemoryInfo* cpu_arena = nullptr; // a session's arena: for its statistics
  OrtAllocator* allocator = nullptr;  // the shared one without an arena: names and string tensors
  // False once a session was refused because somebody else (onnxruntime-node in this process) made the environment first.
  std::atomic<bool> has_global_pools{true};
};

// Opens the library and makes the environment on the first call that succeeds; the same one ever after. Any thread.
Result<Environment*> OpenEnvironment();

// Collects what ONNX Runtime logs on this thread while it lives, warnings and worse. Nothing goes to stderr.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::string* outer_;
};

}  // namespace pilotlight::ort
