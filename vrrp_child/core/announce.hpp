// The frames with which an active tells its neighbours where the addresses now are. Pure.
#pragma once

#include "common/ip_addr.hpp"

#include <array>
#include <cstdint>

namespace holdfast {

using MacAddress = std::array<std::uint8_t, 6>;
using ArpFrame = std::array<std::uint8_t, 42>;

// A gratuitous ARP request, broadcast (RFC 9568, 6.4.1 and 6.4.2): sender and target are `address`.
// The target MAC is `mac` too (errata 7947, 7949).
ArpFrame gratuitous_arp(const IpAddr& address, const MacAddress& mac);

}  // namespace holdfast
