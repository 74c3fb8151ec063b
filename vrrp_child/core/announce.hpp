// The frames with which an active tells its neighbours where the addresses now are. Pure.
#pragma once

#include "common/ip_addr.hpp"
#include "common/types.hpp"

#include <array>
#include <cstdint>

namespace holdfast {

using MacAddress = std::array<std::uint8_t, 6>;
using ArpFrame = std::array<std::uint8_t, 42>;
using NeighbourFrame = std::array<std::uint8_t, 86>;

// A gratuitous ARP request, broadcast (RFC 9568, 6.4.1 and 6.4.2): sender and target are `address`.
// The target MAC is `mac` too (errata 7947, 7949).
ArpFrame gratuitous_arp(const IpAddr& address, const MacAddress& mac);

// An unsolicited neighbour advertisement to all nodes (RFC 9568, 6.4.1 and 6.4.2): we are a router, override what
// you know, `address` is at `mac`.
NeighbourFrame unsolicited_neighbour_advertisement(const IpAddr& address, const MacAddress& mac);

// The MAC of a virtual router: 00-00-5e-00-01-VRID for IPv4, 00-00-5e-00-02-VRID for IPv6 (RFC 9568, 7.3).
constexpr MacAddress virtual_mac(IpFamily family, Vrid vrid) {
  return {0x00, 0x00, 0x5e, 0x00, static_cast<std::uint8_t>(family == IpFamily::ipv4 ? 1 : 2), vrid.value};
}

}  // namespace holdfast
