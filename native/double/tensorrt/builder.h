// The pretended IBuilder and what it makes. What a build does beyond that is told by NVIDIA_DOUBLE:
//   fail=buildSerializedNetwork:1:CODE   1: no kernel is found for a layer; 6: the resource of this kind of GPU is not installed; 11: the
//                                        process crashes
//   fail=stepMs:1+:CODE                  the build has 500 steps, each of so many milliseconds
//   fail=createInferBuilder:1:1          it is not made
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "network.h"

namespace pilotlight::doubles {

// As `delete` of the public object finds them.
template <typename T>
const void* const* DestructorsOfImplementation() {
  constexpr auto destroy = +[](Object* object) { delete static_cast<T*>(object->implementation); };
  static const std::array<const void*, 2>& made = *new std::array<const void*, 2>{reinterpret_cast<const void*>(destroy), reinterpret_cast<const void*>(destroy)};
  return made.data();
}

struct HostMemory {
  const void* const* table;
  Object object;
  std::string bytes;
};
void* MakeHostMemory(std::string bytes);

struct TimingCache {
  const void* const* table;
  Object object;
  std::set<std::string> kernels;
};

struct Profile {
  const void* const* table;
  Object object;
  std::map<std::string, std::map<int32_t, Dims>> dims;  // by input and selector
};

struct Builder {
  const void* const* table;
  Object object;
  void* logger = nullptr;
  std::vector<std::unique_ptr<Profile>> profiles;

  void Log(const std::string& text, int32_t severity = 1) const { CallVirtual<void, int32_t, const char*>(logger, 0, severity, text.c_str()); }
};

struct Config {
  const void* const* table;
  Object object;
  Builder* builder = nullptr;
  std::set<int32_t> flags;
  std::vector<Profile*> profiles;
  Profile* calibration_profile = nullptr;
  void* calibrator = nullptr;
  void* monitor = nullptr;
  TimingCache* timing_cache = nullptr;
  int32_t compatibility = 0, verbosity = 0;
};

void* MakeConfig(Builder* builder);
void* BuildPlan(Builder* builder, Object* network, Object* config);
void* MakeInspector(Engine* engine);

}  // namespace pilotlight::doubles
