#include "onnxruntime/needed_libraries.h"

#if defined(__linux__)

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace pilotlight::ort {
namespace {

// A file's bytes. What lies past their end is not there: the file may be anything.
class Mapped {
 public:
  explicit Mapped(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    struct stat found;
    if (fstat(file, &found) == 0 && S_ISREG(found.st_mode) && found.st_size > 0) {
      void* const mapped = mmap(nullptr, static_cast<size_t>(found.st_size), PROT_READ, MAP_PRIVATE, file, 0);
      if (mapped != MAP_FAILED) {
        bytes_ = static_cast<const char*>(mapped);
        size_ = static_cast<size_t>(found.st_size);
      }
    }
    close(file);
  }
  ~Mapped() {
    if (bytes_ != nullptr) munmap(const_cast<char*>(bytes_), size_);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  template <typename Object>
  bool Read(uint64_t at, Object* object) const {
    if (at > size_ || size_ - at < sizeof(Object)) return false;
    std::memcpy(object, bytes_ + at, sizeof(Object));
    return true;
  }

  std::string Text(uint64_t at) const { return at < size_ ? std::string(bytes_ + at, strnlen(bytes_ + at, size_ - at)) : ""; }

 private:
  const char* bytes_ = nullptr;
  size_t size_ = 0;
};

std::vector<Elf64_Phdr> Segments(const Mapped& file) {
  Elf64_Ehdr header;
  std::vector<Elf64_Phdr> segments;
  if (!file.Read(0, &header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) return segments;
  Elf64_Phdr segment;
  for (uint64_t i = 0; i < header.e_phnum && file.Read(header.e_phoff + i * sizeof segment, &segment); ++i) segments.push_back(segment);
  return segments;
}

// Where in the file lies what will have this address.
uint64_t FileOffset(const std::vector<Elf64_Phdr>& segments, uint64_t address) {
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz) return address - segment.p_vaddr + segment.p_offset;
  }
  return ~uint64_t{0};
}

}  // namespace

std::vector<std::string> NeededLibraries(const std::string& path) {
  const Mapped file(path);
  const std::vector<Elf64_Phdr> segments = Segments(file);
  std::vector<uint64_t> names;
  uint64_t texts = 0;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_DYNAMIC) continue;
    Elf64_Dyn entry;
    for (uint64_t at = segment.p_offset; file.Read(at, &entry) && entry.d_tag != DT_NULL; at += sizeof entry) {
      if (entry.d_tag == DT_NEEDED) names.push_back(entry.d_un.d_val);
      if (entry.d_tag == DT_STRTAB) texts = FileOffset(segments, entry.d_un.d_ptr);
    }
  }
  std::vector<std::string> needed;
  for (const uint64_t name : names) needed.push_back(file.Text(texts + name));
  return needed;
}

}  // namespace pilotlight::ort

#else

namespace pilotlight::ort {

std::vector<std::string> NeededLibraries(const std::string&) { return {}; }

}  // namespace pilotlight::ort

#endif
