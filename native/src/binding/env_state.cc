#include "binding/env_state.h"

#include "binding/convert.h"
#include "binding/frame.h"
#include "binding/js.h"
#include "core/registry.h"

namespace pilotlight {
namespace {

// So many letters a turn: timers and sockets get theirs between.
constexpr int kLettersPerTurn = 256;

}  // namespace

bool EnvState::Create(napi_env env) {
  EnvState* state = new EnvState(env);
  napi_set_instance_data(env, state, [](napi_env, void* data, void*) { delete static_cast<EnvState*>(data); }, nullptr);
  const napi_status woken =
      napi_create_threadsafe_function(env, nullptr, nullptr, JsText(env, "pilotlight"), 0, 1, nullptr, nullptr, state, OnWake, &state->wake_);
  if (woken != napi_ok) return false;
  napi_unref_threadsafe_function(env, state->wake_);
  state->mailbox_ = std::make_shared<Mailbox>(state->wake_);
  // After the thread-safe function: hooks run last in, first out, and ours must close the mailbox before Node frees the function.
  return napi_add_env_cleanup_hook(env, OnCleanup, state) == napi_ok;
}

EnvState& EnvState::Of(napi_env env) {
  void* state = nullptr;
  napi_get_instance_data(env, &state);
  return *static_cast<EnvState*>(state);
}

napi_value EnvState::Attach(napi_value listener) {
  // The first listener's questions would wait for ever.
  if (tell_runs_ != nullptr) {
    napi_throw_error(env_, nullptr, "this thread is attached already");
    return nullptr;
  }
  tell_runs_ = Keep(FromJs(env_, listener, "runs"));
  tell_run_ = Keep(FromJs(env_, listener, "run"));
  tell_answer_ = Keep(FromJs(env_, listener, "answer"));
  tell_later_ = Keep(FromJs(env_, listener, "later"));
  // JavaScript of another build: its runs would wait for ever.
  if (tell_runs_ == nullptr || tell_run_ == nullptr || tell_answer_ == nullptr || tell_later_ == nullptr) {
    napi_throw_type_error(env_, nullptr, "the listener needs runs, run, answer and later: this addon and its JavaScript are of different builds");
    return nullptr;
  }

  const napi_value memory = JsObject(env_);
  frame_.words = static_cast<double*>(NewMemory(memory, "frame", kFrameWords * sizeof(double)));
  frame_.staging = static_cast<uint8_t*>(NewMemory(memory, "staging", kStagingBytes));
  double* words = static_cast<double*>(NewMemory(memory, "results", kResultWords * sizeof(double)));
  uint8_t* bytes = static_cast<uint8_t*>(NewMemory(memory, "outputs", kResultBytes));
  results_ = Results(words, bytes);
  return memory;
}

Status EnvState::Submit(napi_value direct) {
  auto job = std::make_shared<RunJob>();
  Status status = ReadJob(env_, frame_, direct, job.get());
  if (!status.ok()) return status;

  const size_t id = static_cast<size_t>(job->id);
  if (id >= flights_.size()) flights_.resize(id + 64);
  flights_[id] = job;
  job->completion = mailbox_;
  status = Registry::Get().Submit(static_cast<PoolIndex>(frame_.words[submit_word::kPool]), job);
  if (status.ok()) {
    Expect();
  } else {
    flights_[id].reset();
  }
  return status;
}

void EnvState::Cancel(uint32_t id) {
  if (id < flights_.size() && flights_[id] != nullptr) Registry::Get().Cancel(flights_[id]);
}

bool EnvState::Hold(PoolIndex pool) {
  if (!Registry::Get().Hold(pool)) return false;
  ++holds_[pool];
  return true;
}

bool EnvState::Release(PoolIndex pool) {
  const auto hold = holds_.find(pool);
  if (hold == holds_.end()) return false;
  if (--hold->second == 0) holds_.erase(hold);
  Registry::Get().Release(pool);
  return true;
}

void EnvState::Expect() {
  if (expected_++ == 0) napi_ref_threadsafe_function(env_, wake_);
}

void EnvState::Arrived() {
  if (--expected_ == 0) napi_unref_threadsafe_function(env_, wake_);
}

void EnvState::Finish(const RunJob& job) {
  flights_[job.id].reset();
  Arrived();
  if (results_.Append(job)) return;
  FlushResults();
  if (results_.Append(job)) return;
  const napi_value arguments[] = {
      JsNumber(env_, static_cast<double>(job.id)),
      JsNumber(env_, static_cast<double>(job.status.code)),
      JsText(env_, job.status.message),
      JsNumber(env_, ToMs(job.submitted_ns)),
      JsNumber(env_, ToMs(job.started_ns)),
      JsNumber(env_, ToMs(job.ended_ns)),
      job.status.ok() ? OutputsToJs(env_, job) : JsUndefined(env_),
  };
  Tell(tell_run_, 7, arguments);
}

void EnvState::Answer(uint32_t id, const Status& status, napi_value value) {
  Arrived();
  const napi_value arguments[] = {JsNumber(env_, id), JsNumber(env_, static_cast<double>(status.code)), JsText(env_, status.message), value};
  Tell(tell_answer_, 4, arguments);
}

void EnvState::OnWake(napi_env env, napi_value, void* context, void*) {
  if (env != nullptr) static_cast<EnvState*>(context)->Turn();  // null: torn down, and the mailbox is closed already
}

// Awake while letters come: what completes meanwhile needs no wake-up. With nothing on its way it sleeps at once.
void EnvState::Turn() {
  *backlog_end_ = mailbox_->TakeAll();
  while (*backlog_end_ != nullptr) backlog_end_ = &(*backlog_end_)->next;
  const bool idle = backlog_ == nullptr;
  for (int opened = 0; backlog_ != nullptr && opened < kLettersPerTurn; ++opened) {
    Letter* letter = backlog_;
    backlog_ = letter->next;
    if (backlog_ == nullptr) backlog_end_ = &backlog_;
    letter->Open(*this);
  }
  FlushResults();
  if ((idle || expected_ == 0) && mailbox_->Sleep()) return;
  // Nobody else comes back for what lies there.
  if (!Tell(tell_later_, 0, nullptr)) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void EnvState::FlushResults() {
  if (results_.count() == 0) return;
  const napi_value count = JsNumber(env_, results_.count());
  results_.Clear();  // a run that JavaScript submits meanwhile cannot finish into this memory: only this thread writes there
  Tell(tell_runs_, 1, &count);
}

void* EnvState::NewMemory(napi_value owner, const char* name, size_t bytes) {
  void* data = nullptr;
  napi_value buffer = nullptr;
  napi_create_arraybuffer(env_, bytes, &data, &buffer);
  Keep(buffer);
  JsSet(env_, owner, name, buffer);
  return data;
}

// What the listener throws ends here as an uncaught exception: Node would only warn of it, and while it is pending no other call is taken.
bool EnvState::Tell(napi_ref method, size_t count, const napi_value* arguments) {
  napi_value function = nullptr;
  napi_get_reference_value(env_, method, &function);
  if (napi_call_function(env_, JsUndefined(env_), function, count, arguments, nullptr) == napi_ok) return true;
  bool thrown = false;
  napi_value error = nullptr;
  napi_is_exception_pending(env_, &thrown);
  if (thrown && napi_get_and_clear_last_exception(env_, &error) == napi_ok) napi_fatal_exception(env_, error);
  return false;
}

napi_ref EnvState::Keep(napi_value value) {
  napi_ref reference = nullptr;
  napi_create_reference(env_, value, 1, &reference);
  if (reference != nullptr) kept_.push_back(reference);
  return reference;
}

int EnvState::Remember(Status status) {
  last_ = std::move(status);
  return static_cast<int>(last_.code);
}

void EnvState::OnCleanup(void* state) { static_cast<EnvState*>(state)->Close(); }

// Waits for nothing: a run that cannot be stopped ends on its own thread and its letter is dropped there.
void EnvState::Close() {
  mailbox_->Close();
  DropAll(backlog_);
  backlog_ = nullptr;
  backlog_end_ = &backlog_;
  for (const auto& flight : flights_) {
    if (flight != nullptr) Registry::Get().Cancel(flight);
  }
  flights_.clear();
  for (const auto& [pool, count] : holds_) {
    for (uint32_t i = 0; i < count; ++i) Registry::Get().Release(pool);
  }
  holds_.clear();
  for (const napi_ref reference : kept_) napi_delete_reference(env_, reference);
  kept_.clear();
}

}  // namespace pilotlight
