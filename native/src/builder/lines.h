// What the builder tells whoever started it: one JSON object a line on stdout. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pilotlight::build {

// An object under construction: Json().Text("event", "plan").Number("bytes", 12).
class Json {
 public:
  Json& Text(const char* key, const std::string& value);
  Json& Number(const char* key, double value);
  Json& Integer(const char* key, int64_t value);
  Json& Flag(const char* key, bool value);
  Json& Integers(const char* key, const std::vector<int64_t>& values);
  Json& Texts(const char* key, const std::vector<std::string>& values);
  Json& Objects(const char* key, const std::vector<Json>& values);
  std::string str() const { return text_.empty() ? "{}" : "{" + text_ + "}"; }

 private:
  Json& Raw(const char* key, const std::string& value);

  std::string text_;
};

// False: nobody reads any more.
bool Tell(const Json& line);
void TellEvent(const char* event, const std::string& detail);

}  // namespace pilotlight::build
