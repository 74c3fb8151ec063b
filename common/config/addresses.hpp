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
// been reported, are missing; those that are there are of one family.
std::vector<PlacedAddress> read_addresses(Problems& problems, const YamlNode& node, const std::string& interface);

// RFC 9568, 5.2.9: a list of IPv6 addresses begins with a link-local one. One that stands elsewhere is moved to the
// front; none at all is worth a warning at `place`, for the sake of other makers' routers.
void order_addresses(Problems& problems, std::vector<PlacedAddress>& addresses, Vrid vrid, Place place);

}  // namespace holdfast
