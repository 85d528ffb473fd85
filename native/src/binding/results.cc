#include "binding/results.h"

#include <cstring>

#include "binding/convert.h"
#include "binding/frame.h"

namespace pilotlight {
namespace {

// Every element type may begin there.
size_t Aligned(size_t bytes) { return (bytes + 7) & ~size_t{7}; }

bool IsWanted(const Job& job, size_t output) { return job.wanted.empty() || job.wanted[output]; }

struct Need {
  size_t words = result_word::kCount;
  size_t bytes = 0;
  bool shareable = true;
};

Need NeedOf(const Job& job) {
  Need need;
  for (size_t i = 0; i < job.outputs.size(); ++i) {
    const Tensor& tensor = job.outputs[i];
    need.words += 3 + tensor.shape.size();
    need.bytes += Aligned(tensor.bytes.size());
    if (tensor.type == ElementType::kString) need.shareable = false;
  }
  if (need.bytes > kSharedOutputBytesMax || !job.status.ok()) need.shareable = false;
  return need;
}

}  // namespace

bool Results::Append(const Job& job) {
  const Need need = NeedOf(job);
  if (!need.shareable || words_used_ + need.words > kResultWords || bytes_used_ + need.bytes > kResultBytes) return false;

  double* word = words_ + words_used_;
  word[result_word::kId] = static_cast<double>(job.id);
  word[result_word::kSubmittedMs] = ToMs(job.submitted_ns);
  word[result_word::kStartedMs] = ToMs(job.started_ns);
  word[result_word::kEndedMs] = ToMs(job.ended_ns);
  word[result_word::kOutputs] = static_cast<double>(job.outputs.size());
  word += result_word::kCount;
  for (size_t i = 0; i < job.outputs.size(); ++i) {
    if (!IsWanted(job, i)) {
      *word++ = kUnwanted;
      continue;
    }
    const Tensor& tensor = job.outputs[i];
    *word++ = static_cast<double>(bytes_used_);
    *word++ = static_cast<double>(tensor.type);
    *word++ = static_cast<double>(tensor.shape.size());
    for (const int64_t size : tensor.shape) *word++ = static_cast<double>(size);
    if (tensor.bytes.size() > 0) std::memcpy(bytes_ + bytes_used_, tensor.bytes.data(), tensor.bytes.size());
    bytes_used_ += Aligned(tensor.bytes.size());
  }
  words_used_ = static_cast<size_t>(word - words_);
  ++count_;
  return true;
}

void Results::Clear() {
  words_used_ = 0;
  bytes_used_ = 0;
  count_ = 0;
}

}  // namespace pilotlight
