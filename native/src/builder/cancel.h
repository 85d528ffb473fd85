// How a build is given up: by SIGINT or SIGTERM, or because whoever started it is gone. TensorRT asks between its steps; a second
// signal ends the process at once.
#pragma once

namespace pilotlight::build {

void CancelOnSignals();
// As if a signal had come when stdin ends: the pipe of a parent that has died. Ends the process where the build does not give up in time.
void CancelWhenStdinEnds();
bool IsCancelled();

}  // namespace pilotlight::build
