#include "core/backend.h"

#include <utility>

#include "core/heap.h"

namespace pilotlight {

Result<Signature> Backend::Inspect(const std::string& path, const std::string& device) {
  EngineSpec spec;
  spec.path = path;
  spec.device = device;
  auto loaded = Load(spec);
  if (!loaded.ok()) return {std::move(loaded.status), {}};
  Signature signature = loaded.value->signature();
  const HeapTrim trim;
  loaded.value.reset();
  return Result<Signature>::Of(std::move(signature));
}

}  // namespace pilotlight
