#include "builder/profiles.h"

#include <algorithm>

#include "builder/sample_list.h"

namespace pilotlight::build {
namespace {

bool IsDynamic(const NetworkTensor& input) { return std::find(input.shape.begin(), input.shape.end(), -1) != input.shape.end(); }

std::string DescribeInput(const NetworkTensor& input) {
  std::string axes;
  for (const int64_t axis : input.shape) axes += (axes.empty() ? "" : "x") + (axis < 0 ? std::string("?") : std::to_string(axis));
  return "input \"" + input.name + "\" (" + TypeName(input.type) + " " + (axes.empty() ? "scalar" : axes) + ")";
}

// "": the range suits the input.
std::string Unsuitable(const NetworkTensor& input, const ProfileRange& range) {
  if (range.is_values) return input.is_shape ? "" : "its values decide no shapes, so a profile names its axes";
  for (const auto* shape : {&range.min, &range.opt, &range.max}) {
    if (shape->size() != input.shape.size()) return DescribeShape(*shape) + " has " + std::to_string(shape->size()) + " axes";
    for (size_t i = 0; i < shape->size(); ++i) {
      if (input.shape[i] >= 0 && (*shape)[i] != input.shape[i]) return DescribeShape(*shape) + ": axis " + std::to_string(i) + " is always " + std::to_string(input.shape[i]);
      if ((*shape)[i] < 0) return DescribeShape(*shape) + ": an axis cannot be negative";
    }
  }
  for (size_t i = 0; i < range.min.size(); ++i) {
    if (range.min[i] > range.opt[i] || range.opt[i] > range.max[i]) return "axis " + std::to_string(i) + " does not grow from the smallest shape to the largest";
  }
  return "";
}

Status CheckNames(const Network& network, const std::vector<ProfileRange>& ranges) {
  std::string known;
  for (const NetworkTensor& input : network.inputs()) known += (known.empty() ? "" : ", ") + DescribeInput(input);
  for (const ProfileRange& range : ranges) {
    const auto is_it = [&range](const NetworkTensor& input) { return input.name == range.input; };
    if (std::none_of(network.inputs().begin(), network.inputs().end(), is_it)) {
      return Status::Error(Code::kBadInput, "--shapes " + range.input + ": the model has no such input; it has " + known);
    }
  }
  return Status::Ok();
}

Status SetRange(const Library& library, void* profile, const NetworkTensor& input, const ProfileRange& range) {
  const std::string unsuitable = Unsuitable(input, range);
  if (!unsuitable.empty()) return Status::Error(Code::kBadInput, "--shapes for " + DescribeInput(input) + ": " + unsuitable);
  const auto& slots = library.slots.profile;
  int32_t selector = 0;
  for (const auto* values : {&range.min, &range.opt, &range.max}) {
    bool is_set = false;
    if (!range.is_values) {
      trt::Dims dims;
      dims.rank = static_cast<int32_t>(values->size());
      std::copy(values->begin(), values->end(), dims.axes);
      is_set = trt::CallSlot<bool, const char*, int32_t, const trt::Dims*>(profile, slots.set_dimensions, input.name.c_str(), selector, &dims);
    } else if (library.major == 10) {
      const std::vector<int32_t> narrow(values->begin(), values->end());
      is_set = trt::CallSlot<bool, const char*, int32_t, const int32_t*, int32_t>(profile, slots.set_values, input.name.c_str(), selector, narrow.data(), static_cast<int32_t>(narrow.size()));
    } else {
      is_set = trt::CallSlot<bool, const char*, int32_t, const int64_t*, int32_t>(profile, slots.set_values, input.name.c_str(), selector, values->data(), static_cast<int32_t>(values->size()));
    }
    if (!is_set) return Failure(Code::kBadInput, "--shapes for " + DescribeInput(input), library);
    ++selector;
  }
  return Status::Ok();
}

}  // namespace

Result<void*> MakeProfile(const Library& library, void* builder, const Network& network, const std::vector<ProfileRange>& ranges, int number) {
  void* const profile = trt::CallSlot<void*>(builder, library.slots.builder.create_profile);  // the builder's own
  if (profile == nullptr) return {Failure(Code::kLoadFailed, "an optimization profile cannot be created", library), nullptr};
  for (const NetworkTensor& input : network.inputs()) {
    bool is_set = false;
    for (const ProfileRange& range : ranges) {
      if (range.profile != number || range.input != input.name) continue;
      const Status set = SetRange(library, profile, input, range);
      if (!set.ok()) return {set, nullptr};
      is_set = true;
    }
    if (is_set || !(IsDynamic(input) || input.is_shape)) continue;
    return {Status::Error(Code::kBadInput, DescribeInput(input) + " is dynamic, and " + (number == 0 ? "nothing says" : "profile " + std::to_string(number + 1) + " does not say") +
                                             " which shapes the plan shall take: --shapes " + input.name + ":MIN..OPT..MAX"), nullptr};
  }
  return Result<void*>::Of(profile);
}

Status AddProfiles(const Library& library, void* builder, void* config, const Network& network, const std::vector<ProfileRange>& ranges) {
  const Status known = CheckNames(network, ranges);
  if (!known.ok()) return known;
  int count = 1;
  for (const ProfileRange& range : ranges) count = std::max(count, range.profile + 1);
  for (int number = 0; number < count; ++number) {
    const auto profile = MakeProfile(library, builder, network, ranges, number);
    if (!profile.ok()) return profile.status;
    const bool is_valid = trt::CallSlot<bool>(profile.value, library.slots.profile.is_valid);
    if (!is_valid || trt::CallSlot<int32_t, const void*>(config, library.slots.config.add_profile, profile.value) < 0) {
      return Failure(Code::kBadInput, "TensorRT refuses optimization profile " + std::to_string(number + 1), library);
    }
  }
  return Status::Ok();
}

}  // namespace pilotlight::build
