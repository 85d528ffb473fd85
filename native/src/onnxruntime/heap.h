// Gets a model's memory back from glibc. Its own thresholds grow with the largest block ever freed, and then the heap of each
// slot's thread keeps its freed end, where no trim reaches it: of ResNet-50 with four slots 35 to 43 MiB stayed after each unload,
// with this 2 MiB. Elsewhere than on glibc all of this does nothing.
#pragma once

namespace pilotlight::ort {

// Fixes the thresholds where they end up anyway after the first large buffers. Once, before the first load. A user's own
// setting (MALLOC_TRIM_THRESHOLD_, GLIBC_TUNABLES, ...) stands, and then PromptFree does nothing.
void FixHeapThresholds();

// While it lives, what is freed at the end of a heap goes back to the system at once.
class PromptFree {
 public:
  PromptFree();
  ~PromptFree();
  PromptFree(const PromptFree&) = delete;
  PromptFree& operator=(const PromptFree&) = delete;
};

}  // namespace pilotlight::ort
