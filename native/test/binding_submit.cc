// From a frame to a job, with a stand-in for the few parts of Node that it asks.
#include "binding/submit.h"

#include <cmath>
#include <cstring>
#include <new>
#include <vector>

#include "binding/frame.h"
#include "binding/js.h"
#include "check.h"
#include "core/registry.h"

using namespace pilotlight;

namespace {

// What Node says of the one array that goes with a call.
struct {
  std::vector<uint8_t> bytes;
  uint32_t strings = 0;
  bool is_memory_short = false;
  int open_scopes = 0;
} node;

struct Written {
  std::vector<double> words = std::vector<double>(kFrameWords);
  std::vector<uint8_t> staging = std::vector<uint8_t>(kStagingBytes);

  // One input of one axis.
  Written(ElementType type, double place, double size) {
    const double input[] = {static_cast<double>(type), place, 1, size};
    words[submit_word::kPool] = static_cast<double>(Registry::Get().Intern("not loaded"));
    words[submit_word::kSlot] = -1;
    words[submit_word::kInputs] = 1;
    std::memcpy(&words[submit_word::kCount], input, sizeof input);
  }

  Status Read(RunJob* job) const {
    Frame frame;
    frame.words = words.data();
    frame.staging = staging.data();
    return ReadJob(nullptr, frame, nullptr, job);
  }

  Code code() const {
    RunJob job;
    return Read(&job).code;
  }
};

}  // namespace

namespace pilotlight {
std::string TextFromJs(napi_env, napi_value) {
  if (node.is_memory_short) throw std::bad_alloc();
  return "text";
}
void RunJob::Open(EnvState&) {}
}  // namespace pilotlight

napi_status NAPI_CDECL napi_get_element(napi_env, napi_value, uint32_t, napi_value*) { return napi_ok; }
napi_status NAPI_CDECL napi_open_handle_scope(napi_env, napi_handle_scope*) {
  ++node.open_scopes;
  return napi_ok;
}
napi_status NAPI_CDECL napi_close_handle_scope(napi_env, napi_handle_scope) {
  --node.open_scopes;
  return napi_ok;
}
napi_status NAPI_CDECL napi_typeof(napi_env, napi_value, napi_valuetype* type) {
  *type = napi_string;
  return napi_ok;
}
napi_status NAPI_CDECL napi_get_array_length(napi_env, napi_value, uint32_t* length) {
  *length = node.strings;
  return napi_ok;
}
napi_status NAPI_CDECL napi_get_typedarray_info(napi_env, napi_value, napi_typedarray_type* type, size_t* length, void** data, napi_value*, size_t*) {
  *type = napi_uint8_array;
  *length = node.bytes.size();
  *data = node.bytes.empty() ? nullptr : node.bytes.data();
  return napi_ok;
}

TEST("an input is copied from where it was staged, and a bool becomes 0 or 1") {
  Written written(ElementType::kBool, 8, 3);
  std::memcpy(&written.staging[8], "\7\0\1", 3);
  RunJob job;
  CHECK(written.Read(&job).ok());
  CHECK(std::memcmp(job.inputs[0].bytes.data(), "\1\0\1", 3) == 0);
  CHECK(job.inputs[0].shape == std::vector<int64_t>{3});
}

TEST("an input that reaches past the staged bytes is refused") {
  const double floats = kStagingBytes / 4;
  CHECK_EQUAL(Written(ElementType::kFloat32, 0, floats).code(), Code::kOk);
  CHECK_EQUAL(Written(ElementType::kFloat32, 8, floats).code(), Code::kBadInput);
}

TEST("an array that has shrunk, grown or lost its buffer since it was looked at is refused") {
  const Written written(ElementType::kFloat32, kDirect, 2);
  for (const size_t size : {8, 7, 9, 0}) {
    node.bytes.assign(size, 1);
    CHECK_EQUAL(written.code(), size == 8 ? Code::kOk : Code::kBadInput);
  }
}

TEST("more bytes than there can be are refused") {
  node.bytes.clear();
  CHECK_EQUAL(Written(ElementType::kFloat32, kDirect, 1e15).code(), Code::kNoMemory);
}

TEST("strings are copied; too few of them, or too little memory for them, is told") {
  const Written written(ElementType::kString, kDirect, 2);
  node.strings = 2;
  RunJob job;
  CHECK(written.Read(&job).ok());
  CHECK(job.inputs[0].strings == (std::vector<std::string>{"text", "text"}));
  node.is_memory_short = true;
  CHECK_EQUAL(written.code(), Code::kNoMemory);
  CHECK_EQUAL(node.open_scopes, 0);
  node.is_memory_short = false;
  node.strings = 1;
  CHECK_EQUAL(written.code(), Code::kBadInput);
}

TEST("a deadline is a time, one that has passed, or none") {
  Written written(ElementType::kBool, 0, 1);
  const std::pair<double, int64_t> deadlines[] = {
      {2.5, 2500000}, {0, 0}, {-1, 0}, {-INFINITY, 0}, {-1e300, 0}, {1e300, INT64_MAX}, {INFINITY, INT64_MAX}, {std::nan(""), INT64_MAX}};
  for (const auto& [ms, ns] : deadlines) {
    written.words[submit_word::kDeadlineMs] = ms;
    RunJob job;
    CHECK(written.Read(&job).ok());
    CHECK_EQUAL(job.deadline_ns, ns);
  }
}

TEST("what says to be longer than the frame is refused") {
  for (const double count : {double{kFrameWords}, double{kFrameWords + 1}, 1e15}) {
    Written inputs(ElementType::kBool, 0, 1), rank(ElementType::kBool, 0, 1), outputs(ElementType::kBool, 0, 1);
    inputs.words[submit_word::kInputs] = count;
    rank.words[submit_word::kCount + 2] = count;
    outputs.words[submit_word::kOutputs] = count;
    for (const Written* written : {&inputs, &rank, &outputs}) CHECK_EQUAL(written->code(), Code::kBadInput);
  }
}
