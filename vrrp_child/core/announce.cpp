#include "vrrp_child/core/announce.hpp"

#include <algorithm>

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

}  // namespace holdfast
