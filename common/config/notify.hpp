// The `notify` part of the configuration, and the `move` of an instance.
#pragma once

#include "common/config/map_reader.hpp"
#include "common/config/notify_model.hpp"
#include "common/config/problems.hpp"
#include "common/config/yaml_tree.hpp"

#include <string>
#include <vector>

namespace holdfast {

// The targets in file order; those with errors, which have been reported, may be incomplete. `instances`: the names
// that there are.
std::vector<NotifyTarget> read_notify(Problems& problems, const YamlEntry& section,
                                      const std::vector<std::string>& instances);

MoveConfig read_move(Problems& problems, const YamlEntry& entry, const std::string& instance);

}  // namespace holdfast
