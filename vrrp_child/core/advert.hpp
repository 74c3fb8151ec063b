// VRRP advertisements as bytes (RFC 9568, 5.2; RFC 3768, 5.3). Pure.
//
//     0                   1                   2                   3
//     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//    +-------+-------+---------------+---------------+---------------+
//    |Version| Type  |     VRID      |   Priority    | Address count |
//    +-------+-------+---------------+---------------+---------------+
// v3 |rsvd |  Max advertise interval |           Checksum            |
// v2 |   Auth type   |   Interval    |           Checksum            |
//    +---------------+---------------+-------------------------------+
//    |              addresses, 4 or 16 bytes each                    |
//    +---------------------------------------------------------------+
// v2 |              authentication data, always 8 bytes              |
//    +---------------------------------------------------------------+
#pragma once

#include "common/ip_addr.hpp"
#include "common/result.hpp"
#include "common/router_config.hpp"
#include "common/types.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace holdfast {

inline constexpr std::uint8_t advert_type = 1;
inline constexpr std::size_t advert_header_size = 8;
inline constexpr std::size_t auth_data_size = 8;

enum class AuthType : std::uint8_t { none = 0, password = 1, ip_ah = 2 };  // RFC 2338; above: nobody's

// A well-formed advertisement; `addresses` points into the packet.
struct Advert {
  VrrpVersion version = VrrpVersion::v3;
  Vrid vrid{};
  Priority priority{};
  Duration interval{};
  std::uint8_t auth_type = 0;                            // v2
  std::array<std::uint8_t, auth_data_size> auth_data{};  // v2
  std::span<const std::uint8_t> addresses;               // whole addresses of the packet's family, perhaps none
  std::optional<ChecksumForm> checksum_form;             // v3 over IPv4: which of the two it was made with
};

// What makes a packet no advertisement at all. Each has a counter of its own.
enum class DecodeError : std::uint8_t { length, version, type, checksum, interval_zero };

// What came in beside the bytes.
struct Envelope {
  IpAddr source;
  IpAddr destination;
};

// Every check that needs no configuration. The family is the source address's.
Result<Advert, DecodeError> decode_advert(std::span<const std::uint8_t> packet, const Envelope& envelope);

// The advert that `config` sends in this version with this priority; replaces what is in `out`, whose memory is
// used again.
void encode_advert(const VirtualRouterConfig& config, VrrpVersion version, Priority priority, const Envelope& envelope,
                   std::vector<std::uint8_t>& out);

// The 8 bytes of RFC 2338's plain-text password, padded with zeros.
std::array<std::uint8_t, auth_data_size> password_bytes(const std::optional<std::string>& password);

// Where adverts of a family go.
IpAddr vrrp_group(IpFamily family);

}  // namespace holdfast
