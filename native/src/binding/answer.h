// The answer to a call that the core takes up on a thread of its own: a letter with the result.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "binding/convert.h"
#include "binding/env_state.h"
#include "binding/js.h"
#include "binding/mailbox.h"
#include "core/status.h"

namespace pilotlight {

template <typename T>
class AnswerLetter final : public Letter {
 public:
  AnswerLetter(uint32_t id, Result<T> result) : id_(id), result_(std::move(result)) {}

  void Open(EnvState& state) override {
    const std::unique_ptr<AnswerLetter> self(this);
    state.Answer(id_, result_.status, result_.ok() ? ToJs(state.env(), result_.value) : JsUndefined(state.env()));
  }
  void Drop() override { delete this; }

 private:
  const uint32_t id_;
  const Result<T> result_;
};

// A callback for the core that answers `id` of this environment, as long as that lives.
template <typename T>
std::function<void(Result<T>)> AnswerTo(EnvState& state, uint32_t id) {
  state.Expect();
  return [mailbox = state.mailbox(), id](Result<T> result) { mailbox->Put(new AnswerLetter<T>(id, std::move(result))); };
}

}  // namespace pilotlight
