// The way back to one JavaScript thread: any thread puts letters in, one wake-up opens all that lie there.
//
// The JavaScript thread takes letters without a lock, so that it never waits for a niced thread that holds one, and it looks again by
// itself while letters come, so that only the first of many costs a wake-up. The gate is for those who put: behind it they learn that the
// environment has closed, after which its thread-safe function must not be touched (Node aborts).
#pragma once

#include <node_api.h>

#include <atomic>
#include <memory>
#include <mutex>

#include "core/registry.h"

namespace pilotlight {

class EnvState;

// Something for a JavaScript thread. Ends exactly once: opened there, or dropped on any thread.
class Letter {
 public:
  virtual void Open(EnvState& state) = 0;
  virtual void Drop() = 0;

  Letter* next = nullptr;

 protected:
  ~Letter() = default;
};

// A run on its way to the core and back; its own letter, so that a completion allocates nothing.
struct RunJob final : Job, Letter {
  void Open(EnvState& state) override;
  void Drop() override { const std::shared_ptr<Job> last = std::move(self); }

  std::shared_ptr<Job> self;  // set while it is a letter
};

class Mailbox final : public Completion, public std::enable_shared_from_this<Mailbox> {
 public:
  explicit Mailbox(napi_threadsafe_function wake) : wake_(wake) {}

  // Any thread. A closed mailbox drops what it is given.
  void Put(Letter* letter);
  void Done(std::shared_ptr<Job> job) override;
  void DoneInBurst(std::shared_ptr<Job> job) override;
  void Flush() override { Wake(); }

  // JavaScript thread: everything, oldest first.
  Letter* TakeAll();
  // JavaScript thread: from now on the next letter wakes it. False: there is one already.
  bool Sleep();
  void Close();

 private:
  void Push(Letter* letter);
  void Wake();

  std::mutex gate_;
  bool closed_ = false;  // behind the gate
  const napi_threadsafe_function wake_;
  std::atomic<Letter*> newest_{nullptr};
  std::atomic<bool> asleep_{true};
};

void DropAll(Letter* letters);

}  // namespace pilotlight
