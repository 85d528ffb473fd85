// Finished runs on their way into JavaScript: the small ones all together in memory that JavaScript reads and copies from.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/job.h"

namespace pilotlight {

class Results {
 public:
  Results() = default;
  Results(double* words, uint8_t* bytes) : words_(words), bytes_(bytes) {}

  // False: the run failed, has strings, is large, or there is no room left before a Clear.
  bool Append(const Job& job);
  // Runs that were appended since the last Clear.
  uint32_t count() const { return count_; }
  void Clear();

 private:
  double* words_ = nullptr;
  uint8_t* bytes_ = nullptr;
  size_t words_used_ = 0;
  size_t bytes_used_ = 0;
  uint32_t count_ = 0;
};

}  // namespace pilotlight
