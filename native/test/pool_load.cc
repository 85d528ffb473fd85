// Loads of a backend that fails in its own ways: what was made is taken apart in order, what is thrown becomes a status.
#include <new>
#include <stdexcept>

#include "fake_pool.h"

using namespace pilotlight;

namespace {

struct Life {
  int engines = 0;
  int slots = 0;
  std::function<void()> at_second_slot;
};

class LivingSlot final : public Slot {
 public:
  explicit LivingSlot(Life& life) : life_(life) { ++life_.slots; }
  ~LivingSlot() override {
    CHECK_EQUAL(life_.engines, 1);  // an engine outlives its slots
    --life_.slots;
  }
  Status Run(const RunRequest&, std::vector<Tensor>*) override { return Status::Ok(); }
  void Cancel() override {}

 private:
  Life& life_;
};

class LivingEngine final : public Engine {
 public:
  explicit LivingEngine(Life& life) : life_(life) { ++life_.engines; }
  ~LivingEngine() override { --life_.engines; }
  const Signature& signature() const override { return signature_; }
  Result<std::unique_ptr<Slot>> NewSlot() override {
    if (life_.slots == 1 && life_.at_second_slot) life_.at_second_slot();
    return Result<std::unique_ptr<Slot>>::Of(std::make_unique<LivingSlot>(life_));
  }
  EngineMemory memory() const override { return {}; }

 private:
  Life& life_;
  const Signature signature_;
};

class LivingBackend final : public Backend {
 public:
  Capability Probe() override { return {}; }
  Result<std::unique_ptr<Engine>> Load(const EngineSpec&) override { return Result<std::unique_ptr<Engine>>::Of(std::make_unique<LivingEngine>(life)); }

  Life life;
};

LivingBackend& TheBackend() {
  static LivingBackend& backend = *new LivingBackend;
  Registry::Get().AddBackend("living", backend);
  return backend;
}

}  // namespace

TEST("slots end before their engine, at an unload and when the next slot fails") {
  Life& life = TheBackend().life;
  FakePool pool("", 2);
  pool.options.backend = "living";
  CHECK_EQUAL(pool.Load().status.message, "");
  CHECK_EQUAL(life.slots, 2);
  CHECK(pool.Unload().ok());
  CHECK_EQUAL(life.engines + life.slots, 0);

  life.at_second_slot = [] { throw std::runtime_error("out of contexts"); };
  const auto loaded = pool.Load();
  CHECK_EQUAL(loaded.status.code, Code::kLoadFailed);
  CHECK_CONTAINS(loaded.status.message, "out of contexts");
  CHECK_EQUAL(life.engines + life.slots, 0);
}

TEST("whatever a backend throws becomes a status") {
  Life& life = TheBackend().life;
  const std::pair<std::function<void()>, Code> throws[] = {{[] { throw std::bad_alloc(); }, Code::kNoMemory}, {[] { throw 3; }, Code::kLoadFailed}};
  for (const auto& [thrower, code] : throws) {
    life.at_second_slot = thrower;
    FakePool pool("", 2);
    pool.options.backend = "living";
    CHECK_EQUAL(pool.Load().status.code, code);
    CHECK_EQUAL(life.engines + life.slots, 0);
  }
}
