// One address that a host can have: what virtual addresses, peers and sources have in common. Pure.
#pragma once

#include "common/config/problems.hpp"
#include "common/config/yaml_tree.hpp"
#include "common/ip_addr.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// Why no host on a link can be reached by this address, or "": loopback, multicast, unspecified, reserved,
// IPv4 in the clothes of IPv6.
std::string why_not_a_host(const IpAddr& address);

// "IPv4" or "IPv6", for messages.
std::string_view name_of(IpFamily family);

// An address without a length that a host can have. `what` names it in messages, "a peer"; `example` is one.
std::optional<IpAddr> read_host_address(Problems& problems, const YamlNode& node, const std::string& what,
                                        std::string_view example);

}  // namespace holdfast
