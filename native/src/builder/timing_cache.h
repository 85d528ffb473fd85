// What earlier builds have measured of kernels, in a file that several builds may share: one TensorRT, one kind of GPU and one driver
// to a file, since measurements of another tell nothing.
#pragma once

#include <string>

#include "builder/device.h"
#include "builder/library.h"

namespace pilotlight::build {

class TimingCache {
 public:
  // Gives it to the build's config. A file of another TensorRT or GPU is told and begun anew; one that is none is refused.
  Status Open(const Library& library, const BuildDevice& device, void* config, const std::string& path);
  // After the build: with what others have written meanwhile, as a whole.
  Status Save();

 private:
  Result<Object> Read(bool* is_mine) const;

  Library library_;
  void* config_ = nullptr;
  std::string path_, key_;
  Object cache_;
};

}  // namespace pilotlight::build
