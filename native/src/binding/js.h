// Plain values from and to JavaScript.
//
// Raw Node-API, statuses unread: an environment that is being torn down refuses every call, and nobody will see what it refused.
// (node-addon-api turns such a refusal into an exception, and the exception into an abort.)
#pragma once

#include <node_api.h>

#include <array>
#include <string>
#include <vector>

namespace pilotlight {

napi_value JsUndefined(napi_env env);
napi_value JsBoolean(napi_env env, bool value);
napi_value JsNumber(napi_env env, double value);
napi_value JsText(napi_env env, const std::string& value);
napi_value JsObject(napi_env env);
napi_value JsArray(napi_env env, size_t length);
void JsSet(napi_env env, napi_value object, const char* name, napi_value value);
void JsSet(napi_env env, napi_value object, const char* name, double value);
void JsSet(napi_env env, napi_value object, const char* name, const std::string& value);
void JsSetAt(napi_env env, napi_value array, size_t index, napi_value value);

// Null or zero when there is none, or when it is of another kind.
napi_value FromJs(napi_env env, napi_value object, const char* name);
std::string TextFromJs(napi_env env, napi_value value);
double NumberFromJs(napi_env env, napi_value value);
bool BooleanFromJs(napi_env env, napi_value value);
std::vector<std::string> TextsFromJs(napi_env env, napi_value array);

// What is made while it lives is let go with it.
class HandleScope {
 public:
  explicit HandleScope(napi_env env) : env_(env) { napi_open_handle_scope(env_, &scope_); }
  ~HandleScope() { napi_close_handle_scope(env_, scope_); }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  const napi_env env_;
  napi_handle_scope scope_ = nullptr;
};

// The arguments of a call; those that were left out are undefined.
template <size_t N>
std::array<napi_value, N> ArgumentsOf(napi_env env, napi_callback_info info) {
  std::array<napi_value, N> values{};
  size_t count = N;
  napi_get_cb_info(env, info, &count, values.data(), nullptr, nullptr);
  return values;
}

}  // namespace pilotlight
