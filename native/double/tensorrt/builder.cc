#include "builder.h"

#include <cstring>
#include <sstream>

#include "builder_slots.h"

namespace pilotlight::doubles {
namespace {

constexpr char kCacheBeginning[] = "double timing cache\n";

template <typename T>
T* ImplementationOf(Object* object) {
  return object == nullptr ? nullptr : static_cast<T*>(object->implementation);
}

const void* DataOf(HostMemory* memory) { return memory->bytes.data(); }
size_t SizeOf(HostMemory* memory) { return memory->bytes.size(); }

void* Serialize(TimingCache* cache) {
  std::string text = kCacheBeginning;
  for (const std::string& kernel : cache->kernels) text += kernel + "\n";
  return MakeHostMemory(text);
}

bool Combine(TimingCache* cache, Object* other, bool) {
  const auto* const from = ImplementationOf<TimingCache>(other);
  cache->kernels.insert(from->kernels.begin(), from->kernels.end());
  return true;
}

void* CreateTimingCache(Config* config, const void* data, size_t size) {
  std::istringstream lines(data == nullptr ? kCacheBeginning : std::string(static_cast<const char*>(data), size));
  std::string line;
  std::getline(lines, line);
  if (line + "\n" != kCacheBeginning) {
    config->builder->Log("IBuilderConfig::createTimingCache: Error Code 1: Serialization (Serialization assertion magicTagRead == kMAGIC_TAG failed.)");
    return nullptr;
  }
  static const Table& table = *new Table([] {
    Table made = EmptyTable("ITimingCache");
    Set(&made, timing_cache_slot::kSerialize, &Serialize);
    Set(&made, timing_cache_slot::kCombine, &Combine);
    return made;
  }());
  auto* const cache = new TimingCache;
  cache->table = table.data();
  cache->object = {DestructorsOfImplementation<TimingCache>(), cache};
  while (std::getline(lines, line)) cache->kernels.insert(line);
  return &cache->object;
}

bool SetTimingCache(Config* config, Object* cache, bool) {
  config->timing_cache = ImplementationOf<TimingCache>(cache);
  return true;
}

bool SetDimensions(Profile* profile, const char* name, int32_t selector, const Dims* dims) {
  profile->dims[name][selector] = *dims;
  return true;
}

bool IsValid(Profile* profile) {
  for (const auto& [name, ranges] : profile->dims) {
    if (ranges.size() != 3) return false;
  }
  return true;
}

void* MakeProfile(Builder* builder) {
  static const Table& table = *new Table([] {
    Table made = EmptyTable("IOptimizationProfile");
    Set(&made, profile_slot::kSetDimensions, &SetDimensions);
    Set(&made, profile_slot::kIsValid, &IsValid);
    return made;
  }());
  Profile& profile = *builder->profiles.emplace_back(std::make_unique<Profile>());
  profile.table = table.data();
  profile.object = {nullptr, &profile};
  return &profile.object;
}

int32_t AddProfile(Config* config, Object* profile) {
  config->profiles.push_back(ImplementationOf<Profile>(profile));
  return static_cast<int32_t>(config->profiles.size()) - 1;
}

bool SetCalibrationProfile(Config* config, Object* profile) {
  config->calibration_profile = ImplementationOf<Profile>(profile);
  return true;
}

void SetFlag(Config* config, int32_t flag) { config->flags.insert(flag); }
void SetCalibrator(Config* config, void* calibrator) { config->calibrator = calibrator; }
void SetMonitor(Config* config, void* monitor) { config->monitor = monitor; }
void SetVerbosity(Config* config, int32_t verbosity) { config->verbosity = verbosity; }
void SetMemoryLimit(Config*, int32_t, size_t) {}
void SetNumber(Config*, int32_t) {}

void SetCompatibility(Config* config, int32_t level) {
  config->compatibility = level;
  // 10.9 brought the third one.
  if (kIsTen && level > 1) config->builder->Log("IBuilderConfig::setHardwareCompatibilityLevel: Error Code 3: API Usage Error (Parameter check failed)");
}

void* CreateNetwork(Builder*, uint32_t flags) { return MakeNetwork(flags); }

}  // namespace

void* MakeHostMemory(std::string bytes) {
  static const Table& table = *new Table([] {
    Table made = EmptyTable("IHostMemory");
    Set(&made, host_memory_slot::kData, &DataOf);
    Set(&made, host_memory_slot::kSize, &SizeOf);
    return made;
  }());
  auto* const memory = new HostMemory;
  memory->table = table.data();
  memory->object = {DestructorsOfImplementation<HostMemory>(), memory};
  memory->bytes = std::move(bytes);
  return &memory->object;
}

void* MakeConfig(Builder* builder) {
  static const Table& table = *new Table([] {
    Table made = EmptyTable("IBuilderConfig");
    using namespace config_slot;
    Set(&made, kSetCalibrator, &SetCalibrator);
    Set(&made, kSetCalibrationProfile, &SetCalibrationProfile);
    Set(&made, kSetFlag, &SetFlag);
    Set(&made, kAddProfile, &AddProfile);
    Set(&made, kSetVerbosity, &SetVerbosity);
    Set(&made, kCreateTimingCache, &CreateTimingCache);
    Set(&made, kSetTimingCache, &SetTimingCache);
    Set(&made, kSetMemoryLimit, &SetMemoryLimit);
    Set(&made, kSetLevel, &SetNumber);
    Set(&made, kSetCompatibility, &SetCompatibility);
    Set(&made, kSetAuxStreams, &SetNumber);
    Set(&made, kSetMonitor, &SetMonitor);
    return made;
  }());
  auto* const config = new Config;
  config->table = table.data();
  config->object = {DestructorsOfImplementation<Config>(), config};
  config->builder = builder;
  return &config->object;
}

}  // namespace pilotlight::doubles

using namespace pilotlight::doubles;

extern "C" __attribute__((visibility("default"))) void* createInferBuilder_INTERNAL(void* logger, int32_t) {
  static const Table& table = *new Table([] {
    Table made = EmptyTable("IBuilder");
    using namespace builder_slot;
    Set(&made, kCreateConfig, &MakeConfig);
    Set(&made, kCreateNetwork, &CreateNetwork);
    Set(&made, kCreateProfile, &MakeProfile);
    Set(&made, kBuild, &BuildPlan);
    return made;
  }());
  auto* const builder = new Builder;
  builder->table = table.data();
  builder->object = {DestructorsOfImplementation<Builder>(), builder};
  builder->logger = logger;
  if (const auto failure = CountCall("createInferBuilder")) {
    builder->Log("CUDA initialization failure with error: " + std::to_string(failure));
    delete builder;
    return nullptr;
  }
  return &builder->object;
}
