// The file of a fake model: a simulated engine, scripted line by line, so that policies, manifests and hosts can be tried
// without an engine or a device. Words are separated by spaces, `#` begins a comment.
//
//   pilotlight-fake 1                  # first line: the format
//   input x float32 [batch,4]          # name, element type, axes: a size, a symbol, or -1
//   output y float32 [batch,4]         # echoes the first input of the same type and element count, else zeros
//   output-value y 1.5                 # ... or this value in every element (a string's text is the rest of the line)
//   weights-bytes 1048576              # really allocated and written, once for each engine
//   slot-bytes 1024                    # the same, for each slot
//   device-bytes 2147483648            # counted, not allocated, and only on a simulated device: once for each engine,
//   device-slot-bytes 1024             # for each slot,
//   device-bytes-untold 1024           # and beside what the engine tells of itself, as if another process took it
//   load-ms 20                         # how long the engine takes to load,
//   slot-ms 5                          # each of its slots,
//   run-ms 5                           # a run: asleep until it is over or cancelled
//   spin-ms 5                          # a run: computing
//   driven                             # runs are driven, as on a GPU: started and looked at, not waited for
//   first-run-ms 300                   # more for the first run of each slot
//   slow-slot 1 50                     # more for every run of slot 1
//   fail-load no such operator         # the load fails with this text: LOAD_FAILED,
//   fail-load-bad-model truncated      # BAD_MODEL,
//   fail-load-no-memory out of bytes   # NO_MEMORY
//   crash-load                         # the load ends the process, as a fault of native code would
//   hang-load                          # the load never ends, and cannot be stopped
//   fail-slot 2 no room                # making slot 2 fails: NO_MEMORY (slots count from 0)
//   fail-run 3 kernel failed           # the engine's third run fails (runs count from 1; may be said of several)
//   lose-device-run 6 fell off the bus # its sixth run finds that the device is lost, for this process
//   nan-run 2                          # its second run answers NaN in all floating-point elements
//   hang-run 4                         # its fourth run ends only when cancelled
//   crash-run 5                        # its fifth run ends the process, as a fault of native code would
//   hang                               # every run ends only when cancelled
//   gate NAME                          # (C++ tests) runs wait at a FakeGate
//   load-gate NAME                     # (C++ tests) the load waits at a FakeGate
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "core/status.h"
#include "core/tensor.h"

namespace pilotlight {

struct FakeModel {
  Signature signature;
  std::map<std::string, std::string> output_values;

  int64_t weights_bytes = 0;
  int64_t slot_bytes = 0;
  int64_t device_bytes = 0, device_slot_bytes = 0, device_bytes_untold = 0;

  int64_t load_ms = 0;
  int64_t slot_ms = 0;
  int64_t run_ms = 0;
  int64_t spin_ms = 0;
  int64_t first_run_ms = 0;
  std::map<int64_t, int64_t> slow_slots;  // slot -> ms

  Status load = Status::Ok();
  bool load_crashes = false, load_hangs = false;
  std::map<int64_t, std::string> failing_slots;
  std::map<int64_t, std::string> failing_runs, losing_runs;
  std::set<int64_t> nan_runs, hanging_runs, crashing_runs;
  bool hangs = false;
  bool driven = false;

  std::string gate, load_gate;
};

// kBadModel names file and line.
Result<FakeModel> ReadFakeModel(const std::string& path);

}  // namespace pilotlight
