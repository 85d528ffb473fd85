// What can be read after the end of a process of what its threads did.
#include "core/work_record.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "check.h"

using namespace pilotlight;

namespace {

struct Seen {
  uint32_t layout = 0, failed = 0;
  std::vector<uint32_t> busy;
};

Seen Read(int descriptor) {
  std::vector<uint32_t> words(kWorkRecordBytes / sizeof(uint32_t));
  CHECK_EQUAL(pread(descriptor, words.data(), kWorkRecordBytes, 0), static_cast<ssize_t>(kWorkRecordBytes));
  Seen seen;
  seen.layout = words[0];
  seen.failed = words[1];
  for (size_t at = 16; at < words.size(); at += 16) {
    if (words[at + 1] != 0) seen.busy.push_back(words[at + 1] - 1);
  }
  return seen;
}

int NewRecord() {
  FILE* file = std::tmpfile();
  CHECK(file != nullptr);
  const int descriptor = dup(fileno(file));
  std::fclose(file);
  CHECK_EQUAL(ftruncate(descriptor, static_cast<off_t>(kWorkRecordBytes)), 0);
  return descriptor;
}

// Runs `work` in a process of its own, which opens the record first; gives the signal that ended it.
template <typename Work>
int InChild(int descriptor, Work work) {
  const pid_t child = fork();
  if (child == 0) {
    if (!OpenWorkRecord(descriptor).ok()) _exit(1);
    work();
    _exit(0);
  }
  int status = 0;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace

TEST("a fault names the pool of its own thread, and the signal is what it was") {
  const int descriptor = NewRecord();
  const int ended_by = InChild(descriptor, [] {
    const AtWork beside(WorkPlaceOfThisThread(), 3);
    std::thread([] {
      { const AtWork before(WorkPlaceOfThisThread(), 6); }
      const AtWork now(WorkPlaceOfThisThread(), 7);
      std::abort();
    }).join();
  });
  const Seen seen = Read(descriptor);
  CHECK_EQUAL(ended_by, SIGABRT);
  CHECK_EQUAL(seen.layout, kWorkRecordLayout);
#if defined(__linux__)
  CHECK_EQUAL(seen.failed, 8u);
#endif
  CHECK((seen.busy == std::vector<uint32_t>{3, 7}));
  close(descriptor);
}

TEST("a fault of a thread that works for no pool names none, and who was at work is there") {
  const int descriptor = NewRecord();
  const int ended_by = InChild(descriptor, [] {
    { const AtWork over(WorkPlaceOfThisThread(), 4); }
    std::thread([] {
      const AtWork now(WorkPlaceOfThisThread(), 5);
      std::thread([] { std::abort(); }).join();
    }).join();
  });
  const Seen seen = Read(descriptor);
  CHECK_EQUAL(ended_by, SIGABRT);
  CHECK_EQUAL(seen.failed, 0u);
  CHECK((seen.busy == std::vector<uint32_t>{5}));
  close(descriptor);
}

TEST("places of threads that have ended are used again") {
  const int descriptor = NewRecord();
  const int ended_by = InChild(descriptor, [] {
    for (int round = 0; round < 2000; ++round) std::thread([] { const AtWork now(WorkPlaceOfThisThread(), 1); }).join();
    const AtWork last(WorkPlaceOfThisThread(), 9);
    kill(getpid(), SIGKILL);
  });
  CHECK_EQUAL(ended_by, SIGKILL);
  CHECK((Read(descriptor).busy == std::vector<uint32_t>{9}));
  close(descriptor);
}

TEST("a record of another size is refused") {
  const int descriptor = NewRecord();
  CHECK_EQUAL(ftruncate(descriptor, 4096), 0);
  const Status status = OpenWorkRecord(descriptor);
  CHECK(!status.ok());
  CHECK(status.message.find("4096 bytes instead of 65536") != std::string::npos);
  close(descriptor);
  CHECK(!OpenWorkRecord(-1).ok());
  const AtWork unread(WorkPlaceOfThisThread(), 1);
}
