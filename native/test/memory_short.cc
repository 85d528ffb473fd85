// A submit that the system refuses memory in the midst of leaves nothing held.
#include <cstdlib>
#include <new>

#include "fake_pool.h"

using namespace pilotlight;

namespace {

// Of this thread only: the pool's own go on.
thread_local bool is_short = false;

}  // namespace

void* operator new(size_t size) {
  void* memory = is_short ? nullptr : std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

TEST("a job whose place in the line finds no memory is refused, and its pool can be retired") {
  constexpr int kJobs = 500;  // a line takes memory for many jobs at once: some of them must find none
  FakePool pool("run-ms 1");
  pool.options.queue_max = kJobs;
  pool.LoadAndOpen();
  size_t taken = 0, refused = 0;
  for (int at = 0; at < kJobs; ++at) {
    auto job = pool.NewJob();
    is_short = true;
    const Status status = pool.Submit(std::move(job));
    is_short = false;
    CHECK(status.ok() || status.code == Code::kNoMemory);
    ++(status.ok() ? taken : refused);
  }
  CHECK(refused > 0);
  pool.finished->Await(taken);
  CHECK_EQUAL(pool.Stats().holds, 0);
  CHECK_EQUAL(pool.Retire(), Retired::kRetired);
}
