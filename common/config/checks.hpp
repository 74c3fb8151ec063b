// The `checks` part of the configuration. Pure.
#pragma once

#include "common/config/model.hpp"
#include "common/config/problems.hpp"
#include "common/config/yaml_tree.hpp"

#include <vector>

namespace holdfast {

// The checks in file order; those with errors, which have been reported, may be missing or incomplete.
std::vector<CheckConfig> read_checks(Problems& problems, const YamlEntry& section);

}  // namespace holdfast
