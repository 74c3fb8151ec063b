// What the VRRP child is told of an instance: validated values. Pure.
#pragma once

#include "common/ip_addr.hpp"
#include "common/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

// How the checksum of VRRPv3 over IPv4 is made: RFC 5798 reads as "with pseudo-header", which deployed
// peers send and demand; RFC 9568 says "message only". Both are accepted on receipt.
enum class ChecksumForm : std::uint8_t { rfc5798, rfc9568 };

// How fast a backup answers an active that resigns or falls below it: within 10 ms in priority order
// (groups of Holdfast routers, pairs), or with the RFC's skew (mixed groups of three and more).
enum class TimerMode : std::uint8_t { fast, rfc };

enum class AddressScope : std::uint8_t { global, site, link, host };

struct VirtualAddress {
  IpPrefix prefix;
  std::string interface;  // where it is added; never empty
  std::string label;      // IPv4 label such as "eth0:vip"; may be empty
  AddressScope scope = AddressScope::global;
  bool advertised = true;  // part of the address list in the adverts
  bool operator==(const VirtualAddress&) const = default;
};

// Gratuitous ARP and unsolicited neighbour advertisements: `count` frames per address on becoming active, again
// `repeat_after` later, and every `refresh` while active (0: never). The refresh is what mends neighbours that
// learned a worse active's MAC while the network was cut in two: that one may yield before we hear of it.
struct AnnounceConfig {
  std::uint32_t count = 3;
  Duration repeat_after = std::chrono::seconds(5);
  Duration refresh = std::chrono::seconds(10);
  bool operator==(const AnnounceConfig&) const = default;
};

struct VirtualRouterConfig {
  std::string name;
  std::string interface;
  Vrid vrid{};
  VrrpVersion version = VrrpVersion::v3;
  IpFamily family = IpFamily::ipv4;
  Priority priority{100};  // as configured; what is advertised is the standing that the parent computes
  Duration advert_interval = std::chrono::seconds(1);
  bool mixed_versions = false;          // v3 over IPv4: speak v2 as well, and obey it (RFC 9568, 8.4.2)
  std::optional<std::string> password;  // VRRPv2, type 1: at most 8 bytes
  ChecksumForm checksum = ChecksumForm::rfc5798;
  bool preempt = true;
  Duration preempt_delay{};                         // after the start, don't preempt for this long
  Duration return_after = std::chrono::seconds(5);  // nor after a demotion ended
  TimerMode timers = TimerMode::fast;
  Duration lease = std::chrono::seconds(3);  // the kernel removes our addresses this long after we stopped
  AnnounceConfig announce;
  std::vector<IpAddr> peers;              // unicast: only these are told and heard; empty: the multicast group
  std::optional<IpAddr> source;           // what adverts come from; else the interface's own address
  bool virtual_mac = false;               // answer for the addresses with 00-00-5e-00-01/02-VRID
  bool require_link_local_first = false;  // IPv6: drop a peer's list that does not start so (erratum 8300)
  std::vector<VirtualAddress> addresses;  // of one family; may be none
  bool operator==(const VirtualRouterConfig&) const = default;
};

// How long an active that hands over stays silent, still holding the addresses, until it knows that nobody
// answered: the slowest possible skew of a backup (v2: 1 s, v3: one interval), and room for the answer.
constexpr Duration handover_silence(const VirtualRouterConfig& config) {
  const Duration slowest_skew = config.version == VrrpVersion::v2 ? std::chrono::seconds(1) : config.advert_interval;
  return slowest_skew + std::chrono::milliseconds(100);
}

// Whether the health of the host lets an instance take part.
enum class Fitness : std::uint8_t {
  fit,
  demoted,  // a check says no: advertise priority 1, let any fit router win, keep the address if there is none
  faulted,  // a check with `while_down: fault` says no: give the address up
  // An operator wants it away, whatever the checks say: hand the address over, but keep it where nobody takes it.
  draining,
  drained,  // and away it is: hold nothing, take nothing over
};

// The parent's word on an instance, absolute: it replaces whatever was said before.
struct Standing {
  Priority priority{100};
  Fitness fitness = Fitness::fit;
  std::string reason;  // why it differs from the configured one, as half a sentence: "check nginx is down"
  bool operator==(const Standing&) const = default;
};

}  // namespace holdfast
