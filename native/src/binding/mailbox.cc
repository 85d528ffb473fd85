#include "binding/mailbox.h"

#include "binding/env_state.h"

namespace pilotlight {

void RunJob::Open(EnvState& state) {
  const std::shared_ptr<Job> last = std::move(self);
  state.Finish(*this);
}

void Mailbox::Put(Letter* letter) {
  {
    const std::lock_guard<std::mutex> lock(gate_);
    if (!closed_) {
      Letter* newest = newest_.load(std::memory_order_relaxed);
      do {
        letter->next = newest;
      } while (!newest_.compare_exchange_weak(newest, letter, std::memory_order_release, std::memory_order_relaxed));
      // Who finds the box empty wakes the thread; all others ride along.
      if (newest == nullptr) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
      return;
    }
  }
  letter->Drop();
}

void Mailbox::Done(std::shared_ptr<Job> job) {
  RunJob* letter = static_cast<RunJob*>(job.get());  // every job that completes here was made by EnvState::Submit
  letter->self = std::move(job);
  Put(letter);
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
