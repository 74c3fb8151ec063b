// Asking the network whether another host answers for an address that we hold, outside VRRP: probes as frames, and
// what answers look like. Pure.
#pragma once

#include "common/ip_addr.hpp"
#include "vrrp_child/core/announce.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace holdfast {

using SolicitationFrame = std::array<std::uint8_t, 86>;

// An ARP request on nobody's behalf (RFC 5227, 2.1.1): nobody learns anything from it, who has `address` answers.
ArpFrame arp_probe(const IpAddr& address, const MacAddress& mac);
// The same for IPv6, asked by `source`, an address of ours: nobody (`::`) would be answered with a word to all hosts
// that they believe (RFC 4861, 7.2.4).
SolicitationFrame neighbour_probe(const IpAddr& address, const IpAddr& source, const MacAddress& mac);

// "I have this address."
struct Claim {
  int interface_index = 0;  // where it was heard
  IpAddr address;
  MacAddress mac{};
};
// Nothing where the bytes are something else. `frame`: from the Ethernet header on.
std::optional<Claim> claim_in_arp_reply(std::span<const std::uint8_t> frame, int interface_index);
// `message`: from the ICMPv6 type on; its checksum has been verified.
std::optional<Claim> claim_in_neighbour_advertisement(std::span<const std::uint8_t> message, int interface_index);

}  // namespace holdfast
