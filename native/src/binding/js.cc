#include "binding/js.h"

namespace pilotlight {

napi_value JsUndefined(napi_env env) {
  napi_value result = nullptr;
  napi_get_undefined(env, &result);
  return result;
}

napi_value JsBoolean(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

napi_value JsNumber(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

napi_value JsText(napi_env env, const std::string& value) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, value.data(), value.size(), &result);
  return result;
}

napi_value JsObject(napi_env env) {
  napi_value result = nullptr;
  napi_create_object(env, &result);
  return result;
}

napi_value JsArray(napi_env env, size_t length) {
  napi_value result = nullptr;
  napi_create_array_with_length(env, length, &result);
  return result;
}

void JsSet(napi_env env, napi_value object, const char* name, napi_value value) { napi_set_named_property(env, object, name, value); }

void JsSet(napi_env env, napi_value object, const char* name, double value) { JsSet(env, object, name, JsNumber(env, value)); }

void JsSet(napi_env env, napi_value object, const char* name, const std::string& value) { JsSet(env, object, name, JsText(env, value)); }

void JsSetAt(napi_env env, napi_value array, size_t index, napi_value value) {
  napi_set_element(env, array, static_cast<uint32_t>(index), value);
}

napi_value FromJs(napi_env env, napi_value object, const char* name) {
  napi_value result = nullptr;
  napi_get_named_property(env, object, name, &result);
  return result;
}

std::string TextFromJs(napi_env env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return {};
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, text.data(), length + 1, &length);
  return text;
}

double NumberFromJs(napi_env env, napi_value value) {
  double number = 0;
  napi_get_value_double(env, value, &number);
  return number;
}

bool BooleanFromJs(napi_env env, napi_value value) {
  bool is_true = false;
  napi_get_value_bool(env, value, &is_true);
  return is_true;
}

std::vector<std::string> TextsFromJs(napi_env env, napi_value array) {
  std::vector<std::string> texts;
  uint32_t length = 0;
  napi_get_array_length(env, array, &length);
  for (uint32_t index = 0; index < length; ++index) {
    napi_value item = nullptr;
    napi_get_element(env, array, index, &item);
    texts.push_back(TextFromJs(env, item));
  }
  return texts;
}

}  // namespace pilotlight
