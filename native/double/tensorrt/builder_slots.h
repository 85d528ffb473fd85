// Slots of what builds plans; counted from the public headers, as those of slots.h.
#pragma once

#include "slots.h"

namespace pilotlight::doubles {

namespace builder_slot {
constexpr int kCreateConfig = Slot(7, 5), kCreateNetwork = Slot(8, 6), kCreateProfile = Slot(9, 7), kBuild = Slot(14, 11);
}

namespace config_slot {
constexpr int kSetCalibrator = Slot(6, -1), kSetCalibrationProfile = Slot(31, -1), kSetFlag = Slot(11, 9), kAddProfile = Slot(25, 23), kSetVerbosity = Slot(27, 25),
              kCreateTimingCache = Slot(40, 29), kSetTimingCache = Slot(41, 30), kGetTimingCache = Slot(42, 31), kSetMemoryLimit = Slot(43, 32), kSetLevel = Slot(47, 36),
              kSetCompatibility = Slot(49, 38), kSetAuxStreams = Slot(54, 43), kSetMonitor = Slot(56, 45);
}

namespace network_slot {
constexpr int kMarkOutput = 3, kLayers = 12, kLayer = 13, kInputs = 14, kInput = 15, kOutputs = 16, kOutput = 17;
}

namespace tensor_slot {
constexpr int kName = 3, kDimensions = 5, kType = Slot(7, 6), kIsOutput = Slot(10, 8), kIsShape = Slot(21, 15);
}

namespace layer_slot {
constexpr int kType = 2, kName = 4, kInputs = 5, kInput = 6, kOutputs = 7, kOutput = 8, kSetPrecision = Slot(10, -1), kSetOutputType = Slot(14, -1);
}

namespace profile_slot {
constexpr int kSetDimensions = 2, kIsValid = Slot(9, 7);
}

namespace timing_cache_slot {
constexpr int kSerialize = 2, kCombine = 3;
}

namespace host_memory_slot {
constexpr int kData = 2, kSize = 3;
}

namespace inspector_slot {
constexpr int kEngineInformation = 6;
}

// Of what the caller brings: an object's own table.
namespace monitor_slot {
constexpr int kPhaseStart = 4, kStepComplete = 5, kPhaseFinish = 6;
}
namespace calibrator_slot {
constexpr int kBatchSize = 4, kBatch = 5, kReadCache = 6, kWriteCache = 7, kAlgorithm = 8;
}

}  // namespace pilotlight::doubles
