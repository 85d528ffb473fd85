#include "plan_text.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace pilotlight::doubles {
namespace {

constexpr size_t kHeaderBytes = 28, kVersionAt = 24;

struct TypeName {
  const char* name;
  DataType type;
};
constexpr TypeName kTypes[] = {{"float32", DataType::kFloat}, {"float16", DataType::kHalf}, {"bfloat16", DataType::kBfloat16}, {"int8", DataType::kInt8},
                               {"uint8", DataType::kUint8},   {"int32", DataType::kInt32},  {"int64", DataType::kInt64},        {"bool", DataType::kBool},
                               {"fp8", DataType::kFp8},       {"int4", DataType::kInt4}};

// A plan that a test has written wrongly is no case that TensorRT knows.
[[noreturn]] void Refuse(const std::string& line) {
  std::fprintf(stderr, "the double of TensorRT: \"%s\" in a plan is not understood\n", line.c_str());
  std::abort();
}

std::vector<int64_t> NumbersOf(const std::string& text, char by) {
  std::vector<int64_t> numbers;
  if (text == "scalar") return numbers;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, by);) numbers.push_back(std::strtoll(part.c_str(), nullptr, 10));
  return numbers;
}

Dims DimsOf(const std::string& text) {
  const auto numbers = NumbersOf(text, 'x');
  if (numbers.size() > 8) Refuse(text);
  Dims dims;
  dims.rank = static_cast<int32_t>(numbers.size());
  std::copy(numbers.begin(), numbers.end(), dims.axes);
  return dims;
}

class Reader {
 public:
  Reader(const std::string& line, PlanText* plan) : line_(line), plan_(*plan) {
    std::istringstream in(line.substr(0, line.find('#')));
    for (std::string word; in >> word;) words_.push_back(word);
  }

  void Read() {
    if (words_.empty()) return;
    const std::string& key = words_[0];
    if (key == "compute") plan_.compute = Word(1);
    else if (key == "weights") plan_.weights = Number(1);
    else if (key == "persistent") plan_.persistent = Number(1);
    else if (key == "load-us") plan_.load_us = Number(1);
    else if (key == "enqueue-us") plan_.enqueue_us = Number(1);
    else if (key == "not-capturable") plan_.is_capturable = false;
    else if (key == "plugin") plan_.plugins.push_back(Word(1));
    else if (key == "compatibility") plan_.compatibility = static_cast<int>(Number(1));
    else if (key == "layer") plan_.layers.push_back({Word(1), Word(2), Word(3), Number(4), {words_.begin() + 5, words_.end()}});
    else if (key == "scratch") ReadScratch();
    else if (key == "run-us") plan_.run_us = Number(1), plan_.row_us = words_.size() > 2 ? Number(2) : 0;
    else if (key == "fault-at-run") plan_.fault_at_run = Number(1), plan_.fault = static_cast<int>(Number(2));
    else if (key == "input") ReadInput();
    else if (key == "profile") ReadProfile();
    else if (key == "output") ReadOutput();
    else Refuse(line_);
  }

 private:
  const std::string& Word(size_t at) const {
    if (at >= words_.size()) Refuse(line_);
    return words_[at];
  }
  int64_t Number(size_t at) const { return std::strtoll(Word(at).c_str(), nullptr, 10); }
  double Real(size_t at, double otherwise) const { return at < words_.size() ? std::strtod(words_[at].c_str(), nullptr) : otherwise; }

  DataType Type(size_t at) const {
    for (const TypeName& known : kTypes) {
      if (Word(at) == known.name) return known.type;
    }
    Refuse(line_);
  }

  size_t Input(size_t at) const {
    for (size_t i = 0; i < plan_.inputs.size(); ++i) {
      if (plan_.inputs[i].name == Word(at)) return i;
    }
    Refuse(line_);
  }

  void ReadScratch() {
    plan_.scratch.clear();
    for (size_t i = 1; i < words_.size(); ++i) plan_.scratch.push_back(Number(i));
  }

  void ReadInput() {
    InputText input;
    input.name = Word(1);
    input.type = Type(2);
    input.shape = DimsOf(Word(3));
    input.is_host = words_.size() > 4 && words_[4] == "host";
    input.is_packed = words_.size() > 4 && words_[4] == "packed";
    for (Dims& dims : input.profiles[0].select) dims = input.shape;
    plan_.inputs.push_back(std::move(input));
  }

  void ReadProfile() {
    InputText& input = plan_.inputs[Input(2)];
    InputText::Range& range = input.profiles[static_cast<int>(Number(1))];
    for (size_t i = 0; i < 3; ++i) {
      range.select[i] = input.is_host ? input.shape : DimsOf(Word(3 + i));
      if (input.is_host) range.values[i] = NumbersOf(Word(3 + i), ',');
    }
  }

  void ReadOutput() {
    OutputText output;
    output.name = Word(1);
    output.type = Type(2);
    output.shape = DimsOf(Word(3));
    const std::string& kind = Word(4);
    output.inputs.push_back(Input(5));
    if (kind == "affine") {
      output.a = Real(6, 1), output.b = Real(7, 0);
    } else if (kind == "add") {
      output.kind = OutputText::Kind::kAdd;
      output.inputs.push_back(Input(6));
    } else if (kind == "sum") {
      output.kind = OutputText::Kind::kSum;
      output.axis = static_cast<int>(Number(6));
      output.a = Real(7, 1), output.b = Real(8, 0);
    } else if (kind == "nonzero") {
      output.kind = OutputText::Kind::kNonzero;
    } else if (kind == "fill") {
      output.kind = OutputText::Kind::kFill;
      output.a = Real(6, 0);
    } else {
      Refuse(line_);
    }
    plan_.outputs.push_back(std::move(output));
  }

  const std::string line_;
  std::vector<std::string> words_;
  PlanText& plan_;
};

}  // namespace

int PlanText::profiles() const {
  int count = 1;
  for (const InputText& input : inputs) {
    if (!input.profiles.empty()) count = std::max(count, input.profiles.rbegin()->first + 1);
  }
  return count;
}

bool PlanText::has_data_dependent_output() const {
  return std::any_of(outputs.begin(), outputs.end(), [](const OutputText& output) { return output.kind == OutputText::Kind::kNonzero; });
}

std::string ReadPlanText(const void* data, size_t size, PlanText* plan) {
  const auto* const bytes = static_cast<const unsigned char*>(data);
  if (size < kHeaderBytes || std::memcmp(bytes, "ftrt", 4) != 0) {
    return "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Serialization assertion magicTagRead == kMAGIC_TAG failed.Magic tag does not match)";
  }
  plan->version = std::to_string(bytes[kVersionAt]) + "." + std::to_string(bytes[kVersionAt + 1]) + "." + std::to_string(bytes[kVersionAt + 2]) + "." +
                  std::to_string(bytes[kVersionAt + 3]);
  std::istringstream lines(std::string(reinterpret_cast<const char*>(bytes) + kHeaderBytes, size - kHeaderBytes));
  std::string line;
  // One without an end was cut off.
  if (!std::getline(lines, line) || line != "pilotlight-double-plan 1" || bytes[size - 1] != '\n') {
    return "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Serialization assertion sizeRead == size failed.Engine is truncated or corrupt)";
  }
  while (std::getline(lines, line)) Reader(line, plan).Read();
  return "";
}

size_t BytesOf(DataType type, int64_t elements) {
  const auto count = static_cast<size_t>(elements);
  switch (type) {
    case DataType::kFloat:
    case DataType::kInt32: return count * 4;
    case DataType::kHalf:
    case DataType::kBfloat16: return count * 2;
    case DataType::kInt64: return count * 8;
    case DataType::kInt8:
    case DataType::kUint8:
    case DataType::kBool:
    case DataType::kFp8: return count;
    case DataType::kInt4: return (count + 1) / 2;
  }
  return 0;
}

std::string Describe(const Dims& dims) {
  std::string text = "[";
  for (int32_t i = 0; i < dims.rank; ++i) text += (i == 0 ? "" : ",") + std::to_string(dims.axes[i]);
  return text + "]";
}

}  // namespace pilotlight::doubles
