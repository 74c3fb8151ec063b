// One file for every host: what `per_node` says for a node, laid over the rest. Pure.
#pragma once

#include "common/config/problems.hpp"
#include "common/config/yaml_tree.hpp"

#include <string>
#include <vector>

namespace holdfast {

// The document as it holds on `node`. Without `per_node` that is the document itself; nullptr after an error.
YamlPtr document_of_node(Problems& problems, const YamlPtr& document, const std::string& node);

// The nodes that `per_node` names, in file order.
std::vector<std::string> nodes_of(const YamlNode& document);

}  // namespace holdfast
