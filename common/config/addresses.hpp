// The `addresses` of an instance. Pure.
#pragma once

#include "common/config/problems.hpp"
#include "common/config/yaml_tree.hpp"
#include "common/router_config.hpp"

#include <string>
#include <vector>

namespace holdfast {

struct PlacedAddress {
  VirtualAddress address;
  Place place;
};

// `interface` is the instance's own, on which an address stands that names none. Addresses with errors, which have
// been reported, are missing.
std::vector<PlacedAddress> read_addresses(Problems& problems, const YamlNode& node, const std::string& interface);

}  // namespace holdfast
