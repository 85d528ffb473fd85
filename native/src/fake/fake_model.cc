#include "fake/fake_model.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <sstream>
#include <system_error>
#include <utility>

namespace pilotlight {

namespace {

// One line while it is read: words from the left, the reason when one does not fit.
class Line {
 public:
  explicit Line(const std::string& text) : words_(text) {}

  std::string Word(const char* what) {
    std::string word;
    if (!(words_ >> word)) Fail(std::string("expected ") + what + ", found the end of the line");
    return word;
  }

  int64_t Number(const char* what) {
    const std::string word = Word(what);
    int64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (failed()) return 0;
    if (error != std::errc() || end != word.data() + word.size() || number < 0) {
      Fail(std::string("expected ") + what + " (a whole number, 0 or more), found \"" + word + "\"");
    }
    return number;
  }

  // The rest of the line, which may be quoted; `otherwise` if there is none.
  std::string Rest(const std::string& otherwise) {
    std::string rest;
    std::getline(words_ >> std::ws, rest);
    rest.erase(rest.find_last_not_of(" \t\r") + 1);
    if (rest.size() >= 2 && rest.front() == '"' && rest.back() == '"') rest = rest.substr(1, rest.size() - 2);
    return rest.empty() ? otherwise : rest;
  }

  void Fail(std::string reason) {
    if (reason_.empty()) reason_ = std::move(reason);
  }
  bool failed() const { return !reason_.empty(); }
  const std::string& reason() const { return reason_; }

 private:
  std::istringstream words_;
  std::string reason_;
};

void ReadAxis(const std::string& axis, Line& line, TensorSpec* spec) {
  int64_t size = 0;
  const auto [end, error] = std::from_chars(axis.data(), axis.data() + axis.size(), size);
  const bool is_number = error == std::errc() && end == axis.data() + axis.size();
  if (is_number ? size < -1 : axis.empty()) line.Fail("axis \"" + axis + "\" is neither a size, nor a symbol, nor -1");
  spec->shape.push_back(is_number ? size : -1);
  spec->symbols.push_back(is_number ? "" : axis);
}

TensorSpec ReadTensor(Line& line) {
  TensorSpec spec;
  spec.name = line.Word("a tensor's name");
  const std::string type = line.Word("an element type");
  if (!line.failed() && !FindElementType(type, &spec.type)) line.Fail("no element type is called \"" + type + "\"");

  std::string axes = line.Rest("");
  if (axes.size() < 2 || axes.front() != '[' || axes.back() != ']') {
    line.Fail("expected axes such as [batch,4], found \"" + axes + "\"");
    return spec;
  }
  axes.erase(std::remove(axes.begin(), axes.end(), ' '), axes.end());
  std::istringstream list(axes.substr(1, axes.size() - 2));
  for (std::string axis; std::getline(list, axis, ',');) ReadAxis(axis, line, &spec);
  return spec;
}

using Reader = std::function<void(Line&, FakeModel&)>;

// What each word at the start of a line means.
const std::map<std::string, Reader>& Readers() {
  const auto number = [](int64_t FakeModel::*field) -> Reader {
    return [field](Line& line, FakeModel& model) { model.*field = line.Number("a number"); };
  };
  const auto text = [](std::string FakeModel::*field) -> Reader {
    return [field](Line& line, FakeModel& model) { model.*field = line.Word("a name"); };
  };
  const auto failing_load = [](Code code) -> Reader {
    return [code](Line& line, FakeModel& model) { model.load = Status::Error(code, line.Rest("the fake model says so")); };
  };
  const auto failing = [](std::map<int64_t, std::string> FakeModel::*field) -> Reader {
    return [field](Line& line, FakeModel& model) {
      const int64_t at = line.Number("which one");
      (model.*field)[at] = line.Rest("the fake model says so");
    };
  };
  const auto runs = [](std::set<int64_t> FakeModel::*field) -> Reader {
    return [field](Line& line, FakeModel& model) { (model.*field).insert(line.Number("which run")); };
  };
  static const auto& readers = *new std::map<std::string, Reader>{
      {"input", [](Line& line, FakeModel& model) { model.signature.inputs.push_back(ReadTensor(line)); }},
      {"output", [](Line& line, FakeModel& model) { model.signature.outputs.push_back(ReadTensor(line)); }},
      {"output-value",
       [](Line& line, FakeModel& model) {
         const std::string name = line.Word("an output's name");
         model.output_values[name] = line.Rest("0");
       }},
      {"weights-bytes", number(&FakeModel::weights_bytes)},
      {"slot-bytes", number(&FakeModel::slot_bytes)},
      {"device-bytes", number(&FakeModel::device_bytes)},
      {"device-slot-bytes", number(&FakeModel::device_slot_bytes)},
      {"device-bytes-untold", number(&FakeModel::device_bytes_untold)},
      {"load-ms", number(&FakeModel::load_ms)},
      {"slot-ms", number(&FakeModel::slot_ms)},
      {"run-ms", number(&FakeModel::run_ms)},
      {"spin-ms", number(&FakeModel::spin_ms)},
      {"first-run-ms", number(&FakeModel::first_run_ms)},
      {"slow-slot",
       [](Line& line, FakeModel& model) {
         const int64_t slot = line.Number("a slot");
         model.slow_slots[slot] = line.Number("milliseconds");
       }},
      {"fail-load", failing_load(Code::kLoadFailed)},
      {"fail-load-bad-model", failing_load(Code::kBadModel)},
      {"fail-load-no-memory", failing_load(Code::kNoMemory)},
      {"crash-load", [](Line&, FakeModel& model) { model.load_crashes = true; }},
      {"hang-load", [](Line&, FakeModel& model) { model.load_hangs = true; }},
      {"fail-slot", failing(&FakeModel::failing_slots)},
      {"fail-run", failing(&FakeModel::failing_runs)},
      {"lose-device-run", failing(&FakeModel::losing_runs)},
      {"nan-run", runs(&FakeModel::nan_runs)},
      {"hang-run", runs(&FakeModel::hanging_runs)},
      {"crash-run", runs(&FakeModel::crashing_runs)},
      {"hang", [](Line&, FakeModel& model) { model.hangs = true; }},
      {"driven", [](Line&, FakeModel& model) { model.driven = true; }},
      {"gate", text(&FakeModel::gate)},
      {"load-gate", text(&FakeModel::load_gate)},
  };
  return readers;
}

void ReadLine(Line& line, FakeModel* model) {
  const std::string word = line.Word("a word");
  const auto reader = Readers().find(word);
  if (reader == Readers().end()) return line.Fail("nothing is called \"" + word + "\"");
  reader->second(line, *model);
  const std::string rest = line.Rest("");
  if (!rest.empty()) line.Fail("found \"" + rest + "\" after the end of \"" + word + "\"");
}

std::string WithoutComment(const std::string& text) { return text.substr(0, text.find('#')); }

bool IsBlank(const std::string& text) { return text.find_first_not_of(" \t\r") == std::string::npos; }

}  // namespace

Result<FakeModel> ReadFakeModel(const std::string& path) {
  std::ifstream file(path);
  const auto bad = [&](int number, const std::string& reason) {
    return Result<FakeModel>::Error(Code::kBadModel, path + ":" + std::to_string(number) + ": " + reason);
  };
  std::string text;
  if (!std::getline(file, text)) return bad(1, "cannot be read, or is empty");
  Line first(WithoutComment(text));
  if (first.Word("the format") != "pilotlight-fake") return bad(1, "not a fake model: its first line must be \"pilotlight-fake 1\"");
  const int64_t version = first.Number("the format's version");
  if (first.failed() || version != 1) return bad(1, "the format's version must be 1");

  FakeModel model;
  for (int number = 2; std::getline(file, text); ++number) {
    if (IsBlank(WithoutComment(text))) continue;
    Line line(WithoutComment(text));
    ReadLine(line, &model);
    if (line.failed()) return bad(number, line.reason());
  }
  return Result<FakeModel>::Of(std::move(model));
}

}  // namespace pilotlight
