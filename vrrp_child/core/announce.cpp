#include "vrrp_child/core/announce.hpp"

#include "vrrp_child/core/internet_checksum.hpp"

#include <algorithm>
#include <span>

namespace holdfast {

ArpFrame gratuitous_arp(const IpAddr& address, const MacAddress& mac) {
  constexpr std::array<std::uint8_t, 10> ethertype_and_request = {
      0x08, 0x06,              // ARP
      0x00, 0x01, 0x08, 0x00,  // Ethernet, IPv4
      6,    4,    0x00, 0x01,  // their lengths, request
  };
  ArpFrame frame{};
  auto out = std::fill_n(frame.begin(), mac.size(), std::uint8_t{0xff});
  out = std::ranges::copy(mac, out).out;
  out = std::ranges::copy(ethertype_and_request, out).out;
  for (int sender_then_target = 0; sender_then_target < 2; ++sender_then_target) {
    out = std::ranges::copy(mac, out).out;
    out = std::ranges::copy(address.bytes(), out).out;
  }
  return frame;
}

NeighbourFrame unsolicited_neighbour_advertisement(const IpAddr& address, const MacAddress& mac) {
  constexpr std::uint8_t icmpv6 = 58;
  constexpr std::array<std::uint8_t, 6> all_nodes_mac = {0x33, 0x33, 0, 0, 0, 1};
  constexpr IpAddr all_nodes =
      IpAddr::from_bytes(std::array<std::uint8_t, 16>{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  constexpr std::array<std::uint8_t, 10> ethertype_and_ipv6 = {
      0x86, 0xdd,              // IPv6
      0x6c, 0,    0,      0,   // version 6, internetwork control
      0,    32,   icmpv6, 255  // payload length, next header, hop limit
  };
  constexpr std::array<std::uint8_t, 8> advertisement = {
      136,  0, 0, 0,  // type, code, checksum
      0xa0, 0, 0, 0,  // router and override, not solicited
  };
  constexpr std::array<std::uint8_t, 2> target_link_layer_address = {2, 1};  // one unit of 8 bytes
  constexpr std::size_t icmp_at = 14 + 40;

  NeighbourFrame frame{};
  auto out = frame.begin();
  const auto put = [&out](std::span<const std::uint8_t> bytes) { out = std::ranges::copy(bytes, out).out; };
  put(all_nodes_mac), put(mac), put(ethertype_and_ipv6);
  put(address.bytes()), put(all_nodes.bytes());
  put(advertisement), put(address.bytes()), put(target_link_layer_address), put(mac);

  const auto icmp = std::span(frame).subspan(icmp_at);
  InternetChecksum sum;
  sum.add(icmp);
  sum.add_pseudo_header(address, all_nodes, icmp.size(), icmpv6);
  icmp[2] = static_cast<std::uint8_t>(sum.value() >> 8);
  icmp[3] = static_cast<std::uint8_t>(sum.value());
  return frame;
}

}  // namespace holdfast
