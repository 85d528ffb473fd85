// A model that cannot be served is refused at the load, with the file's name and what is wrong with it.
#include <fcntl.h>
#include <unistd.h>

#include "onnxruntime_model.h"

using namespace pilotlight;

namespace {

Status Refusal(const std::string& path) {
  auto loaded = Load(path);
  CHECK(!loaded.ok());
  CHECK_CONTAINS(loaded.status.message, path);
  return loaded.status;
}

// What the block writes to stderr.
template <typename Block>
std::string Stderr(Block block) {
  char name[] = "/tmp/pilotlight-stderr-XXXXXX";
  const int file = mkstemp(name);
  CHECK(file >= 0);
  unlink(name);
  const int kept = dup(STDERR_FILENO);
  dup2(file, STDERR_FILENO);
  block();
  dup2(kept, STDERR_FILENO);
  close(kept);
  std::string text(4096, '\0');
  const ssize_t size = pread(file, text.data(), text.size(), 0);
  close(file);
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return text;
}

}  // namespace

TEST("the library is found and says its version") {
  const Capability capability = OpenLibraryAt(LibraryFile());
  CHECK_EQUAL(capability.reason, "");
  CHECK(capability.available);
  CHECK_EQUAL(capability.backend, "onnxruntime");
  CHECK_EQUAL(capability.library, LibraryFile());
  CHECK_CONTAINS(capability.version, "1.");
}

TEST("a signature has names, types, sizes and the names of dynamic axes") {
  Model model("identity-int64.onnx");
  const Signature& signature = model.engine->signature();
  CHECK_EQUAL(signature.inputs.size(), 1u);
  CHECK_EQUAL(signature.outputs.size(), 1u);
  const TensorSpec& input = signature.inputs[0];
  CHECK_EQUAL(input.name, "x");
  CHECK_EQUAL(input.type, ElementType::kInt64);
  CHECK((input.shape == std::vector<int64_t>{-1, 2}));
  CHECK((input.symbols == std::vector<std::string>{"rows", ""}));
  CHECK(!input.any_rank);
  CHECK_EQUAL(signature.outputs[0].name, "y");
}

TEST("files that are no model are the file's fault") {
  for (const char* name : {"truncated.onnx", "empty.onnx", "missing.onnx", "cycle.onnx"}) {
    CHECK_EQUAL(Refusal(ModelFile(name)).code, Code::kBadModel);
  }
  CHECK_EQUAL(Refusal(__FILE__).code, Code::kBadModel);
  CHECK_EQUAL(Refusal(ModelFile("")).code, Code::kBadModel);
}

TEST("an operator that nobody knows is named") {
  const Status refusal = Refusal(ModelFile("unknown-operator.onnx"));
  CHECK_EQUAL(refusal.code, Code::kBadModel);
  CHECK_CONTAINS(refusal.message, "Frobnicate");
  CHECK_CONTAINS(refusal.message, "; export it with operators that this ONNX Runtime has");
}

TEST("a file that is no model is told with what would do, and without the engine's own source") {
  for (const char* name : {"truncated.onnx", "empty.onnx"}) {
    const Status refusal = Refusal(ModelFile(name));
    CHECK_CONTAINS(refusal.message, "; the file is no whole ONNX model: export or copy it again");
    CHECK_EQUAL(refusal.message.find("onnxruntime_src"), std::string::npos);
  }
}

TEST("an output that is no tensor is named") {
  const Status refusal = Refusal(ModelFile("sequence-output.onnx"));
  CHECK_EQUAL(refusal.code, Code::kBadModel);
  CHECK_CONTAINS(refusal.message, "\"parts\" is a sequence");
}

TEST("a model can be loaded after others were refused") {
  Refusal(ModelFile("truncated.onnx"));
  Model model("add-three.onnx");
  CHECK((Floats(Run(*model.slot, One(OfFloats({1}, {4}))).outputs[0]) == std::vector<float>{7}));
}

TEST("an engine tells what it holds") {
  Model model("slow.onnx");
  const EngineMemory fresh = model.engine->memory();
  CHECK(fresh.weights_bytes > 0);
  const int64_t n = 512;
  CHECK(Run(*model.slot, One(OfFloats({n, n}, std::vector<float>(n * n, 0)))).status.ok());
  CHECK_EQUAL(model.engine->memory().weights_bytes, fresh.weights_bytes);
  CHECK(model.engine->memory().scratch_bytes >= n * n * 4);
}

TEST("nothing is written to stderr, whatever happens") {
  const std::string text = Stderr([] {
    Refusal(ModelFile("unknown-operator.onnx"));
    Refusal(ModelFile("missing.onnx"));
    Model model("two-outputs.onnx");
    Tensors inputs = One(OfFloats({2}, {5, 7}));
    inputs.push_back(OfFloats({3}, {1, 2, 3}));
    Run(*model.slot, inputs);
  });
  CHECK_EQUAL(text, "");
}
