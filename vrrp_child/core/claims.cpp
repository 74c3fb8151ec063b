#include "vrrp_child/core/claims.hpp"

#include "vrrp_child/core/internet_checksum.hpp"

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::size_t arp_operation_at = 20;
constexpr std::size_t arp_sender_mac_at = 22;
constexpr std::size_t arp_sender_ip_at = 28;
constexpr std::size_t arp_target_mac_at = 32;

MacAddress mac_in(std::span<const std::uint8_t> bytes) {
  MacAddress mac{};
  std::ranges::copy(bytes.first(mac.size()), mac.begin());
  return mac;
}

}  // namespace

// A gratuitous ARP request whose sender has no address yet.
ArpFrame arp_probe(const IpAddr& address, const MacAddress& mac) {
  ArpFrame frame = gratuitous_arp(address, mac);
  std::fill_n(frame.begin() + arp_sender_ip_at, 4, std::uint8_t{0});
  std::fill_n(frame.begin() + arp_target_mac_at, mac.size(), std::uint8_t{0});
  return frame;
}

SolicitationFrame neighbour_probe(const IpAddr& address, const IpAddr& source, const MacAddress& mac) {
  constexpr std::uint8_t icmpv6 = 58;
  constexpr std::array<std::uint8_t, 10> ethertype_and_ipv6 = {
      0x86, 0xdd,              // IPv6
      0x60, 0,    0,      0,   // version 6
      0,    32,   icmpv6, 255  // payload length, next header, hop limit
  };
  constexpr std::array<std::uint8_t, 8> solicitation = {135, 0, 0, 0, 0, 0, 0, 0};
  constexpr std::array<std::uint8_t, 2> source_mac_option = {1, 1};  // type, length in units of 8 bytes
  constexpr std::size_t icmp_at = 14 + 40;
  const auto last = address.bytes().last(3);
  std::array<std::uint8_t, 16> group = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};  // RFC 4291, 2.7.1
  std::ranges::copy(last, group.begin() + 13);
  const std::array<std::uint8_t, 6> group_mac = {0x33, 0x33, 0xff, last[0], last[1], last[2]};

  SolicitationFrame frame{};
  auto out = frame.begin();
  const auto put = [&out](std::span<const std::uint8_t> bytes) { out = std::ranges::copy(bytes, out).out; };
  put(group_mac), put(mac), put(ethertype_and_ipv6), put(source.bytes()), put(group), put(solicitation),
      put(address.bytes());
  put(source_mac_option), put(mac);

  const auto icmp = std::span(frame).subspan(icmp_at);
  InternetChecksum sum;
  sum.add(icmp);
  sum.add_pseudo_header(source, IpAddr::from_bytes(group), icmp.size(), icmpv6);
  icmp[2] = static_cast<std::uint8_t>(sum.value() >> 8);
  icmp[3] = static_cast<std::uint8_t>(sum.value());
  return frame;
}

std::optional<Claim> claim_in_arp_reply(std::span<const std::uint8_t> frame, int interface_index) {
  constexpr std::array<std::uint8_t, 10> ethernet_ipv4_reply = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 2};
  if (frame.size() < std::tuple_size_v<ArpFrame>) return std::nullopt;
  const auto kind = frame.subspan(12, ethernet_ipv4_reply.size());
  if (!std::ranges::equal(kind, ethernet_ipv4_reply)) return std::nullopt;
  static_assert(arp_operation_at + 2 == 12 + std::tuple_size_v<decltype(ethernet_ipv4_reply)>);
  return Claim{interface_index, IpAddr::from_bytes(frame.subspan(arp_sender_ip_at, 4)),
               mac_in(frame.subspan(arp_sender_mac_at))};
}

std::optional<Claim> claim_in_neighbour_advertisement(std::span<const std::uint8_t> message, int interface_index) {
  constexpr std::uint8_t advertisement = 136;
  constexpr std::size_t target_at = 8, options_at = 24;
  constexpr std::uint8_t target_link_layer_address = 2;
  if (message.size() < options_at || message[0] != advertisement) return std::nullopt;
  for (auto option = message.subspan(options_at); option.size() >= 8;) {
    const std::size_t size = option[1] * std::size_t{8};
    if (size == 0 || size > option.size()) return std::nullopt;
    if (option[0] == target_link_layer_address) {
      return Claim{interface_index, IpAddr::from_bytes(message.subspan(target_at, 16)), mac_in(option.subspan(2))};
    }
    option = option.subspan(size);
  }
  return std::nullopt;
}

}  // namespace holdfast
