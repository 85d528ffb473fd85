// Slots of the implementations' tables; -1: that major has no such function.
#pragma once

#ifndef PILOTLIGHT_DOUBLE_MAJOR
#define PILOTLIGHT_DOUBLE_MAJOR 10
#endif

namespace pilotlight::doubles {

constexpr bool kIsTen = PILOTLIGHT_DOUBLE_MAJOR == 10;
constexpr int Slot(int ten, int eleven) { return kIsTen ? ten : eleven; }

namespace runtime_slot {
constexpr int kDeserialize = 3, kDeserializeStream = Slot(4, -1), kSetAllocator = Slot(8, 7), kLogger = Slot(11, 10), kPluginRegistry = Slot(18, 17),
              kSetHostCode = Slot(21, 20), kHostCode = Slot(22, 21), kDeserializeStreamV2 = Slot(23, 22);
}

namespace engine_slot {
constexpr int kCreateInspector = Slot(18, 14);
constexpr int kLayers = 3, kCreateContext = 5, kName = Slot(9, 7), kProfiles = Slot(10, 8), kShape = Slot(19, 15), kType = Slot(20, 16), kLocation = Slot(21, 17),
              kIsShapeInference = Slot(22, 18), kMode = Slot(23, 19), kElementBytes = Slot(24, 20),
              kFormat = Slot(26, 22), kProfileShape = Slot(29, 25), kTensors = Slot(30, 26), kTensorName = Slot(31, 27),
              kHardwareCompatibility = Slot(32, 28), kAuxStreams = Slot(33, 29), kStreamableWeights = Slot(46, 38), kScratch = Slot(52, 44), kScratchOfProfile = Slot(53, 45),
              kProfileValues32 = Slot(11, -1), kProfileValues = Slot(54, 46), kStat = Slot(57, 49), kAliasedInput = Slot(58, 50);
}

namespace context_slot {
constexpr int kEngine = 7, kProfile = 11, kAllSpecified = 12, kSetProfile = Slot(17, 16), kSetShape = Slot(21, 20), kShape = Slot(22, 21), kSetAddress = Slot(24, 23),
              kAddress = Slot(25, 24), kSetInputAddress = Slot(26, 25), kSetOutputAddress = Slot(27, 26), kInferShapes = Slot(28, 27), kSetOutputAllocator = Slot(32, 31),
              kOutputAllocator = Slot(33, 32), kMaxOutputSize = Slot(34, 33), kSetTemporaryAllocator = Slot(35, 34), kEnqueue = Slot(37, 36), kSetCacheLimit = Slot(38, 37),
              kSetAuxStreams = Slot(42, 41), kScratchForShapes = Slot(48, 47), kSetScratch = Slot(49, 48);
}

}  // namespace pilotlight::doubles
