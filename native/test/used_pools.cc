// Who was used since somebody asked, told once, however many threads use them meanwhile.
#include "core/used_pools.h"

#include <map>
#include <thread>

#include "check.h"
#include "fake_pool.h"

using namespace pilotlight;

TEST("a pool that was used often is told once, with its last stamp, and again only when it is used again") {
  UsedPools used;
  PoolEntry a("a"), b("b");
  CHECK(used.Take().empty());
  used.Note(a, 1);
  used.Note(b, 2);
  used.Note(a, 3);
  std::map<std::string, int64_t> told;
  for (const UsedPool& pool : used.Take()) told[pool.key] = pool.last_used_ns;
  CHECK_EQUAL(told.size(), 2u);
  CHECK_EQUAL(told["a"], 3);
  CHECK_EQUAL(told["b"], 2);
  CHECK(used.Take().empty());
  used.Note(b, 4);
  CHECK_EQUAL(used.Take().size(), 1u);
}

TEST("nobody who is used is forgotten while others ask") {
  UsedPools used;
  std::vector<std::unique_ptr<PoolEntry>> entries;
  for (int i = 0; i < 16; ++i) entries.push_back(std::make_unique<PoolEntry>(std::to_string(i)));
  std::atomic<int> at_work{3};
  std::vector<std::thread> users;
  for (int t = 0; t < 3; ++t) {
    users.emplace_back([&, t] {
      for (int i = 0; i < 20000; ++i) used.Note(*entries[(i * 7 + t) % entries.size()], i + 1);
      at_work.fetch_sub(1);
    });
  }
  while (at_work.load() > 0) used.Take();
  for (auto& user : users) user.join();
  used.Take();
  for (auto& entry : entries) used.Note(*entry, 1'000'000);
  CHECK_EQUAL(used.Take().size(), entries.size());
}

TEST("a submit and a lease are uses, a warm-up is none") {
  FakePool pool("");
  const auto uses = [&] {
    int found = 0;
    for (const UsedPool& used : Registry::Get().TakeUsed()) found += used.key == pool.options.key ? 1 : 0;
    return found;
  };
  pool.LoadAndOpen();
  uses();
  pool.MustSubmit();
  CHECK(pool.finished->Await(1).back()->status.ok());
  CHECK_EQUAL(uses(), 1);
  CHECK_EQUAL(uses(), 0);
  CHECK(Registry::Get().Hold(pool.index));
  Registry::Get().Release(pool.index);
  CHECK_EQUAL(uses(), 1);
  CHECK_EQUAL(pool.Retire(), Retired::kRetired);
  CHECK(pool.Unload().ok());
}
