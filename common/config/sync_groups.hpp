// The `sync_groups`: instances that move together, on the word of one of them. Pure.
#pragma once

#include "common/config/model.hpp"
#include "common/config/problems.hpp"
#include "common/config/yaml_tree.hpp"

#include <string>
#include <vector>

namespace holdfast {

// Tells each member its group, its leader, and what the other members depend on. names: of all instances, also of
// those with errors.
void read_sync_groups(Problems& problems, const YamlNode& groups, const std::vector<std::string>& names,
                      std::vector<InstanceConfig>& instances);

}  // namespace holdfast
