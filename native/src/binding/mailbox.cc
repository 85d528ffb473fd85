#include "binding/mailbox.h"

#include <utility>

#include "binding/env_state.h"

namespace pilotlight {

void RunJob::Open(EnvState& state) {
  const std::shared_ptr<Job> last = std::move(self);
  state.Finish(*this);
}

namespace {

// So long may a finished run wait for others that finish in its burst.
constexpr int64_t kBurstNs = 100 * 1000;

// The mailbox that this slot's thread has still to wake.
struct Unwoken {
  std::shared_ptr<Mailbox> mailbox;
  int64_t since_ns = 0;
};
thread_local Unwoken unwoken;

Letter* ToLetter(std::shared_ptr<Job> job) {
  RunJob* letter = static_cast<RunJob*>(job.get());  // every job that completes here was made by EnvState::Submit
  letter->self = std::move(job);
  return letter;
}

}  // namespace

void Mailbox::Put(Letter* letter) {
  Push(letter);
  Wake();
}

void Mailbox::Done(std::shared_ptr<Job> job) {
  if (unwoken.mailbox != nullptr) std::exchange(unwoken.mailbox, nullptr)->Wake();
  Put(ToLetter(std::move(job)));
}

void Mailbox::DoneInBurst(std::shared_ptr<Job> job) {
  const int64_t now = job->ended_ns;
  Push(ToLetter(std::move(job)));
  // Whoever came before, first: this one may be awake for as long as the burst lasts.
  if (unwoken.mailbox != nullptr && unwoken.mailbox.get() != this) std::exchange(unwoken.mailbox, nullptr)->Wake();
  if (!asleep_.load()) return;
  if (unwoken.mailbox == nullptr) {
    unwoken = {shared_from_this(), now};
  } else if (now - unwoken.since_ns > kBurstNs) {
    std::exchange(unwoken.mailbox, nullptr)->Wake();
  }
}

void Mailbox::Push(Letter* letter) {
  {
    const std::lock_guard<std::mutex> lock(gate_);
    if (!closed_) {
      Letter* newest = newest_.load(std::memory_order_relaxed);
      do {
        letter->next = newest;
      } while (!newest_.compare_exchange_weak(newest, letter, std::memory_order_seq_cst, std::memory_order_relaxed));
      return;
    }
  }
  letter->Drop();
}

// After a push. Either this sees that the thread sleeps, or the thread sees the letter before it does.
void Mailbox::Wake() {
  if (!asleep_.load()) return;
  const std::lock_guard<std::mutex> lock(gate_);
  if (!closed_ && asleep_.exchange(false)) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

Letter* Mailbox::TakeAll() {
  Letter* newest = newest_.exchange(nullptr, std::memory_order_acquire);
  Letter* oldest = nullptr;
  while (newest != nullptr) {
    Letter* next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  return oldest;
}

bool Mailbox::Sleep() {
  asleep_.store(true);
  if (newest_.load() == nullptr) return true;
  return !asleep_.exchange(false);  // false: somebody has sent the wake-up meanwhile, and it will come
}

void Mailbox::Close() {
  {
    const std::lock_guard<std::mutex> lock(gate_);
    closed_ = true;
  }
  DropAll(TakeAll());
}

void DropAll(Letter* letters) {
  while (letters != nullptr) {
    Letter* next = letters->next;  // dropping frees the letter
    letters->Drop();
    letters = next;
  }
}

}  // namespace pilotlight
