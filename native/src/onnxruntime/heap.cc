#include "onnxruntime/heap.h"

#if defined(__linux__)
#include <malloc.h>
#endif

#if defined(__GLIBC__)

#include <atomic>
#include <cstdlib>

namespace pilotlight::ort {
namespace {

constexpr int kMiB = 1 << 20;
// Smaller blocks come from a heap and so meet no page faults each time (2.4 MB: 0.06 ms against 1.3 ms). The most that glibc takes.
constexpr int kMmapThreshold = 32 * kMiB;
constexpr int kTrimThreshold = 64 * kMiB;
constexpr int kPromptTrimThreshold = 128 * 1024;

std::atomic<bool> is_ours{false};

bool HasUserSetting() {
  return std::getenv("GLIBC_TUNABLES") != nullptr || std::getenv("MALLOC_MMAP_THRESHOLD_") != nullptr ||
         std::getenv("MALLOC_TRIM_THRESHOLD_") != nullptr;
}

}  // namespace

void FixHeapThresholds() {
  if (HasUserSetting()) return;
  mallopt(M_MMAP_THRESHOLD, kMmapThreshold);
  mallopt(M_TRIM_THRESHOLD, kTrimThreshold);
  is_ours.store(true);
}

PromptFree::PromptFree() {
  if (is_ours.load()) mallopt(M_TRIM_THRESHOLD, kPromptTrimThreshold);
}

PromptFree::~PromptFree() {
  if (is_ours.load()) mallopt(M_TRIM_THRESHOLD, kTrimThreshold);
}

}  // namespace pilotlight::ort

#else

namespace pilotlight::ort {

void FixHeapThresholds() {}
PromptFree::PromptFree() {}
PromptFree::~PromptFree() {}

}  // namespace pilotlight::ort

#endif
