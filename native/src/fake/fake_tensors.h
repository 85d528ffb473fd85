// What a fake run answers: echoes, zeros or the scripted values, in the declared shapes.
#pragma once

#include <vector>

#include "fake/fake_model.h"

namespace pilotlight {

enum class FakeAnswer { kPlain, kNan };

Tensor FakeOutput(const FakeModel& model, size_t output, const std::vector<Tensor>& inputs, FakeAnswer answer);

}  // namespace pilotlight
