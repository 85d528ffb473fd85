// In the place of NVIDIA's libraries that a CUDA provider needs, and of the provider itself: nothing calls them.
extern "C" __attribute__((visibility("default"))) int PilotlightDoubleNeeded() { return 0; }
