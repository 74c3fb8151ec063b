// Text forms of IP addresses.
#pragma once

#include "common/ip_addr.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

std::optional<IpAddr> parse_ip(std::string_view text);

// "192.0.2.1/24" or a bare address, which is /32 or /128.
std::optional<IpPrefix> parse_prefix(std::string_view text);

std::string to_string(const IpAddr& address);
std::string to_string(const IpPrefix& prefix);

}  // namespace holdfast
