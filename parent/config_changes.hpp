// What a reload changes, in words. Pure.
#pragma once

#include "common/config/model.hpp"

#include <string>
#include <vector>

namespace holdfast {

// One line per change: "instance VI_1: priority 100 -> 90", "check nginx: added". Never shows a secret.
std::vector<std::string> describe_changes(const Config& before, const Config& after);

}  // namespace holdfast
