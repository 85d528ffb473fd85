// Names of the plugins that libraries have brought for the pretended TensorRT: they call `pilotlight_double_plugin` (plugin/ has one).
#include <mutex>
#include <set>
#include <string>

#include "runs.h"

namespace pilotlight::doubles {
namespace {

struct Plugins {
  std::mutex mutex;
  std::set<std::string> names;
};

Plugins& plugins() {
  static Plugins& leaked = *new Plugins;
  return leaked;
}

}  // namespace

bool HasPlugin(const std::string& name) {
  std::lock_guard<std::mutex> lock(plugins().mutex);
  return plugins().names.count(name) > 0;
}

}  // namespace pilotlight::doubles

extern "C" __attribute__((visibility("default"))) void pilotlight_double_plugin(const char* name) {
  std::lock_guard<std::mutex> lock(pilotlight::doubles::plugins().mutex);
  pilotlight::doubles::plugins().names.insert(name);
}
