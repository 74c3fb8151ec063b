// Warnings about a valid configuration that can't work as it was meant. Pure.
#pragma once

#include "common/config/model.hpp"
#include "common/config/problems.hpp"
#include "common/config/yaml_tree.hpp"

namespace holdfast {

// `checks` is the map that the configuration's checks were read from: it knows their places.
void warn_about_usage(Problems& problems, const Config& config, const YamlNode& checks);

// Warns of weights that can't make the priority fall below that of any other node, as `per_node` gives them.
// `instances` is that part of the document.
void warn_about_gaps(Problems& problems, const Config& config, const std::vector<Config>& other_nodes,
                     const YamlNode& instances);

}  // namespace holdfast
