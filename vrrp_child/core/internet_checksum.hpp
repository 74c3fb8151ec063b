// The Internet checksum (RFC 1071). Pure.
#pragma once

#include "common/ip_addr.hpp"

#include <cstdint>
#include <span>

namespace holdfast {

inline constexpr std::uint8_t vrrp_protocol = 112;

class InternetChecksum {
 public:
  // An odd number of bytes is padded with a zero, so only the last call may have one.
  void add(std::span<const std::uint8_t> bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      sum_ += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8 : bytes[i];
    }
  }
  void add_number(std::uint32_t number) { sum_ += (number >> 16) + (number & 0xffff); }

  // RFC 9568, 5.2.8 and RFC 8200, 8.1: addresses, length, protocol. (IPv4's 16-bit length sums the same.)
  void add_pseudo_header(const IpAddr& source, const IpAddr& destination, std::size_t length, std::uint8_t protocol) {
    add(source.bytes());
    add(destination.bytes());
    add_number(static_cast<std::uint32_t>(length));
    add_number(protocol);
  }

  std::uint16_t folded() const {
    std::uint64_t sum = sum_;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
  }
  std::uint16_t value() const { return static_cast<std::uint16_t>(~folded()); }

  // Over data that contains its checksum: right is the sum of all ones. Comparing fields instead would
  // reject one of the two zeros of one's complement.
  bool is_right() const { return folded() == 0xffff; }

 private:
  std::uint64_t sum_ = 0;
};

}  // namespace holdfast
