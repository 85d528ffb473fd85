// A cancel ends the run that it meets, and no other.
#include <atomic>
#include <thread>

#include "onnxruntime_model.h"

using namespace pilotlight;

namespace {

// The slow model's answer to a matrix of 1/n is the matrix itself.
constexpr int64_t kHeavy = 640;

Tensors Matrix(int64_t n) { return One(OfFloats({n, n}, std::vector<float>(static_cast<size_t>(n * n), 1.0f / static_cast<float>(n)))); }

}  // namespace

TEST("a run that is cancelled in its middle ends as cancelled") {
  Model model("slow.onnx");
  const Tensors inputs = Matrix(kHeavy);
  std::atomic<bool> is_over{false};
  Answer answer;
  std::thread runner([&] {
    answer = Run(*model.slot, inputs);
    is_over.store(true);
  });
  // As the core does: a cancel before the run has begun is forgotten, so it is repeated.
  while (!is_over.load()) {
    model.slot->Cancel();
    std::this_thread::yield();
  }
  runner.join();
  CHECK_EQUAL(answer.status.code, Code::kCancelled);
  CHECK(answer.outputs.empty());
}

TEST("a cancel before a run or after it is forgotten") {
  Model model("slow.onnx");
  const Tensors inputs = Matrix(32);
  for (int round = 0; round < 3; ++round) {
    model.slot->Cancel();
    const Answer answer = Run(*model.slot, inputs);
    CHECK_EQUAL(answer.status.message, "");
    CHECK(Floats(answer.outputs[0]) == Floats(inputs[0]));
    model.slot->Cancel();
  }
}

TEST("a slot whose run was cancelled runs again") {
  Model model("slow.onnx");
  const Tensors inputs = Matrix(64);
  std::atomic<bool> is_over{false};
  int cancelled = 0;
  std::thread canceller([&] {
    while (!is_over.load()) model.slot->Cancel();
  });
  for (int run = 0; run < 300; ++run) {
    const Answer answer = Run(*model.slot, inputs);
    CHECK(answer.status.ok() || answer.status.code == Code::kCancelled);
    if (answer.status.ok()) CHECK(Floats(answer.outputs[0]) == Floats(inputs[0]));
    cancelled += answer.status.ok() ? 0 : 1;
  }
  is_over.store(true);
  canceller.join();
  CHECK(cancelled > 0);
  CHECK(Floats(Run(*model.slot, inputs).outputs[0]) == Floats(inputs[0]));
}

TEST("cancelling one slot leaves another one's run alone") {
  Model model("slow.onnx");
  const std::unique_ptr<Slot> other = model.engine->NewSlot().value;
  std::atomic<bool> is_over{false};
  std::thread canceller([&] {
    while (!is_over.load()) other->Cancel();
  });
  for (int run = 0; run < 50; ++run) CHECK_EQUAL(Run(*model.slot, Matrix(48)).status.message, "");
  is_over.store(true);
  canceller.join();
}
