// The fake model's file: what it says is what is read, and a mistake is named with its line.
#include "fake/fake_model.h"

#include "fake_pool.h"

using namespace pilotlight;

namespace {

Result<FakeModel> Read(const std::string& text) {
  const ModelFile file(text);
  return ReadFakeModel(file.path());
}

Tensor RunOnce(FakePool& pool, std::vector<Tensor> inputs) {
  auto job = pool.NewJob();
  job->inputs = std::move(inputs);
  CHECK(pool.Submit(job).ok());
  pool.finished->Await(1);
  CHECK_EQUAL(job->status.message, "");
  return std::move(job->outputs[1]);
}

float FloatAt(const Tensor& tensor, size_t index) {
  float value;
  std::memcpy(&value, tensor.bytes.data() + index * 4, 4);
  return value;
}

}  // namespace

TEST("a whole script is read") {
  const auto read = Read("pilotlight-fake 1  # the format\n"
                         "# a simulated text model\n\n"
                         "input ids int64 [batch, tokens]\n"
                         "input scalar bool []\n"
                         "output logits float16 [batch,-1,3]\n"
                         "output-value logits 1.5\n"
                         "weights-bytes 10\nslot-bytes 11\nload-ms 12\nslot-ms 13\nrun-ms 14\nspin-ms 15\nfirst-run-ms 16\n"
                         "slow-slot 1 50\nfail-slot 2 no room\nfail-run 3 \"kernel failed\"\nfail-run 7\nnan-run 2\nhang-run 4\n"
                         "device-bytes 100\ndevice-slot-bytes 10\ndevice-bytes-untold 1\ncrash-run 5\nhang\ncrash-load\nhang-load\ngate g\nload-gate h\nfail-load-no-memory too large\n");
  CHECK_EQUAL(read.status.message, "");
  const FakeModel& model = read.value;
  CHECK_EQUAL(model.signature.inputs[0].symbols[1], "tokens");
  CHECK_EQUAL(model.signature.inputs[1].shape.size(), 0u);
  CHECK_EQUAL(model.signature.outputs[0].type, ElementType::kFloat16);
  CHECK((model.signature.outputs[0].shape == std::vector<int64_t>{-1, -1, 3}));
  CHECK_EQUAL(model.signature.outputs[0].symbols[1], "");
  CHECK_EQUAL(model.weights_bytes + model.slot_bytes + model.load_ms + model.slot_ms + model.run_ms + model.spin_ms + model.first_run_ms, 91);
  CHECK_EQUAL(model.device_bytes + model.device_slot_bytes + model.device_bytes_untold, 111);
  CHECK_EQUAL(model.slow_slots.at(1), 50);
  CHECK_EQUAL(model.failing_slots.at(2), "no room");
  CHECK_EQUAL(model.failing_runs.size(), 2u);
  CHECK_EQUAL(model.load.code, Code::kNoMemory);
  CHECK(model.load_crashes && model.load_hangs);
  CHECK(model.hangs && model.nan_runs.count(2) == 1 && model.hanging_runs.count(4) == 1 && model.crashing_runs.count(5) == 1);
}

TEST("a mistake is named with file and line") {
  const std::pair<const char*, const char*> mistakes[] = {
      {"ONNX", "model.fake:1: not a fake model"},
      {"", "model.fake:1: cannot be read, or is empty"},
      {"pilotlight-fake 2", "model.fake:1: the format's version must be 1"},
      {"pilotlight-fake 1\n\nfrobnicate 3", "model.fake:3: nothing is called \"frobnicate\""},
      {"pilotlight-fake 1\nrun-ms soon", "model.fake:2: expected a number (a whole number, 0 or more), found \"soon\""},
      {"pilotlight-fake 1\nrun-ms -3", "found \"-3\""},
      {"pilotlight-fake 1\nrun-ms", "found the end of the line"},
      {"pilotlight-fake 1\nrun-ms 3 4", "found \"4\" after the end of \"run-ms\""},
      {"pilotlight-fake 1\ninput x float31 [1]", "no element type is called \"float31\""},
      {"pilotlight-fake 1\ninput x float32 1,2", "expected axes such as [batch,4], found \"1,2\""},
      {"pilotlight-fake 1\ninput x float32 [1,-2]", "axis \"-2\""},
      {"pilotlight-fake 1\ninput x float32 [1,,2]", "axis \"\""},
  };
  for (const auto& [text, message] : mistakes) {
    const auto read = Read(text);
    CHECK_EQUAL(read.status.code, Code::kBadModel);
    CHECK_CONTAINS(read.status.message, message);
  }
}

TEST("an output echoes an input of its type and size") {
  FakePool pool("output z float32 [4,batch]");
  pool.LoadAndOpen();
  const Tensor z = RunOnce(pool, Rows(2, 3.0f));
  CHECK((z.shape == std::vector<int64_t>{4, 2}));
  CHECK_EQUAL(FloatAt(z, 7), 3.0f);
}

TEST("an output that no input matches is zeros, in the sizes of its symbols") {
  FakePool pool("output z int64 [batch,2]");
  pool.LoadAndOpen();
  const Tensor z = RunOnce(pool, Rows(3, 3.0f));
  CHECK((z.shape == std::vector<int64_t>{3, 2}));
  for (size_t at = 0; at < z.bytes.size(); ++at) CHECK_EQUAL(int{z.bytes.data()[at]}, 0);
}

TEST("an output's value is in every element") {
  FakePool pool("output z float16 [batch,4]\noutput-value z 1.5");
  pool.LoadAndOpen();
  const Tensor z = RunOnce(pool, Rows(1, 3.0f));
  uint16_t last;
  std::memcpy(&last, z.bytes.data() + 6, 2);
  CHECK_EQUAL(int{last}, 0x3e00);
}

TEST("an output of more bytes than can be counted is refused") {
  FakePool pool("output z float32 [batch,batch,batch,batch,batch,batch,batch,batch]");
  pool.LoadAndOpen();
  auto job = pool.NewJob();
  job->inputs = Rows(256, 3.0f);
  CHECK(pool.Submit(job).ok());
  CHECK_EQUAL(pool.finished->Await(1)[0]->status.code, Code::kNoMemory);
}

TEST("a string output holds its text") {
  FakePool pool("output z string [batch]\noutput-value z deutsch");
  pool.LoadAndOpen();
  const Tensor z = RunOnce(pool, Rows(2, 3.0f));
  CHECK_EQUAL(z.strings.size(), 2u);
  CHECK_EQUAL(z.strings[1], "deutsch");
}

TEST("a NaN run answers NaN once") {
  FakePool pool("nan-run 1");
  pool.LoadAndOpen();
  auto first = pool.MustSubmit();
  auto second = pool.MustSubmit();
  pool.finished->Await(2);
  CHECK(FloatAt(first->outputs[0], 3) != FloatAt(first->outputs[0], 3));
  CHECK_EQUAL(FloatAt(second->outputs[0], 3), 1.0f);
}

TEST("the first run of each slot takes its extra time") {
  FakePool pool("first-run-ms 20", 2);
  CHECK(pool.Load().ok());
  for (size_t run = 0; run < 2; ++run) {
    auto job = pool.NewJob();
    job->slot = static_cast<int>(run);
    CHECK(pool.Submit(job).ok());
    pool.finished->Await(run + 1);
    CHECK(job->ended_ns - job->started_ns >= 20 * kMillisecondNs);
  }
}
