// Gets a model's memory back from glibc. Its own thresholds grow with the largest block ever freed, and then the heap of each
// thread keeps its freed end, where no trim reaches it: of ResNet-50 with four slots 35 to 43 MiB stayed after each unload, with
// this 2 MiB. Elsewhere than on glibc all of this does nothing.
#pragma once

namespace pilotlight {

// Fixes the thresholds where they end up anyway after the first large buffers. Once, before the first load. A user's own
// setting (MALLOC_TRIM_THRESHOLD_, GLIBC_TUNABLES, ...) stands, and then HeapTrim trims once and no more.
void FixHeapThresholds();

// Around the end of an engine: what is freed while it lives goes back to the system at once where it lies at the end of a heap,
// and the rest when it ends, which takes 3 to 11 ms.
class HeapTrim {
 public:
  HeapTrim();
  ~HeapTrim();
  HeapTrim(const HeapTrim&) = delete;
  HeapTrim& operator=(const HeapTrim&) = delete;
};

}  // namespace pilotlight
