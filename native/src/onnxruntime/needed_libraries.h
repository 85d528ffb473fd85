// Which shared libraries a library's own file says that it needs, read without opening it.
#pragma once

#include <string>
#include <vector>

namespace pilotlight::ort {

// In the file's order; empty where it is no library of this machine's kind (64-bit ELF).
std::vector<std::string> NeededLibraries(const std::string& file);

}  // namespace pilotlight::ort
