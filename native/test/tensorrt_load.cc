// Plans that cannot be loaded, and what is left of a load that failed: on the double of NVIDIA's libraries.
#include "tensorrt_pool.h"

using namespace pilotlight;

namespace {

constexpr const char* kHeld[] = {"used", "reserved", "allocations", "pinned", "graphs", "streams", "events", "pools", "contexts", "engines", "runtimes"};

std::string Left() {
  std::string left;
  for (const char* what : kHeld) {
    if (TheDouble().Count(what) != 0) left += std::string(what) + " " + std::to_string(TheDouble().Count(what)) + " ";
  }
  return left;
}

Status LoadFile(const std::string& bytes) {
  const ModelFile file(bytes);
  EngineSpec spec;
  spec.path = file.path();
  spec.device = "gpu:0";
  const auto loaded = TensorRtBackend().Load(spec);
  CHECK_EQUAL(Left(), "");
  return loaded.status;
}

}  // namespace

TEST("fault 5: a plan of another version is refused with both versions named") {
  const int other = OwnHeader()[24] == 10 ? 11 : 10;
  const Status refused = LoadFile(PlanHeader(other, 3, 0, 1) + "pilotlight-double-plan 1\n");
  CHECK_EQUAL(refused.code, Code::kBadModel);
  CHECK_CONTAINS(refused.message, "was built by TensorRT " + std::to_string(other) + ".3.0");
  CHECK_CONTAINS(refused.message, "this host has " + TensorRtBackend().Probe().version);
}

TEST("fault 5: a plan of another build of the version, which its header does not tell in three parts, is refused in TensorRT's words") {
  std::string header = OwnHeader();
  header[27] = 99;
  const Status refused = LoadFile(header + "pilotlight-double-plan 1\ncompute 9.0\n");
  CHECK_EQUAL(refused.code, Code::kBadModel);
  CHECK_CONTAINS(refused.message, "not compatible with this version of TensorRT, expecting library version ");
}

TEST("fault 5: a plan for another GPU is refused with both compute capabilities named") {
  const Status refused = LoadFile(OwnHeader() + "pilotlight-double-plan 1\ncompute 8.6\n" + kRowsPlan);
  CHECK_EQUAL(refused.code, Code::kBadModel);
  CHECK_CONTAINS(refused.message, "generated on an incompatible device, expecting compute 9.0 got compute 8.6");
}

TEST("a plan that was cut off, or is none, is refused") {
  const std::string whole = PlanText(kRowsPlan);
  CHECK_CONTAINS(LoadFile(whole.substr(0, whole.size() - 1)).message, "truncated");
  CHECK_EQUAL(LoadFile(whole.substr(0, 40)).code, Code::kBadModel);
  CHECK_EQUAL(LoadFile("\x08\x07 an ONNX file, which begins in another way").code, Code::kBadModel);
}

TEST("a plan that needs a plugin nobody has brought is refused with its name") {
  CHECK_CONTAINS(LoadFile(PlanText(std::string(kRowsPlan) + "plugin Absent\n")).message, "Cannot find plugin: Absent");
}

TEST("a device that is not there is refused") {
  EngineSpec spec;
  const ModelFile file(PlanText(kRowsPlan));
  spec.path = file.path();
  spec.device = "gpu:7";
  TheDouble();
  CHECK_CONTAINS(TensorRtBackend().Load(spec).status.message, "this machine has 1 GPUs");
}

TEST("whichever call of a load fails, the load says so and leaves nothing behind, and the next one goes") {
  constexpr const char* kCalls[] = {"cuMemPoolCreate", "cuMemPoolSetAttribute", "cuStreamCreate", "cuStreamSynchronize", "cuEventCreate", "cuMemAllocFromPoolAsync",
                                    "createInferRuntime", "deserializeCudaEngine", "createExecutionContext", "setInputShape"};
  constexpr int kMost = 30;
  for (const char* function : kCalls) {
    int failed = 0;
    for (int call = 1; call < kMost; ++call) {
      TheDouble().Script(std::string("fail=") + function + ":" + std::to_string(call) + ":2");
      bool loaded = false;
      {
        TensorRtPool pool(kRowsPlan, 2);
        const auto outcome = pool.Load();
        loaded = outcome.ok();
        failed += loaded ? 0 : 1;
        if (!loaded) CHECK(outcome.status.message != "");
      }
      TheDouble().Script(std::string("succeed=") + function);
      CHECK_EQUAL(std::string(function) + " " + std::to_string(call) + ": " + Left(), std::string(function) + " " + std::to_string(call) + ": ");
      if (loaded) break;
      CHECK(call + 1 < kMost);
    }
    CHECK(failed > 0);
  }
}

TEST("an engine that the GPU has no room for is refused as such, and one that fits is loaded after it") {
  TensorRtPool large("weights 9000000000\ninput x float32 4\noutput y float32 4 affine x\n"), small(kRowsPlan);
  const auto refused = large.Load();
  CHECK_EQUAL(refused.status.code, Code::kNoMemory);
  CHECK_CONTAINS(refused.status.message, "OutOfMemory");
  CHECK_EQUAL(Left(), "");
  small.LoadAndOpen();
  CHECK(small.Run(Rows(1, 1))->status.ok());
}

TEST("slots for which there is no room are refused as memory that is missing") {
  TensorRtPool pool("scratch 3000000000\ninput x float32 4\noutput y float32 4 affine x\n", 4);
  const auto refused = pool.Load();
  CHECK(!refused.ok());
  CHECK_EQUAL(Left(), "");
}
