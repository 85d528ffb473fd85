// How the core's own threads start: named, deaf to signals, and niced where they compute.
#pragma once

#include <functional>
#include <thread>

namespace pilotlight {

enum class Turn {
  kPrompt,     // short work that others wait for
  kBackground  // computes: JavaScript's threads go first
};

// Throws std::system_error when the system has no thread left.
std::thread StartThread(const char* name, Turn turn, std::function<void()> body);

// Cores that this process may use: its affinity, and its control group's quota where there is one.
int CoreCount();

}  // namespace pilotlight
