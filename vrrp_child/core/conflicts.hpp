// What is wrong between us and another router on the link: kept while it lasts, told now and then. Pure.
#pragma once

#include "common/ip_addr.hpp"
#include "common/types.hpp"
#include "vrrp_child/core/announce.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace holdfast {

enum class ConflictKind : std::uint8_t {
  two_actives,       // another router is active while we are
  own_address,       // adverts come from our own address: a twin, or an echo of ours
  version,           // dropped: it speaks another version
  auth_type,         // dropped: it has a password and we have none, or the other way round
  password,          // dropped: another password
  interval,          // v2: dropped; v3: we follow the active's
  address_list,      // v2: dropped; v3: an address may be on no host, or on two
  hop_limit,         // dropped: a configured peer's adverts have passed a router, or pretend so
  address_taken,     // a host outside VRRP answers for one of our addresses
  not_a_peer,        // unicast: dropped: it is not among our peers
  destination,       // dropped: it sends to the multicast group and we expect unicast, or the other way round
  no_addresses,      // v3: dropped: its list is empty and ours is not
  link_local_first,  // dropped: its list does not begin as we demand
};
inline constexpr std::size_t conflict_kinds = 13;

struct Conflict {
  ConflictKind kind{};
  IpAddr peer{};  // the other router; address_taken: the address
  Priority peer_priority{};
  bool dropped = false;      // its adverts are not obeyed
  std::uint32_t theirs = 0;  // version: the number; interval: milliseconds; auth_type: the type; hop_limit: it
  MacAddress mac{};          // address_taken: who answers
  bool operator==(const Conflict&) const = default;
};

// One virtual router's conflicts, the latest of each kind.
class ConflictLog {
 public:
  struct Entry {
    Conflict conflict;
    TimePoint since;
    TimePoint last;
    std::uint64_t count = 0;
    TimePoint tell_at;  // not before; grows, but never ends while the conflict lasts
    Duration pause;
  };

  // Whether to tell it now: at once when it is new, then rarely.
  bool note(const Conflict& conflict, Duration advert_interval, TimePoint now);
  // Those that last: heard of within a few intervals.
  std::vector<Entry> current(Duration advert_interval, TimePoint now) const;

 private:
  static bool lasts(const Entry& entry, Duration advert_interval, TimePoint now);

  std::array<std::optional<Entry>, conflict_kinds> entries_;
};

}  // namespace holdfast
