// IP addresses as values. Pure; text forms are in ip_text.hpp, which needs the system's parser.
#pragma once

#include "common/types.hpp"

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast {

// An IPv4 or IPv6 address in network order; unused bytes are zero, so that == and < need no care.
class IpAddr {
 public:
  constexpr IpAddr() = default;  // 0.0.0.0, "none"

  // bytes: 4 or 16 in network order; anything else gives "none".
  static constexpr IpAddr from_bytes(std::span<const std::uint8_t> bytes) {
    IpAddr address;
    if (bytes.size() != 4 && bytes.size() != 16) return address;
    address.family_ = bytes.size() == 4 ? IpFamily::ipv4 : IpFamily::ipv6;
    std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
    return address;
  }
  static constexpr IpAddr v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    IpAddr address;
    address.bytes_ = {a, b, c, d};
    return address;
  }

  constexpr IpFamily family() const { return family_; }
  constexpr std::size_t size() const { return family_ == IpFamily::ipv4 ? 4 : 16; }
  constexpr unsigned bits() const { return static_cast<unsigned>(size()) * 8; }
  constexpr std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size()}; }
  constexpr bool is_unspecified() const { return *this == IpAddr{} || *this == unspecified_v6(); }
  constexpr bool is_link_local() const {
    return family_ == IpFamily::ipv6 && bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
  }

  // Within one family: unsigned, network order, all 32 or 128 bits (RFC 9568, 6.4.3, the tie-break).
  constexpr auto operator<=>(const IpAddr&) const = default;

 private:
  static constexpr IpAddr unspecified_v6() {
    IpAddr address;
    address.family_ = IpFamily::ipv6;
    return address;
  }

  IpFamily family_ = IpFamily::ipv4;
  std::array<std::uint8_t, 16> bytes_{};
};

struct IpPrefix {
  IpAddr address;
  std::uint8_t length = 0;
  auto operator<=>(const IpPrefix&) const = default;
};

inline constexpr IpAddr vrrp_group_v4 = IpAddr::v4(224, 0, 0, 18);  // RFC 9568, 5.1.1.2

}  // namespace holdfast
