// What the process has taken from the C library's heaps: `heapBytes()`, of all arenas and of blocks that are mapped alone.
// A benchmark's own addon, beside the one that it measures: the heaps are the process's.
#include <malloc.h>
#include <node_api.h>

namespace {

napi_value HeapBytes(napi_env env, napi_callback_info) {
  const struct mallinfo2 info = mallinfo2();
  napi_value bytes = nullptr;
  napi_create_double(env, static_cast<double>(info.uordblks + info.hblkhd), &bytes);
  return bytes;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value call = nullptr;
  napi_create_function(env, "heapBytes", NAPI_AUTO_LENGTH, HeapBytes, nullptr, &call);
  napi_set_named_property(env, exports, "heapBytes", call);
  return exports;
}
