// What can be shown of the TensorRT backend without a GPU: that it says what is missing, and reads what a plan says of itself.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "check.h"
#include "core/backend.h"
#include "tensorrt/plan_header.h"

using namespace pilotlight;

namespace {

class File {
 public:
  explicit File(const std::string& content) {
    std::string folder = (std::filesystem::temp_directory_path() / "pilotlight-XXXXXX").string();
    CHECK(mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    std::ofstream(path(), std::ios::binary) << content;
  }
  ~File() { std::filesystem::remove_all(folder_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  std::string path() const { return folder_ + "/model.plan"; }

 private:
  std::string folder_;
};

// As TensorRT 10.6.0.26 wrote it on an H200.
std::string RealHeader() { return std::string("ftrt\0\0\0\0\2\0\0\0\0\0\0\0\x94\x82\x28\3\0\0\0\0\x0a\6\0\x1a", 28); }

}  // namespace

TEST("a plan tells which TensorRT built it") {
  const auto header = trt::ReadPlanHeader(File(RealHeader() + "the rest").path());
  CHECK_EQUAL(header.status.message, "");
  CHECK(header.value.is_known);
  CHECK_EQUAL(header.value.major, 10);
  CHECK_EQUAL(header.value.minor, 6);
  CHECK_EQUAL(header.value.patch, 0);
  CHECK_EQUAL(header.value.build, 26);
}

TEST("a plan of a serialization that nobody has seen tells nothing, and is not refused for it") {
  std::string bytes = RealHeader();
  bytes[4] = 1;
  const auto header = trt::ReadPlanHeader(File(bytes).path());
  CHECK(header.ok());
  CHECK(!header.value.is_known);
}

TEST("what is no plan is refused with its path and the reason") {
  const File onnx("\x08\x07 this is an ONNX file, which does not begin as a plan does"), brief(RealHeader().substr(0, 20));
  CHECK_EQUAL(trt::ReadPlanHeader(onnx.path()).status.code, Code::kBadModel);
  CHECK_CONTAINS(trt::ReadPlanHeader(onnx.path()).status.message, onnx.path() + ": is no TensorRT plan");
  CHECK_CONTAINS(trt::ReadPlanHeader(brief.path()).status.message, "too short");
  CHECK_CONTAINS(trt::ReadPlanHeader("/nowhere/model.plan").status.message, "/nowhere/model.plan: cannot be read");
}

TEST("without the library it says where it looked and what would do") {
  SetTensorRtLibrary("/nowhere/libnvinfer.so.10");
  const Capability capability = TensorRtBackend().Probe();
  CHECK(!capability.available);
  CHECK_EQUAL(capability.library, "/nowhere/libnvinfer.so.10");
  CHECK_CONTAINS(capability.reason, "TensorRT from /nowhere/libnvinfer.so.10: ");
  CHECK_CONTAINS(capability.reason, "set tensorrtLibrary");
  EngineSpec spec;
  spec.device = "gpu:0";
  spec.path = "/nowhere/model.plan";
  CHECK_EQUAL(TensorRtBackend().Load(spec).status.code, Code::kMissingLibrary);
}
