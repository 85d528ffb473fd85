#include "core/heap.h"

#include <cstdlib>  // any of the C library's, for __GLIBC__

#if defined(__GLIBC__)

#include <malloc.h>

#include <atomic>
#include <mutex>

namespace pilotlight {
namespace {

constexpr int kMiB = 1 << 20;
// Smaller blocks come from a heap and so meet no page faults each time (2.4 MB: 0.06 ms against 1.3 ms). The most that glibc takes.
constexpr int kMmapThreshold = 32 * kMiB;
constexpr int kTrimThreshold = 64 * kMiB;
constexpr int kPromptTrimThreshold = 128 * 1024;
// Blocks up to this size are put aside when they are freed, and join their free neighbours later. What glibc starts with.
constexpr int kAsideBytesMax = 64 * sizeof(size_t) / 4;

std::atomic<bool> is_ours{false};

// Trims of several devices overlap; the last one sets the thresholds back.
std::mutex trims_mutex;
int trims = 0;

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

// A small block that is put aside keeps the large one before it from the end of the heap. It joins them in malloc_trim, which
// does not look at the end of any heap but the first: 4 to 20 MiB stayed in every second unload.
HeapTrim::HeapTrim() {
  if (!is_ours.load()) return;
  std::lock_guard<std::mutex> lock(trims_mutex);
  if (++trims > 1) return;
  mallopt(M_TRIM_THRESHOLD, kPromptTrimThreshold);
  mallopt(M_MXFAST, 0);
}

HeapTrim::~HeapTrim() {
  malloc_trim(0);
  if (!is_ours.load()) return;
  std::lock_guard<std::mutex> lock(trims_mutex);
  if (--trims > 0) return;
  mallopt(M_MXFAST, kAsideBytesMax);
  mallopt(M_TRIM_THRESHOLD, kTrimThreshold);
}

}  // namespace pilotlight

#else

namespace pilotlight {

void FixHeapThresholds() {}
HeapTrim::HeapTrim() {}
HeapTrim::~HeapTrim() {}

}  // namespace pilotlight

#endif
