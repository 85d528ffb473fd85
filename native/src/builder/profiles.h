// Which shapes a plan will take: each dynamic input has a smallest, a usual and a largest shape in every optimization profile.
#pragma once

#include <vector>

#include "builder/library.h"
#include "builder/network.h"
#include "builder/options.h"

namespace pilotlight::build {

// kBadInput names the input that a range is missing for, or that has none of its axes.
Status AddProfiles(const Library& library, void* builder, void* config, const Network& network, const std::vector<ProfileRange>& ranges);

// The ranges of a profile, 0, that takes exactly these shapes.
Result<void*> MakeProfile(const Library& library, void* builder, const Network& network, const std::vector<ProfileRange>& ranges, int profile);

}  // namespace pilotlight::build
