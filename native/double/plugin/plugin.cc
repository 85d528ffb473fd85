// A library of plugins for the double of TensorRT: brings one of the name `PilotlightDouble`, as `plugin PilotlightDouble` in a plan needs it.
extern "C" {
void pilotlight_double_plugin(const char* name);

__attribute__((visibility("default"))) bool initLibNvInferPlugins(void*, const char*) {
  pilotlight_double_plugin("PilotlightDouble");
  return true;
}
}
