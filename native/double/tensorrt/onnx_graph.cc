#include "onnx_graph.h"

#include <cstring>
#include <functional>

namespace pilotlight::doubles {
namespace {

// A field of a message of protocol buffers.
struct Field {
  int number = 0;
  uint64_t integer = 0;
  const char* data = nullptr;  // of a part with a length
  size_t size = 0;

  std::string text() const { return std::string(data, size); }
};

class Message {
 public:
  Message(const char* data, size_t size) : at_(data), end_(data + size) {}

  bool Next(Field* field) {
    uint64_t key = 0;
    if (at_ == end_ || !Varint(&key)) return false;
    *field = {};
    field->number = static_cast<int>(key >> 3);
    switch (key & 7) {
      case 0: return Varint(&field->integer);
      case 1: return Fixed(8, field);
      case 2: return Varint(&field->integer) && Fixed(field->integer, field);
      case 5: return Fixed(4, field);
    }
    is_broken_ = true;
    return false;
  }
  bool is_broken() const { return is_broken_; }

 private:
  bool Varint(uint64_t* value) {
    for (int shift = 0; at_ < end_ && shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    is_broken_ = true;
    return false;
  }
  bool Fixed(uint64_t size, Field* field) {
    is_broken_ = size > static_cast<uint64_t>(end_ - at_);
    if (is_broken_) return false;
    field->data = at_;
    field->size = static_cast<size_t>(size);
    at_ += size;
    return true;
  }

  const char* at_;
  const char* const end_;
  bool is_broken_ = false;
};

bool Each(const Field& part, const std::function<bool(const Field&)>& take) {
  Message message(part.data, part.size);
  Field field;
  while (message.Next(&field)) {
    if (!take(field)) return false;
  }
  return !message.is_broken();
}

bool ReadValue(const Field& part, OnnxValue* value) {
  const auto axis = [value](const Field& of) {
    value->shape.push_back(-1);
    return Each(of, [value](const Field& field) {
      if (field.number == 1) value->shape.back() = static_cast<int64_t>(field.integer);
      return true;
    });
  };
  const auto tensor = [value, &axis](const Field& field) {
    if (field.number == 1) value->type = static_cast<int>(field.integer);
    return field.number != 2 || Each(field, axis);
  };
  return Each(part, [&](const Field& field) {
    if (field.number == 1) value->name = field.text();
    if (field.number != 2) return true;
    return Each(field, [&](const Field& type) { return type.number != 1 || Each(type, tensor); });
  });
}

bool ReadNode(const Field& part, OnnxNode* node) {
  return Each(part, [node](const Field& field) {
    if (field.number == 1) node->inputs.push_back(field.text());
    if (field.number == 2) node->outputs.push_back(field.text());
    if (field.number == 3) node->name = field.text();
    if (field.number == 4) node->op = field.text();
    if (field.number != 5) return true;
    std::string name;
    return Each(field, [&](const Field& attribute) {
      if (attribute.number == 1) name = attribute.text();
      if (attribute.number == 3) node->integers[name] = static_cast<int64_t>(attribute.integer);
      return true;
    });
  });
}

bool ReadInitializer(const Field& part, OnnxGraph* graph) {
  std::string name, raw;
  const bool is_whole = Each(part, [&](const Field& field) {
    if (field.number == 8) name = field.text();
    if (field.number == 9) raw = field.text();
    return true;
  });
  float value = 0;
  if (raw.size() == sizeof value) {
    std::memcpy(&value, raw.data(), sizeof value);
    graph->scalars[name] = value;
  }
  return is_whole;
}

bool ReadGraph(const Field& part, OnnxGraph* graph) {
  return Each(part, [graph](const Field& field) {
    if (field.number == 1) return ReadNode(field, &graph->nodes.emplace_back());
    if (field.number == 5) return ReadInitializer(field, graph);
    if (field.number == 11) return ReadValue(field, &graph->inputs.emplace_back());
    if (field.number == 12) return ReadValue(field, &graph->outputs.emplace_back());
    return true;
  });
}

}  // namespace

bool ReadOnnxGraph(const void* data, size_t size, OnnxGraph* graph) {
  bool has_graph = false;
  const Field whole{0, 0, static_cast<const char*>(data), size};
  const bool is_whole = Each(whole, [&](const Field& field) {
    if (field.number != 7 || field.data == nullptr) return true;
    has_graph = true;
    return ReadGraph(field, graph);
  });
  return is_whole && has_graph;
}

}  // namespace pilotlight::doubles
