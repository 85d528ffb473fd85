// Which pools were used since somebody last asked: so that bringing an order of use up to date costs what was used, not what is there.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "core/pool_entry.h"

namespace pilotlight {

struct UsedPool {
  std::string key;
  int64_t last_used_ns = 0;
};

class UsedPools {
 public:
  // Any thread, without a lock. A use at the very moment of Take may be told with the next one only.
  void Note(PoolEntry& entry, int64_t at_ns);
  // Each pool once, in no order. One thread at a time.
  std::vector<UsedPool> Take();

 private:
  std::atomic<PoolEntry*> last_{nullptr};
};

}  // namespace pilotlight
