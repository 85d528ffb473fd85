// A library that is missing or wrong is told, with its path and what would do, and nothing crashes.
#include "onnxruntime_model.h"

using namespace pilotlight;

namespace {

std::string Folder(const std::string& file) { return file.substr(0, file.rfind('/')); }

void ExpectRefused(const std::string& path, const std::string& reason) {
  const Capability capability = OpenLibraryAt(path);
  CHECK(!capability.available);
  CHECK_EQUAL(capability.library, path);
  CHECK_CONTAINS(capability.reason, path);
  CHECK_CONTAINS(capability.reason, reason);
  CHECK_CONTAINS(capability.reason, "onnxruntimeLibrary");

  EngineSpec spec;
  spec.path = ModelFile("add-three.onnx");
  const auto loaded = OnnxRuntimeBackend().Load(spec);
  CHECK_EQUAL(loaded.status.code, Code::kMissingLibrary);
  CHECK_CONTAINS(loaded.status.message, path);
}

}  // namespace

TEST("a path where nothing lies is refused") { ExpectRefused("/nonexistent/libonnxruntime.so.1", "No such file"); }

TEST("a file that is no library is refused") { ExpectRefused(ModelFile("add-three.onnx"), ModelFile("add-three.onnx")); }

#if defined(__linux__)
TEST("another library is refused") { ExpectRefused("libm.so.6", "is not ONNX Runtime"); }
#endif

TEST("a refusal is not remembered, and a folder is searched for the library") {
  const Capability capability = OpenLibraryAt(Folder(LibraryFile()));
  CHECK_EQUAL(capability.reason, "");
  CHECK(capability.available);
  CHECK_CONTAINS(capability.library, "libonnxruntime");
  Model model("add-three.onnx");
  CHECK((Floats(Run(*model.slot, One(OfFloats({1}, {4}))).outputs[0]) == std::vector<float>{7}));
}
