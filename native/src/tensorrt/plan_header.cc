#include "tensorrt/plan_header.h"

#include <array>
#include <cstring>
#include <fstream>

namespace pilotlight::trt {
namespace {

// As TensorRT's own trtexec reads it (--getPlanVersionOnly): a magic word, the serialization version, and at byte 24 the version
// of the library as four bytes.
constexpr char kMagic[] = {'f', 't', 'r', 't'};
constexpr size_t kHeaderBytes = 28;
constexpr size_t kVersionAt = 24;

}  // namespace

Result<PlanHeader> ReadPlanHeader(const std::string& path) {
  const auto refuse = [&path](const std::string& why) { return Result<PlanHeader>::Error(Code::kBadModel, path + ": " + why); };
  std::ifstream file(path, std::ios::binary);
  if (!file) return refuse("cannot be read");
  std::array<unsigned char, kHeaderBytes> bytes{};
  file.read(reinterpret_cast<char*>(bytes.data()), bytes.size());
  if (static_cast<size_t>(file.gcount()) < bytes.size()) return refuse("is too short for a TensorRT plan");
  if (std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) return refuse("is no TensorRT plan: it does not begin as one");
  PlanHeader header;
  uint32_t serialization = 0;
  std::memcpy(&serialization, bytes.data() + sizeof kMagic, sizeof serialization);
  header.is_known = serialization == 0;
  if (header.is_known) {
    header.major = bytes[kVersionAt];
    header.minor = bytes[kVersionAt + 1];
    header.patch = bytes[kVersionAt + 2];
    header.build = bytes[kVersionAt + 3];
  }
  return Result<PlanHeader>::Of(header);
}

}  // namespace pilotlight::trt
