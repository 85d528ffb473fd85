#include "cuda/staging.h"

#include <iterator>
#include <utility>

namespace pilotlight::cuda {
namespace {

constexpr size_t kAlignment = 256;

}  // namespace

Result<std::shared_ptr<Staging>> Staging::Make(const Gpu& gpu, size_t bytes) {
  auto memory = PinnedBlock::Allocate(bytes);
  if (!memory.ok()) return {memory.status, nullptr};
  return Result<std::shared_ptr<Staging>>::Of(std::shared_ptr<Staging>(new Staging(gpu, std::move(memory.value))));
}

Staging::Staging(const Gpu& gpu, PinnedBlock memory) : gpu_(gpu), memory_(std::move(memory)) {
  if (memory_.size() > 0) free_[0] = memory_.size();
}

Staging::~Staging() { gpu_.Enter(); }

Bytes Staging::Take(size_t bytes) {
  const size_t size = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto gap = free_.begin(); size > 0 && gap != free_.end(); ++gap) {
    if (gap->second < size) continue;
    const size_t offset = gap->first, left = gap->second - size;
    free_.erase(gap);
    if (left > 0) free_[offset + size] = left;
    taken_[offset] = size;
    auto* const keeper = new std::shared_ptr<Staging>(shared_from_this());
    return Bytes(memory_.data() + offset, bytes, [](void* context, void* data) {
      const std::unique_ptr<std::shared_ptr<Staging>> kept(static_cast<std::shared_ptr<Staging>*>(context));
      (*kept)->GiveBack(static_cast<size_t>(static_cast<unsigned char*>(data) - (*kept)->memory_.data()));
    }, keeper);
  }
  return Bytes();
}

void Staging::GiveBack(size_t offset) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto taken = taken_.find(offset);
  auto gap = free_.emplace(offset, taken->second).first;
  taken_.erase(taken);
  const auto next = std::next(gap);
  if (next != free_.end() && gap->first + gap->second == next->first) {
    gap->second += next->second;
    free_.erase(next);
  }
  if (gap == free_.begin()) return;
  const auto before = std::prev(gap);
  if (before->first + before->second != gap->first) return;
  before->second += gap->second;
  free_.erase(gap);
}

}  // namespace pilotlight::cuda
