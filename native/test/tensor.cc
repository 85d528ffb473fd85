// Element types and bytes with an owner.
#include "core/tensor.h"

#include "check.h"

using namespace pilotlight;

TEST("each element type is found by its name") {
  for (int type = 1; type <= 16; ++type) {
    const auto expected = static_cast<ElementType>(type);
    if (std::string(ElementName(expected)) == "unknown") continue;
    ElementType found{};
    CHECK(FindElementType(ElementName(expected), &found));
    CHECK_EQUAL(found, expected);
  }
  ElementType found{};
  CHECK(!FindElementType("complex64", &found));
  CHECK_EQUAL(ElementBytes(ElementType::kFloat64), 8u);
  CHECK_EQUAL(ElementBytes(ElementType::kString), 0u);
}

TEST("bytes are aligned, and empty ones have an address") {
  for (const size_t size : {0, 1, 100, 1000000}) {
    const Bytes bytes = Bytes::Allocate(size);
    CHECK(bytes.data() != nullptr);
    CHECK_EQUAL(bytes.size(), size);
    CHECK_EQUAL(reinterpret_cast<uintptr_t>(bytes.data()) % 64, 0u);
  }
}

TEST("bytes that the system refuses are null") {
  CHECK(Bytes::Allocate(SIZE_MAX / 2).data() == nullptr);
}

TEST("bytes are freed once, by their owner, at the end or when replaced") {
  static int freed = 0;
  const auto free = [](void* context, void*) { freed += *static_cast<int*>(context); };
  int one = 1, data = 0;
  {
    Bytes first(&data, 4, free, &one);
    Bytes second(std::move(first));
    CHECK(first.data() == nullptr);
    CHECK_EQUAL(freed, 0);
    second = Bytes::Allocate(8);
    CHECK_EQUAL(freed, 1);
    second = Bytes(&data, 4, free, &one);
  }
  CHECK_EQUAL(freed, 2);
}
