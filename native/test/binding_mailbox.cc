// The way back to a JavaScript thread, without Node: wake-ups are counted here instead.
#include "binding/mailbox.h"

#include <atomic>
#include <condition_variable>
#include <thread>
#include <vector>

#include "binding/env_state.h"
#include "check.h"

using namespace pilotlight;

namespace {

// What stands for one environment's thread-safe function.
struct Bell {
  std::mutex mutex;
  std::condition_variable rung;
  int rings = 0;

  int count() {
    std::lock_guard<std::mutex> lock(mutex);
    return rings;
  }
};

std::shared_ptr<Mailbox> MailboxWith(Bell& bell) { return std::make_shared<Mailbox>(reinterpret_cast<napi_threadsafe_function>(&bell)); }

std::shared_ptr<Job> FinishedJob() {
  auto job = std::make_shared<RunJob>();
  job->ended_ns = MonotonicNs();
  return job;
}

int OpenAll(Mailbox& mailbox) {
  int count = 0;
  for (Letter* letter = mailbox.TakeAll(); letter != nullptr; ++count) {
    Letter* next = letter->next;
    letter->Drop();
    letter = next;
  }
  return count;
}

// As EnvState::Turn does, until so many letters came.
void Receive(Mailbox& mailbox, Bell& bell, int letters) {
  while (letters > 0) {
    {
      std::unique_lock<std::mutex> lock(bell.mutex);
      bell.rung.wait(lock, [&] { return bell.rings > 0; });
      bell.rings = 0;
    }
    for (;;) {
      const int taken = OpenAll(mailbox);
      letters -= taken;
      if ((taken == 0 || letters == 0) && mailbox.Sleep()) break;
    }
  }
}

}  // namespace

napi_status NAPI_CDECL napi_call_threadsafe_function(napi_threadsafe_function function, void*, napi_threadsafe_function_call_mode) {
  Bell& bell = *reinterpret_cast<Bell*>(function);
  std::lock_guard<std::mutex> lock(bell.mutex);
  ++bell.rings;
  bell.rung.notify_one();
  return napi_ok;
}

void EnvState::Finish(const RunJob&) {}

TEST("the first letter wakes a thread that sleeps, and the next ones ride along") {
  Bell bell;
  const auto mailbox = MailboxWith(bell);
  for (int i = 0; i < 3; ++i) mailbox->Done(FinishedJob());
  CHECK_EQUAL(bell.count(), 1);
  CHECK_EQUAL(OpenAll(*mailbox), 3);
  CHECK(mailbox->Sleep());
  mailbox->Done(FinishedJob());
  CHECK_EQUAL(bell.count(), 2);
  OpenAll(*mailbox);
}

TEST("in a burst a wake-up waits for the next job's end, or for a flush") {
  Bell bell;
  const auto mailbox = MailboxWith(bell);
  mailbox->DoneInBurst(FinishedJob());
  CHECK_EQUAL(bell.count(), 0);
  mailbox->Done(FinishedJob());
  CHECK_EQUAL(bell.count(), 1);
  CHECK_EQUAL(OpenAll(*mailbox), 2);
  CHECK(mailbox->Sleep());
  mailbox->DoneInBurst(FinishedJob());
  mailbox->Flush();
  CHECK_EQUAL(bell.count(), 2);
  mailbox->Done(FinishedJob());
  OpenAll(*mailbox);
}

TEST("a burst that goes on for a thread that is awake wakes the other that sleeps") {
  Bell busy_bell, lone_bell;
  const auto busy = MailboxWith(busy_bell);
  const auto lone = MailboxWith(lone_bell);
  busy->Done(FinishedJob());  // awake from now on
  lone->DoneInBurst(FinishedJob());
  busy->DoneInBurst(FinishedJob());
  CHECK_EQUAL(lone_bell.count(), 1);
  busy->Done(FinishedJob());
  OpenAll(*busy);
  OpenAll(*lone);
}

TEST("a closed mailbox drops what it is given and wakes nobody") {
  Bell bell;
  const auto mailbox = MailboxWith(bell);
  const std::weak_ptr<Job> inside = [&] {
    auto job = FinishedJob();
    mailbox->DoneInBurst(job);
    return std::weak_ptr<Job>(job);
  }();
  mailbox->Close();
  CHECK(inside.expired());
  mailbox->Done(FinishedJob());
  mailbox->Flush();
  CHECK_EQUAL(bell.count(), 0);
}

TEST("no letter is lost and no thread sleeps over one, whoever puts and whenever it falls asleep") {
  constexpr int kPutters = 3;
  constexpr int kLetters = 30000;
  Bell bells[2];
  const std::shared_ptr<Mailbox> mailboxes[2] = {MailboxWith(bells[0]), MailboxWith(bells[1])};
  std::vector<std::thread> threads;
  for (int to = 0; to < 2; ++to) threads.emplace_back([&, to] { Receive(*mailboxes[to], bells[to], kPutters * kLetters / 2); });
  for (int putter = 0; putter < kPutters; ++putter) {
    threads.emplace_back([&, putter] {
      for (int i = 0; i < kLetters; ++i) {
        Mailbox& mailbox = *mailboxes[i % 2];
        // A burst ends now and then; the last one always does.
        if ((i + putter) % 7 != 0 && i < kLetters - 1) {
          mailbox.DoneInBurst(FinishedJob());
        } else {
          mailbox.Done(FinishedJob());
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
}
