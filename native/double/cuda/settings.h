// What the double is told to be and to do: NVIDIA_DOUBLE and what came after it. See double.h for the words.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pilotlight::doubles {

// A function's call that fails.
struct Failure {
  int64_t call = 0;  // counted from when it was told
  bool and_after = false;
  int code = 0;
};

class Settings {
 public:
  // Applies what differs; what it cannot read ends the process, since a test that was misunderstood proves nothing.
  void Read(const std::string& text);
  // Reads the control file when it has changed.
  void ReadControl();
  // Counts a call; the code that it must return, or 0.
  int Call(const std::string& function);
  int64_t calls(const std::string& function) const;

  int gpus() const { return gpus_; }
  // Of the GPU with this number.
  const std::string& Of(const std::string& name, int gpu) const;
  int64_t BytesOf(const std::string& name, int gpu) const;
  const std::vector<std::string>& all(const std::string& name) const { return lists_.at(name); }
  bool is_held() const { return held_; }
  bool ends_at_wrong_use() const { return ends_at_wrong_use_; }
  int sticky() const { return sticky_; }
  void set_sticky(int code) { sticky_ = code; }

 private:
  void Apply(const std::string& name, const std::string& value);

  int gpus_ = 1;
  std::map<std::string, std::vector<std::string>> lists_ = {{"bytes", {"8G"}}, {"taken", {"0"}}, {"compute", {"9.0"}}, {"name", {"Pilotlight Double"}}, {"context", {"256M"}},
                                                            {"chunk", {"32M"}}, {"graph", {"1M"}}, {"tensorrt", {"10.6.0.26", "11.1.0.106"}}};
  std::map<std::string, int64_t> calls_;
  std::multimap<std::string, Failure> failures_;
  std::string control_, control_read_;
  int sticky_ = 0;
  bool held_ = false, ends_at_wrong_use_ = true;
};

}  // namespace pilotlight::doubles
