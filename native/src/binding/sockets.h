// What the supervisor needs of the operating system and Node does not give: listening descriptors that it
// holds without accepting, copies of them, a lock that lives as long as a process that inherited it.
// Knows nothing of pools: usable before any engine library is opened.
#pragma once

#include <napi.h>

namespace pilotlight {

// Adds to exports:
//   listenTcp(host, port, { backlog, reusePort?, exclusive? }) -> { fd, port }
//   duplicate(fd) -> fd
//   closeDescriptor(fd)
//   lockFile(path) -> fd
//   dieWithParent(parentPid)
// Failures throw an Error with `code` (EADDRINUSE, EACCES, ...), `errno` and `syscall`.
void RegisterSockets(Napi::Env env, Napi::Object exports);

}  // namespace pilotlight
