#include "machine.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace pilotlight::doubles {
namespace {

// No pointer of the host looks like this, and reading through it is a fault.
constexpr uint64_t kGpuAddresses = 0x0D00000000000000;
constexpr char kIdStart[] = "GPU-d0000000-0000-0000-0000-";
constexpr int kSticky[] = {214, 226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 810, 911};

int64_t NowNs() { return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

thread_local cuda::Context* current = nullptr;

uint64_t SumOf(const void* data, size_t bytes) {
  uint64_t sum = 1469598103934665603u;
  const auto* from = static_cast<const unsigned char*>(data);
  for (; bytes >= 8; bytes -= 8, from += 8) {
    uint64_t word;
    std::memcpy(&word, from, 8);
    sum = (sum ^ word) * 1099511628211u;
  }
  for (; bytes > 0; --bytes) sum = (sum ^ *from++) * 1099511628211u;
  return sum;
}

std::vector<int> VisibleGpus(int count) {
  std::vector<int> visible;
  const char* const chosen = std::getenv("CUDA_VISIBLE_DEVICES");
  if (chosen == nullptr) {
    for (int i = 0; i < count; ++i) visible.push_back(i);
    return visible;
  }
  // As the driver: the first that it does not know ends the list.
  for (const char* at = chosen; *at != '\0';) {
    char* end = nullptr;
    // By number, or by the id that cuDeviceGetUuid tells.
    const bool is_id = std::strncmp(at, kIdStart, sizeof kIdStart - 1) == 0;
    const int64_t number = std::strtoll(is_id ? at + sizeof kIdStart - 1 : at, &end, is_id ? 16 : 10);
    if (end == at || number < 0 || number >= count) break;
    visible.push_back(static_cast<int>(number));
    at = *end == ',' ? end + 1 : end;
  }
  return visible;
}

}  // namespace

cuda::Context*& CurrentContext() { return current; }

Machine& Machine::Get() {
  static Machine& leaked = *new Machine;
  return leaked;
}

Machine::Machine() {
  if (const char* told = std::getenv("NVIDIA_DOUBLE")) settings.Read(told);
}

Return Machine::InitLocked() {
  if (is_initialized) return gpus.empty() ? kNoDevice : 0;
  const std::vector<int> visible = VisibleGpus(settings.gpus());
  if (visible.empty()) return kNoDevice;
  is_initialized = true;
  for (const int number : visible) {
    auto gpu = std::make_unique<Gpu>();
    gpu->number = number;
    gpu->total_bytes = settings.BytesOf("bytes", number);
    gpu->next_address = kGpuAddresses + (static_cast<uint64_t>(number + 1) << 48);
    gpus.push_back(std::move(gpu));
    std::thread([this, served = gpus.back().get()] { Serve(*served); }).detach();
  }
  return 0;
}

Return Machine::Enter(const char* function, cuda::Context** context) {
  std::lock_guard<std::mutex> lock(mutex);
  if (const Return failure = CountLocked(function)) return failure;
  if (!is_initialized) return kNotInitialized;
  if (settings.sticky() != 0) return settings.sticky();
  if (context == nullptr) return 0;
  *context = current;
  return current == nullptr ? kInvalidContext : 0;
}

Return Machine::EnterThoughLost(const char* function) {
  std::lock_guard<std::mutex> lock(mutex);
  const Return failure = CountLocked(function);
  return failure != 0 || is_initialized ? failure : kNotInitialized;
}

Return Machine::CountLocked(const char* function) {
  const int sticky = settings.sticky();
  const Return failure = settings.Call(function);
  for (auto& gpu : gpus) gpu->taken_bytes = settings.BytesOf("taken", gpu->number);
  if (IsSticky(failure)) RaiseLocked(failure);
  if (settings.sticky() != sticky) changed.notify_all();
  return failure;
}

bool Machine::IsSticky(Return code) { return std::find(std::begin(kSticky), std::end(kSticky), code) != std::end(kSticky); }

void Machine::RaiseLocked(Return sticky) {
  if (settings.sticky() == 0) settings.set_sticky(sticky);
  changed.notify_all();
}

void Machine::WrongUseLocked(const std::string& what) {
  ++wrong_uses;
  last_wrong_use = what;
  std::fprintf(stderr, "the double of NVIDIA's libraries: WRONG USE: %s\n", what.c_str());
  if (settings.ends_at_wrong_use()) std::abort();
}

bool Machine::IsOnGpu(uint64_t address) { return address >> 56 == kGpuAddresses >> 56; }

bool Machine::Overlap(const Use& some, const Use& other) {
  if (!some.writes && !other.writes) return false;
  return some.address < other.address + other.bytes && other.address < some.address + some.bytes;
}

const Work* Machine::FindUserLocked(const Use& use, const cuda::Stream* except) {
  for (const auto& gpu : gpus) {
    for (const auto& stream : gpu->streams) {
      if (stream.get() == except) continue;
      for (const auto& work : stream->works) {
        for (const Use& other : work->uses) {
          if (Overlap(use, other)) return work.get();
        }
      }
    }
  }
  return nullptr;
}

void Machine::CheckConflictsLocked(const cuda::Stream& stream, const Work& work) {
  if (stream.has_waited) return;
  for (const Use& use : work.uses) {
    const Work* const other = FindUserLocked(use, &stream);
    if (other == nullptr) continue;
    WrongUseLocked(work.name + " uses what " + other->name + " on another stream uses, and nothing puts them in order");
    return;
  }
}

Return Machine::LaunchLocked(cuda::Stream* stream, Work work) {
  if (streams.count(stream) == 0) {
    WrongUseLocked(work.name + (stream == nullptr ? ": on the default stream, which waits for all others" : ": its stream is not there, or not any more"));
    return kInvalidHandle;
  }
  if (current != nullptr && current->gpu != stream->gpu) return kInvalidHandle;
  if (stream->capture != nullptr) {
    if (!stream->capture->is_valid) return kCaptureInvalidated;
    stream->capture->works.push_back(std::move(work));
    return 0;
  }
  CheckConflictsLocked(*stream, work);
  if (work.kind == Work::Kind::kCopy && work.copy.to_gpu && !work.copy.from_gpu) work.sum = SumOf(reinterpret_cast<const void*>(work.copy.from), work.copy.bytes);
  stream->works.push_back(std::make_shared<Work>(std::move(work)));
  changed.notify_all();
  return 0;
}

Return Machine::AwaitLocked(std::unique_lock<std::mutex>& lock, const std::function<bool()>& until) {
  changed.wait(lock, [&] { return settings.sticky() != 0 || until(); });
  return settings.sticky();
}

bool Machine::SpoilCapturesLocked() {
  bool any = false;
  for (auto& [stream, owned] : streams) {
    if (stream->capture == nullptr || stream->capture->thread != std::this_thread::get_id()) continue;
    stream->capture->is_valid = false;
    any = true;
  }
  return any;
}

void Machine::Serve(Gpu& gpu) {
  std::unique_lock<std::mutex> lock(mutex);
  for (;;) {
    settings.ReadControl();
    if (settings.sticky() != 0) DropAllLocked();
    bool any = false;
    int64_t next_ns = INT64_MAX;
    if (!settings.is_held() && settings.sticky() == 0) {
      const auto all = gpu.streams;
      for (const auto& stream : all) any = StepLocked(gpu, *stream, lock, &next_ns) || any;
      gpu.streams.erase(std::remove_if(gpu.streams.begin(), gpu.streams.end(), [](const auto& stream) { return stream->is_destroyed && stream->works.empty(); }), gpu.streams.end());
    }
    if (any) {
      changed.notify_all();
      continue;
    }
    // A control file that changes wakes nobody.
    next_ns = std::min(next_ns, NowNs() + 20'000'000);
    changed.wait_until(lock, std::chrono::steady_clock::time_point(std::chrono::nanoseconds(next_ns)));
  }
}

bool Machine::StepLocked(Gpu& gpu, cuda::Stream& stream, std::unique_lock<std::mutex>& lock, int64_t* next_ns) {
  if (stream.works.empty()) return false;
  const std::shared_ptr<Work> kept = stream.works.front();
  const Work& work = *kept;
  if (!stream.has_begun) {
    if (work.is_due && !work.is_due()) return false;
    stream.has_begun = true;
    stream.ends_ns = work.ns == 0 ? 0 : NowNs() + work.ns;
  }
  if (stream.ends_ns != 0 && NowNs() < stream.ends_ns) {
    *next_ns = std::min(*next_ns, stream.ends_ns);
    return false;
  }
  Return failure = work.kind == Work::Kind::kKernel ? CountLocked("run") : 0;
  const bool was_changed = work.sum != 0 && work.sum != SumOf(reinterpret_cast<const void*>(work.copy.from), work.copy.bytes);
  if (was_changed) WrongUseLocked(work.name + ": what it copies was changed before it was copied");
  if (failure == 0 && work.effect) {
    lock.unlock();
    failure = work.effect();
    lock.lock();
  }
  if (failure != 0) RaiseLocked(failure);
  if (settings.sticky() != 0) return true;
  if (work.settle) work.settle();
  if (work.kind == Work::Kind::kKernel) ++gpu.runs;
  stream.works.pop_front();
  stream.has_begun = false;
  return true;
}

void Machine::DropAllLocked() {
  for (const auto& gpu : gpus) {
    for (const auto& stream : gpu->streams) {
      stream->works.clear();
      stream->has_begun = false;
    }
    gpu->waiting_frees = 0;
  }
}

Work CopyWork(const Copy& copy) {
  Work work;
  work.kind = Work::Kind::kCopy;
  work.name = copy.to_gpu ? copy.from_gpu ? "a copy on the GPU" : "a copy to the GPU" : "a copy to the host";
  work.copy = copy;
  work.uses = {{copy.from, copy.bytes, false}, {copy.to, copy.bytes, true}};
  work.effect = [copy, name = work.name]() -> Return {
    Machine& machine = Machine::Get();
    const void* const from = copy.from_gpu ? machine.Content(copy.from, copy.bytes) : reinterpret_cast<const void*>(copy.from);
    void* const to = copy.to_gpu ? machine.Content(copy.to, copy.bytes) : reinterpret_cast<void*>(copy.to);
    if (from != nullptr && to != nullptr) {
      std::memcpy(to, from, copy.bytes);
      return 0;
    }
    std::lock_guard<std::mutex> lock(machine.mutex);
    machine.WrongUseLocked(name + " of " + std::to_string(copy.bytes) + " bytes goes beyond the memory that was allocated");
    return kIllegalAddress;
  };
  return work;
}

}  // namespace pilotlight::doubles
