// pilotlight-engine-builder: builds, inspects and runs TensorRT plans in a process of its own, so that neither a crash nor the memory
// of a build is the host's. Speaks JSON lines on stdout; the last one is "done" or "failed".
#include <cstdio>
#include <cstdlib>

#include "builder/build_plan.h"
#include "builder/cancel.h"
#include "builder/device.h"
#include "builder/inspect_plan.h"
#include "builder/library.h"
#include "builder/lines.h"
#include "builder/options.h"
#include "builder/run_plan.h"

using namespace pilotlight;

namespace {

Status Perform(const build::Options& options) {
  if (options.verb == "build") return build::BuildPlan(options);
  if (options.verb == "inspect") return build::InspectPlan(options);
  return build::RunPlan(options);
}

int End(const Status& status) {
  if (status.ok()) build::Tell(build::Json().Text("event", "done"));
  else build::Tell(build::Json().Text("event", "failed").Integer("code", static_cast<int>(status.code)).Text("message", status.message));
  return status.ok() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = build::ParseOptions(argc, argv);
  if (!parsed.ok()) {
    std::fprintf(stderr, "%s\n", parsed.status.message.c_str());
    return End(parsed.status);
  }
  const build::Options& options = parsed.value;
  build::CancelOnSignals();
  if (options.watch_stdin) build::CancelWhenStdinEnds();
  if (options.verbose) build::TellAll();
  build::ShowOnly(options.device);
  const int code = End(Perform(options));
  // Nothing of TensorRT or CUDA may run in static destructors.
  std::_Exit(code);
}
