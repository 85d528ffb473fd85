#include "builder/timing_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "builder/lines.h"

namespace pilotlight::build {
namespace {

constexpr char kBeginning[] = "pilotlight timing cache: ";

class FileLock {
 public:
  explicit FileLock(const std::string& path) : file_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) { held_ = file_ >= 0 && flock(file_, LOCK_EX) == 0; }
  ~FileLock() {
    if (file_ >= 0) close(file_);
  }
  bool held() const { return held_; }

 private:
  int file_;
  bool held_;
};

}  // namespace

Status TimingCache::Open(const Library& library, const BuildDevice& device, void* config, const std::string& path) {
  library_ = library;
  config_ = config;
  path_ = path;
  key_ = kBeginning + std::string("TensorRT ") + library.version + ", " + device.info.name + " " + device.info.compute_capability + ", driver " +
         std::to_string(device.driver_version) + "\n";
  bool is_mine = true;
  auto read = Read(&is_mine);
  if (!read.ok()) return read.status;
  if (!is_mine) TellEvent("warning", "timing cache " + path + ": is of another TensorRT, GPU or driver, and is begun anew for " + key_.substr(sizeof kBeginning - 1));
  cache_ = std::move(read.value);
  if (trt::CallSlot<bool, void*, bool>(config, library.slots.config.set_timing_cache, cache_.get(), false)) return Status::Ok();
  return Failure(Code::kLoadFailed, "timing cache " + path, library);
}

Result<Object> TimingCache::Read(bool* is_mine) const {
  std::ifstream file(path_, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  const auto create = [this](const char* data, size_t size) {
    return Object(trt::CallSlot<void*, const void*, size_t>(config_, library_.slots.config.create_timing_cache, data, size));
  };
  Object cache;
  *is_mine = content.empty() || content.compare(0, key_.size(), key_) == 0;
  if (!*is_mine && content.compare(0, sizeof kBeginning - 1, kBeginning) != 0) {
    return {Status::Error(Code::kBadInput, "timing cache " + path_ + ": is not one of ours, so it is left alone; name another file"), nullptr};
  }
  if (*is_mine && !content.empty()) cache = create(content.data() + key_.size(), content.size() - key_.size());
  if (cache == nullptr) cache = create(nullptr, 0);
  if (cache == nullptr) return {Failure(Code::kLoadFailed, "timing cache " + path_, library_), nullptr};
  return {Status::Ok(), std::move(cache)};
}

Status TimingCache::Save() {
  if (cache_ == nullptr) return Status::Ok();
  const auto refuse = [this](const std::string& why) { return Status::Error(Code::kLoadFailed, "timing cache " + path_ + ": " + why); };
  const FileLock lock(path_ + ".lock");
  if (!lock.held()) return refuse("its lock cannot be taken: " + std::string(std::strerror(errno)));
  bool is_mine = true;
  const auto others = Read(&is_mine);
  if (others.ok() && is_mine) trt::CallSlot<bool, void*, bool>(cache_.get(), library_.slots.timing_cache.combine, others.value.get(), false);
  const Object bytes(trt::CallSlot<void*>(cache_.get(), library_.slots.timing_cache.serialize));
  if (bytes == nullptr) return Failure(Code::kLoadFailed, "timing cache " + path_, library_);
  const char* const data = trt::CallSlot<const char*>(bytes.get(), library_.slots.host_memory.data);
  const size_t size = trt::CallSlot<size_t>(bytes.get(), library_.slots.host_memory.size);
  const std::string fresh = path_ + "." + std::to_string(getpid()) + ".tmp";
  {
    std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
    file << key_;
    file.write(data, static_cast<std::streamsize>(size));
    if (!file.flush()) return refuse("cannot be written");
  }
  if (std::rename(fresh.c_str(), path_.c_str()) != 0) return refuse(std::strerror(errno));
  Tell(Json().Text("event", "timing-cache").Text("path", path_).Integer("bytes", static_cast<int64_t>(key_.size() + size)));
  return Status::Ok();
}

}  // namespace pilotlight::build
