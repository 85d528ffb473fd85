#include "settings.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace pilotlight::doubles {
namespace {

[[noreturn]] void Refuse(const std::string& what) {
  std::fprintf(stderr, "NVIDIA_DOUBLE: \"%s\" is not understood\n", what.c_str());
  std::abort();
}

std::string Trim(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::vector<std::string> Split(const std::string& text, const std::string& by) {
  std::vector<std::string> parts;
  size_t from = 0;
  for (size_t at; (at = text.find_first_of(by, from)) != std::string::npos; from = at + 1) parts.push_back(Trim(text.substr(from, at - from)));
  parts.push_back(Trim(text.substr(from)));
  return parts;
}

int64_t NumberOf(const std::string& text) {
  char* end = nullptr;
  const int64_t number = std::strtoll(text.c_str(), &end, 10);
  const std::string unit = end;
  if (text.empty() || end == text.c_str()) Refuse(text);
  if (unit == "") return number;
  if (unit == "K") return number << 10;
  if (unit == "M") return number << 20;
  if (unit == "G") return number << 30;
  Refuse(text);
}

}  // namespace

void Settings::Read(const std::string& text) {
  for (const std::string& setting : Split(text, ";\n")) {
    if (setting.empty()) continue;
    const size_t is = setting.find('=');
    if (is == std::string::npos) Refuse(setting);
    Apply(Trim(setting.substr(0, is)), Trim(setting.substr(is + 1)));
  }
}

void Settings::Apply(const std::string& name, const std::string& value) {
  if (name == "gpus") {
    gpus_ = static_cast<int>(NumberOf(value));
  } else if (name == "hold") {
    held_ = NumberOf(value) != 0;
  } else if (name == "sticky") {
    sticky_ = static_cast<int>(NumberOf(value));
  } else if (name == "wrong-use") {
    if (value != "keep" && value != "abort") Refuse(name + "=" + value);
    ends_at_wrong_use_ = value == "abort";
  } else if (name == "control") {
    control_ = value;
  } else if (name == "fail") {
    const auto parts = Split(value, ":");
    if (parts.size() != 3 || parts[1].empty()) Refuse(name + "=" + value);
    const bool and_after = parts[1].back() == '+';
    const int64_t call = NumberOf(and_after ? parts[1].substr(0, parts[1].size() - 1) : parts[1]);
    failures_.insert({parts[0], {calls_[parts[0]] + call, and_after, static_cast<int>(NumberOf(parts[2]))}});
  } else if (name == "succeed") {
    failures_.erase(value);
  } else if (lists_.count(name) > 0) {
    lists_[name] = Split(value, ",");
  } else {
    Refuse(name + "=" + value);
  }
}

void Settings::ReadControl() {
  if (control_.empty()) return;
  std::ifstream file(control_);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text == control_read_) return;
  control_read_ = text;
  Read(text);
}

int Settings::Call(const std::string& function) {
  ReadControl();
  const int64_t call = ++calls_[function];
  const auto [first, last] = failures_.equal_range(function);
  for (auto at = first; at != last; ++at) {
    if (at->second.call == call || (at->second.and_after && at->second.call < call)) return at->second.code;
  }
  return 0;
}

int64_t Settings::calls(const std::string& function) const {
  const auto found = calls_.find(function);
  return found == calls_.end() ? 0 : found->second;
}

const std::string& Settings::Of(const std::string& name, int gpu) const {
  const auto& list = lists_.at(name);
  return list[std::min(static_cast<size_t>(gpu), list.size() - 1)];
}

int64_t Settings::BytesOf(const std::string& name, int gpu) const { return NumberOf(Of(name, gpu)); }

}  // namespace pilotlight::doubles
