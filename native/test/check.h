// A test is a named function that checks; a test file is an executable that runs its tests in turn and fails loudly.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace check {

struct Test {
  std::string title;
  std::function<void()> body;
};

inline std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

struct Declared {
  Declared(std::string title, std::function<void()> body) { Tests().push_back({std::move(title), std::move(body)}); }
};

[[noreturn]] inline void Fail(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  std::_Exit(1);  // native threads still run: no destructors
}

inline std::string Show(const std::string& value) { return "\"" + value + "\""; }
inline std::string Show(const char* value) { return Show(std::string(value)); }
template <typename T>
std::string Show(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    return std::to_string(static_cast<long long>(value));
  } else {
    return std::to_string(value);
  }
}

template <typename A, typename B>
void Equal(const char* file, int line, const char* text, const A& actual, const B& expected) {
  if (!(actual == expected)) Fail(file, line, std::string(text) + " is " + Show(actual) + ", expected " + Show(expected));
}

inline void Contains(const char* file, int line, const std::string& text, const std::string& part) {
  if (text.find(part) == std::string::npos) Fail(file, line, Show(text) + " does not contain " + Show(part));
}

}  // namespace check

#define CHECK(condition) \
  do { \
    if (!(condition)) check::Fail(__FILE__, __LINE__, "not true: " #condition); \
  } while (false)
#define CHECK_EQUAL(actual, expected) check::Equal(__FILE__, __LINE__, #actual, actual, expected)
#define CHECK_CONTAINS(text, part) check::Contains(__FILE__, __LINE__, text, part)

#define TEST_JOIN_(left, right) left##right
#define TEST_JOIN(left, right) TEST_JOIN_(left, right)
#define TEST(title) \
  static void TEST_JOIN(TestAt, __LINE__)(); \
  static const check::Declared TEST_JOIN(declared_at_, __LINE__){title, TEST_JOIN(TestAt, __LINE__)}; \
  static void TEST_JOIN(TestAt, __LINE__)()

int main() {
  for (const auto& test : check::Tests()) {
    std::printf("- %s\n", test.title.c_str());
    std::fflush(stdout);
    test.body();
  }
  return 0;
}
