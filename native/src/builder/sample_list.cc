#include "builder/sample_list.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace pilotlight::build {
namespace {

constexpr char kScalar[] = "scalar";

bool ParseLine(const std::string& line, size_t* sample, SampleTensor* tensor) {
  std::istringstream fields(line);
  std::string index, type, shape;
  const bool is_whole = std::getline(fields, index, '\t') && std::getline(fields, tensor->name, '\t') && std::getline(fields, type, '\t') &&
                        std::getline(fields, shape, '\t') && std::getline(fields, tensor->path);
  if (!is_whole || !FindElementType(type, &tensor->type)) return false;
  *sample = std::strtoull(index.c_str(), nullptr, 10);
  if (shape == kScalar) return true;
  std::istringstream axes(shape);
  for (std::string axis; std::getline(axes, axis, 'x');) tensor->shape.push_back(std::strtoll(axis.c_str(), nullptr, 10));
  return !tensor->shape.empty();
}

}  // namespace

size_t SampleTensor::size() const {
  size_t bytes = ElementBytes(type);
  for (const int64_t axis : shape) bytes *= static_cast<size_t>(axis);
  return bytes;
}

std::string DescribeShape(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t axis : shape) text += (text.empty() ? "" : "x") + std::to_string(axis);
  return text.empty() ? kScalar : text;
}

Result<std::vector<Sample>> ReadSampleList(const std::string& path) {
  using Read = Result<std::vector<Sample>>;
  std::ifstream file(path);
  if (!file) return Read::Error(Code::kBadInput, "the sample list " + path + " cannot be read");
  std::vector<Sample> samples;
  for (std::string line; std::getline(file, line);) {
    size_t index = 0;
    SampleTensor tensor;
    if (!ParseLine(line, &index, &tensor) || index > samples.size()) return Read::Error(Code::kBadInput, path + ": a line that cannot be read: " + line);
    if (index == samples.size()) samples.emplace_back();
    samples[index].push_back(std::move(tensor));
  }
  return Read::Of(std::move(samples));
}

Status ReadTensorFile(const SampleTensor& tensor, void* to) {
  const size_t size = tensor.size();
  std::ifstream file(tensor.path, std::ios::binary);
  file.read(static_cast<char*>(to), static_cast<std::streamsize>(size));
  if (static_cast<size_t>(file.gcount()) == size && file.peek() == std::ifstream::traits_type::eof()) return Status::Ok();
  return Status::Error(Code::kBadInput, tensor.path + ": is not the " + std::to_string(size) + " bytes of \"" + tensor.name + "\", " + ElementName(tensor.type) + " " +
                                          DescribeShape(tensor.shape));
}

}  // namespace pilotlight::build
