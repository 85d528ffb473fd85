// What goes into a run comes out of it: every element type, any shape, any thread.
#include <thread>

#include "onnxruntime_model.h"

using namespace pilotlight;

namespace {

const std::vector<ElementType> kNumbers = {
    ElementType::kFloat32, ElementType::kUint8, ElementType::kInt8, ElementType::kUint16, ElementType::kInt16, ElementType::kInt32,
    ElementType::kInt64, ElementType::kBool, ElementType::kFloat16, ElementType::kFloat64, ElementType::kUint32, ElementType::kUint64,
    ElementType::kBfloat16,
};

std::string IdentityOf(ElementType type) { return std::string("identity-") + ElementName(type) + ".onnx"; }

}  // namespace

TEST("numbers of every type come back bit for bit") {
  for (const ElementType type : kNumbers) {
    Model model(IdentityOf(type));
    CHECK_EQUAL(model.engine->signature().inputs[0].type, type);
    std::vector<uint8_t> bytes(6 * ElementBytes(type));
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(type == ElementType::kBool ? i % 2 : 7 + 31 * i);
    const Answer answer = Run(*model.slot, One(OfBytes(type, {3, 2}, bytes.data(), bytes.size())));
    CHECK_EQUAL(answer.status.message, "");
    const Tensor& output = answer.outputs[0];
    CHECK_EQUAL(output.type, type);
    CHECK((output.shape == std::vector<int64_t>{3, 2}));
    CHECK_EQUAL(output.bytes.size(), bytes.size());
    CHECK_EQUAL(std::memcmp(output.bytes.data(), bytes.data(), bytes.size()), 0);
  }
}

TEST("strings come back whole, empty ones and those with a NUL too") {
  Model model("identity-string.onnx");
  const std::vector<std::string> words = {"", "plain", std::string("a\0b", 3), "zw\xc3\xb6lf", std::string(5000, 'x'), "\xf0\x9f\x94\xa5"};
  const Answer answer = Run(*model.slot, One(OfStrings({3, 2}, words)));
  CHECK_EQUAL(answer.status.message, "");
  CHECK(answer.outputs[0].strings == words);
  CHECK((answer.outputs[0].shape == std::vector<int64_t>{3, 2}));
  CHECK_EQUAL(answer.outputs[0].bytes.size(), 0u);
}

TEST("a tensor without elements goes through") {
  Model numbers("identity-int64.onnx");
  const Answer none = Run(*numbers.slot, One(OfBytes(ElementType::kInt64, {0, 2}, nullptr, 0)));
  CHECK_EQUAL(none.status.message, "");
  CHECK((none.outputs[0].shape == std::vector<int64_t>{0, 2}));
  CHECK_EQUAL(none.outputs[0].bytes.size(), 0u);

  Model strings("identity-string.onnx");
  const Answer silent = Run(*strings.slot, One(OfStrings({0, 2}, {})));
  CHECK_EQUAL(silent.status.message, "");
  CHECK(silent.outputs[0].strings.empty());
}

TEST("one slot takes another shape in every run") {
  Model model("add-three.onnx");
  for (const size_t length : {1u, 5u, 2u, 1000u, 1u}) {
    const Answer answer = Run(*model.slot, One(OfFloats({static_cast<int64_t>(length)}, std::vector<float>(length, 4))));
    CHECK(Floats(answer.outputs[0]) == std::vector<float>(length, 7));
  }
}

TEST("only wanted outputs are filled, each at its place") {
  Model model("two-outputs.onnx");
  Tensors inputs = One(OfFloats({2}, {5, 7}));
  inputs.push_back(OfFloats({2}, {1, 2}));

  const Answer both = Run(*model.slot, inputs);
  CHECK((Floats(both.outputs[0]) == std::vector<float>{6, 9}));
  CHECK((Floats(both.outputs[1]) == std::vector<float>{4, 5}));
  const Answer second = Run(*model.slot, inputs, {false, true});
  CHECK_EQUAL(second.outputs.size(), 2u);
  CHECK_EQUAL(second.outputs[0].bytes.size(), 0u);
  CHECK((Floats(second.outputs[1]) == std::vector<float>{4, 5}));
}

TEST("a model that does not say how many axes it takes takes any") {
  Model model("any-rank.onnx");
  CHECK(model.engine->signature().inputs[0].any_rank);
  const Answer answer = Run(*model.slot, One(OfFloats({1, 2, 1}, {1, -2})));
  CHECK((Floats(answer.outputs[0]) == std::vector<float>{-1, 2}));
  CHECK((answer.outputs[0].shape == std::vector<int64_t>{1, 2, 1}));
}

TEST("outputs outlive slot and engine, and any thread frees them") {
  Answer answer;
  {
    Model model("add-three.onnx");
    answer = Run(*model.slot, One(OfFloats({2}, {1, 2})));
    model.slot.reset();
    model.engine.reset();
  }
  std::thread([taken = std::move(answer.outputs)]() mutable {
    CHECK((Floats(taken[0]) == std::vector<float>{4, 5}));
    taken.clear();
  }).join();
}

TEST("slots of one engine run at once and never mix their answers") {
  Model model("two-outputs.onnx");
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&model, thread] {
      const std::unique_ptr<Slot> slot = model.engine->NewSlot().value;
      for (int run = 0; run < 500; ++run) {
        const auto length = static_cast<size_t>(1 + (run * 7 + thread) % 50);
        const auto value = static_cast<float>(thread * 1000 + run);
        Tensors inputs = One(OfFloats({static_cast<int64_t>(length)}, std::vector<float>(length, value)));
        inputs.push_back(OfFloats({static_cast<int64_t>(length)}, std::vector<float>(length, 1)));
        const Answer answer = Run(*slot, inputs);
        CHECK(Floats(answer.outputs[0]) == std::vector<float>(length, value + 1));
        CHECK(Floats(answer.outputs[1]) == std::vector<float>(length, value - 1));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST("a run with threads of its own gives the same answer") {
  Model model("slow.onnx", 2);
  const Answer answer = Run(*model.slot, One(OfFloats({16, 16}, std::vector<float>(256, 1.0f / 16))));
  CHECK(Floats(answer.outputs[0]) == std::vector<float>(256, 1.0f / 16));
}

TEST("an input of the wrong size is the input's fault, and the slot goes on") {
  Model model("fixed.onnx");
  const Answer wrong = Run(*model.slot, One(OfFloats({1, 5}, {1, 2, 3, 4, 5})));
  CHECK_EQUAL(wrong.status.code, Code::kBadInput);
  CHECK_CONTAINS(wrong.status.message, "Got: 5 Expected: 4");
  const Answer short_bytes = Run(*model.slot, One(OfFloats({1, 4}, {1, 2, 3})));
  CHECK_EQUAL(short_bytes.status.code, Code::kBadInput);
  const Answer type = Run(*model.slot, One(OfBytes(ElementType::kInt32, {1, 4}, "0123456789abcdef", 16)));
  CHECK_EQUAL(type.status.code, Code::kBadInput);
  CHECK_CONTAINS(type.status.message, "int32");
  CHECK((Floats(Run(*model.slot, One(OfFloats({1, 4}, {1, 2, 3, 4}))).outputs[0]) == std::vector<float>{1, 2, 3, 4}));
}

TEST("inputs that only fail inside the model are named by the node that failed") {
  Model model("two-outputs.onnx");
  Tensors inputs = One(OfFloats({2}, {5, 7}));
  inputs.push_back(OfFloats({3}, {1, 2, 3}));
  const Answer answer = Run(*model.slot, inputs);
  CHECK(answer.status.code == Code::kBadInput || answer.status.code == Code::kEngineFailed);
  CHECK_CONTAINS(answer.status.message, "2 by 3");
  CHECK_CONTAINS(answer.status.message, " node. Name:");
}
