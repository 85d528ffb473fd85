#include "core/backend.h"

#include <utility>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace pilotlight {

Result<Signature> Backend::Inspect(const std::string& path) {
  EngineSpec spec;
  spec.path = path;
  auto loaded = Load(spec);
  if (!loaded.ok()) return {std::move(loaded.status), {}};
  Signature signature = loaded.value->signature();
  loaded.value.reset();
  Trim();
  return Result<Signature>::Of(std::move(signature));
}

void Backend::Trim() { TrimHeap(); }

void TrimHeap() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

}  // namespace pilotlight
