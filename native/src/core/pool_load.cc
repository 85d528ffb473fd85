#include "core/pool_load.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "core/heap.h"

namespace pilotlight {

namespace {

// Runs a step of a load; what it throws becomes its status.
template <typename Step>
Status Guarded(Step step) {
  try {
    return step();
  } catch (const std::bad_alloc&) {
    return Status::Error(Code::kNoMemory, "the load needed more memory than the system gave");
  } catch (const std::exception& error) {
    return Status::Error(Code::kLoadFailed, std::string("the engine threw: ") + error.what());
  } catch (...) {
    return Status::Error(Code::kLoadFailed, "the engine threw something that is no exception");
  }
}

Status FileStatus(const std::string& path, int error) {
  return Status::Error(Code::kBadModel, "cannot read model file " + path + ": " + std::strerror(error));
}

// Brings the file into the page cache in large blocks, so that a slow disk shows as such and not as a slow engine.
Status ReadThrough(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return FileStatus(path, errno);
  std::vector<char> block(1 << 20);
  ssize_t count;
  do {
    count = read(file, block.data(), block.size());
  } while (count > 0 || (count < 0 && errno == EINTR));
  const int error = errno;
  close(file);
  return count < 0 ? FileStatus(path, error) : Status::Ok();
}

struct Parts {
  std::unique_ptr<Engine> engine;
  std::vector<std::unique_ptr<Slot>> slots;
};

Status CreateEngine(const PoolOptions& options, Backend& backend, Parts* parts) {
  EngineSpec spec;
  spec.path = options.path;
  spec.device = options.device;
  spec.slots = options.slots;
  spec.threads = options.threads;
  auto loaded = backend.Load(spec);
  parts->engine = std::move(loaded.value);
  return std::move(loaded.status);
}

Status CreateSlots(const PoolOptions& options, Parts* parts) {
  for (int index = 0; index < options.slots; ++index) {
    auto slot = parts->engine->NewSlot();
    if (!slot.ok()) return std::move(slot.status);
    parts->slots.push_back(std::move(slot.value));
  }
  return Status::Ok();
}

Status StartPool(const PoolOptions& options, PoolEntry& entry, RunTokens& tokens, DeviceDriver& driver, Parts parts, std::unique_ptr<Pool>* pool) {
  *pool = std::make_unique<Pool>(options, entry, tokens, driver, std::move(parts.engine), std::move(parts.slots));
  Status started = (*pool)->Start();
  if (started.ok()) return started;
  (*pool)->Stop();  // nobody knows it yet: it has no jobs to refuse
  (*pool)->Join();
  pool->reset();
  return started;
}

}  // namespace

Result<LoadedPool> LoadPool(const PoolOptions& options, Backend& backend, PoolEntry& entry, RunTokens& tokens, DeviceDriver& driver) {
  Result<LoadedPool> result;
  Status& status = result.status;
  LoadedPool& loaded = result.value;
  Parts parts;
  const auto step = [&](const char* name, auto work) {
    if (!status.ok()) return;
    const int64_t start = MonotonicNs();
    status = Guarded(work);
    loaded.outcome.steps.push_back({name, start, MonotonicNs()});
  };

  step("read", [&] { return ReadThrough(options.path); });
  step("create", [&] { return CreateEngine(options, backend, &parts); });
  step("slots", [&] {
    Status slots = CreateSlots(options, &parts);
    return slots.ok() ? StartPool(options, entry, tokens, driver, std::move(parts), &loaded.pool) : slots;
  });
  if (!status.ok()) {
    const HeapTrim trim;
    parts.slots.clear();  // before their engine
    parts.engine.reset();
    return result;
  }
  loaded.outcome.signature = loaded.pool->engine().signature();
  loaded.outcome.memory = loaded.pool->engine().memory();
  return result;
}

Result<Signature> InspectModel(const std::string& path, const std::string& device, Backend& backend) {
  Result<Signature> result;
  result.status = Guarded([&] {
    Status readable = ReadThrough(path);
    if (!readable.ok()) return readable;
    auto inspected = backend.Inspect(path, device);
    result.value = std::move(inspected.value);
    return std::move(inspected.status);
  });
  return result;
}

}  // namespace pilotlight
