// All that one JavaScript environment (the main thread, a worker) has of the native world. It hangs on the environment and ends with it:
// what still runs then is cancelled, what was held is released, what completes later is dropped. Every member is for that thread only.
#pragma once

#include <node_api.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "binding/mailbox.h"
#include "binding/results.h"
#include "binding/submit.h"

namespace pilotlight {

class EnvState {
 public:
  // False: Node refused what every later call needs, and the addon must not be used.
  static bool Create(napi_env env);
  static EnvState& Of(napi_env env);

  // The listener has `runs`, `run`, `answer` and `later` (runtime/engine/addon.ts); the memory that is given goes with it.
  napi_value Attach(napi_value listener);

  Status Submit(napi_value direct);
  void Cancel(uint32_t id);

  bool Hold(PoolIndex pool);
  bool Release(PoolIndex pool);

  // The environment stays awake from Expect until the Answer or the run with its result was given.
  void Expect();
  std::shared_ptr<Mailbox> mailbox() const { return mailbox_; }
  napi_env env() const { return env_; }

  // What arrives, called by letters.
  void Finish(const RunJob& job);
  void Answer(uint32_t id, const Status& status, napi_value value);

  // Opens what lies in the mailbox, and comes again in the next turn of the event loop if more can follow.
  void Turn();

  // Code and text of the last call that failed.
  int Remember(Status status);
  const std::string& reason() const { return last_.message; }

 private:
  explicit EnvState(napi_env env) : env_(env) {}

  static void OnWake(napi_env env, napi_value callback, void* context, void* data);
  static void OnCleanup(void* state);

  void Arrived();
  void FlushResults();
  void* NewMemory(napi_value owner, const char* name, size_t bytes);
  bool Tell(napi_ref method, size_t count, const napi_value* arguments);
  napi_ref Keep(napi_value value);
  void Close();

  const napi_env env_;
  napi_threadsafe_function wake_ = nullptr;
  std::shared_ptr<Mailbox> mailbox_;
  Letter* backlog_ = nullptr;
  Letter** backlog_end_ = &backlog_;

  std::vector<napi_ref> kept_;
  napi_ref tell_runs_ = nullptr;
  napi_ref tell_run_ = nullptr;
  napi_ref tell_answer_ = nullptr;
  napi_ref tell_later_ = nullptr;
  Frame frame_;
  Results results_;

  uint64_t expected_ = 0;
  std::vector<std::shared_ptr<RunJob>> flights_;  // by id; JavaScript uses an id again when it has had its result
  std::unordered_map<PoolIndex, uint32_t> holds_;
  Status last_;
};

}  // namespace pilotlight
