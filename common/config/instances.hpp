// The `instances` part of the configuration. Pure.
#pragma once

#include "common/config/model.hpp"
#include "common/config/problems.hpp"
#include "common/config/tracks.hpp"
#include "common/config/yaml_tree.hpp"

#include <vector>

namespace holdfast {

// The instances in file order; those with errors, which have been reported, may be missing or incomplete.
std::vector<InstanceConfig> read_instances(Problems& problems, const YamlEntry& section, const CheckNames& checks);

}  // namespace holdfast
