// Files, TCP and signals as Landlock limits them (landlock(7)); as much of it as this kernel has.
#pragma once

#include "common/result.hpp"

#include <string>
#include <vector>

namespace holdfast {

struct LandlockRules {
  // Files, and folders with all below them, that may be read. What does not exist is left out.
  std::vector<std::string> readable;
  bool connects = false;          // to TCP servers
  bool abstract_sockets = false;  // connects to Unix sockets without a path that other processes made
};

// Puts the rules in force for this thread and all that it starts. False where the kernel has no Landlock.
Result<bool> restrict_with_landlock(const LandlockRules& rules);

}  // namespace holdfast
