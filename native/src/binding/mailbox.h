// The way back to one JavaScript thread: any thread puts letters in, one wake-up opens all that lie there.
//
// The JavaScript thread takes letters without a lock, so that it never waits for a niced thread that holds one. The gate is for those who
// put: behind it they learn that the environment has closed, after which its thread-safe function must not be touched (Node aborts).
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

class Mailbox final : public Completion {
 public:
  explicit Mailbox(napi_threadsafe_function wake) : wake_(wake) {}

  // Any thread. A closed mailbox drops what it is given.
  void Put(Letter* letter);
  void Done(std::shared_ptr<Job> job) override;

  // JavaScript thread: everything, oldest first.
  Letter* TakeAll();
  void Close();

 private:
  std::mutex gate_;
  bool closed_ = false;  // behind the gate
  const napi_threadsafe_function wake_;
  std::atomic<Letter*> newest_{nullptr};
};

void DropAll(Letter* letters);

}  // namespace pilotlight
