#include "builder/lines.h"

#include <cmath>
#include <cstdio>
#include <mutex>

namespace pilotlight::build {
namespace {

// Length of the UTF-8 sequence at `at`; 0 if it is none: names in a model may be any bytes, and a reader of JSON refuses those.
size_t SequenceAt(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u; };
  const unsigned first = byte(0);
  const size_t length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

std::string Quote(const std::string& text) {
  std::string quoted = "\"";
  for (size_t at = 0; at < text.size();) {
    const char character = text[at];
    const size_t length = SequenceAt(text, at);
    if (length == 0) {
      quoted += "\\ufffd";
    } else if (character == '"' || character == '\\') {
      quoted += '\\';
      quoted += character;
    } else if (static_cast<unsigned char>(character) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", character);
      quoted += escaped;
    } else {
      quoted.append(text, at, length);
    }
    at += length == 0 ? 1 : length;
  }
  return quoted + "\"";
}

template <typename T, typename Show>
std::string List(const std::vector<T>& values, const Show& show) {
  std::string list = "[";
  for (size_t i = 0; i < values.size(); ++i) list += (i == 0 ? "" : ",") + show(values[i]);
  return list + "]";
}

}  // namespace

Json& Json::Raw(const char* key, const std::string& value) {
  if (!text_.empty()) text_ += ',';
  text_ += Quote(key) + ":" + value;
  return *this;
}

Json& Json::Text(const char* key, const std::string& value) { return Raw(key, Quote(value)); }
Json& Json::Integer(const char* key, int64_t value) { return Raw(key, std::to_string(value)); }
Json& Json::Flag(const char* key, bool value) { return Raw(key, value ? "true" : "false"); }

Json& Json::Number(const char* key, double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return Raw(key, std::isfinite(value) ? text : "null");
}

Json& Json::Integers(const char* key, const std::vector<int64_t>& values) {
  return Raw(key, List(values, [](int64_t value) { return std::to_string(value); }));
}

Json& Json::Texts(const char* key, const std::vector<std::string>& values) { return Raw(key, List(values, Quote)); }

Json& Json::Objects(const char* key, const std::vector<Json>& values) {
  return Raw(key, List(values, [](const Json& value) { return value.str(); }));
}

bool Tell(const Json& line) {
  static std::mutex& mutex = *new std::mutex;
  const std::string text = line.str() + "\n";
  std::lock_guard<std::mutex> lock(mutex);
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

void TellEvent(const char* event, const std::string& detail) { Tell(Json().Text("event", event).Text("detail", detail)); }

}  // namespace pilotlight::build
