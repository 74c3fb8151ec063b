// The `peers` and the `source` of an instance: between whom adverts go. Pure.
#pragma once

#include "common/config/addresses.hpp"
#include "common/config/map_reader.hpp"
#include "common/router_config.hpp"

#include <optional>
#include <vector>

namespace holdfast {

struct Unicast {
  std::vector<IpAddr> peers;
  std::optional<IpAddr> source;
};

// addresses: the instance's virtual ones, whose family the others must have; without any, all must only agree.
// Addresses with errors, which have been reported, are missing.
Unicast read_unicast(Problems& problems, MapReader& instance, const std::vector<PlacedAddress>& addresses,
                     Priority priority);

}  // namespace holdfast
