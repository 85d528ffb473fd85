// A double of libnvonnxparser: IParser and IParserError, which are plain abstract classes, so their tables are their own.
#include <array>
#include <string>
#include <vector>

#include "tensorrt/parse.h"
#include "tensorrt/slots.h"

namespace pilotlight::doubles {
namespace {

struct Error {
  const void* const* table;
  ParseFailure failure;
};

int CodeOf(const Error*) { return 6; }
const char* TextOf(const Error* error) { return error->failure.text.c_str(); }
const char* FileOf(const Error*) { return "onnxOpImporters.cpp"; }
int LineOf(const Error*) { return 6000; }
const char* FunctionOf(const Error*) { return "importFallbackPluginImporter"; }
int NodeOf(const Error* error) { return error->failure.node; }
const char* NodeNameOf(const Error* error) { return error->failure.name.c_str(); }
const char* NodeOperatorOf(const Error* error) { return error->failure.op.c_str(); }

struct Parser {
  const void* const* table;
  void* network;
  std::vector<Error> errors;
};

bool Parse(Parser* parser, const void* data, size_t size, const char*) {
  static const std::array<const void*, 8>& table = *new std::array<const void*, 8>{
    reinterpret_cast<const void*>(&CodeOf), reinterpret_cast<const void*>(&TextOf), reinterpret_cast<const void*>(&FileOf), reinterpret_cast<const void*>(&LineOf),
    reinterpret_cast<const void*>(&FunctionOf), reinterpret_cast<const void*>(&NodeOf), reinterpret_cast<const void*>(&NodeNameOf), reinterpret_cast<const void*>(&NodeOperatorOf)};
  ParseFailure failure;
  if (ParseOnnx(parser->network, data, size, &failure)) return true;
  parser->errors.push_back({table.data(), failure});
  return false;
}

int ErrorsOf(const Parser* parser) { return static_cast<int>(parser->errors.size()); }
const void* ErrorOf(const Parser* parser, int at) { return &parser->errors[static_cast<size_t>(at)]; }
void Destroy(Parser* parser) { delete parser; }

}  // namespace
}  // namespace pilotlight::doubles

extern "C" __attribute__((visibility("default"))) void* createNvOnnxParser_INTERNAL(void* network, void*, int32_t version) {
  using namespace pilotlight::doubles;
  constexpr int kErrors = Slot(5, 3), kError = Slot(6, 4), kDestroy = Slot(9, 7);
  static const std::array<const void*, 20>& table = *new std::array<const void*, 20>([] {
    std::array<const void*, 20> made{};
    made[0] = reinterpret_cast<const void*>(&Parse);
    made[kErrors] = reinterpret_cast<const void*>(&ErrorsOf);
    made[kError] = reinterpret_cast<const void*>(&ErrorOf);
    made[kDestroy] = reinterpret_cast<const void*>(&Destroy);
    return made;
  }());
  if (version != 100) return nullptr;
  return new Parser{table.data(), network, {}};
}
