// Counters under the names of RFC 8347 (underscores for hyphens), and more where it has none. Pure.
#pragma once

#include <cstdint>

namespace holdfast {

// Each counter once: struct member, JSON key and message field all come from this list.
#define HOLDFAST_INSTANCE_COUNTERS(X)                                            \
  X(advertisement_sent)                                                          \
  X(advertisement_rcvd)                                                          \
  X(master_transitions)                                                          \
  X(priority_zero_pkts_sent)                                                     \
  X(priority_zero_pkts_rcvd)                                                     \
  X(checksum_errors)                                                             \
  X(ip_ttl_errors)                                                               \
  X(version_errors)                                                              \
  X(packet_length_errors)                                                        \
  X(invalid_type_pkts_rcvd)                                                      \
  X(interval_errors)                                                             \
  X(address_list_errors)                                                         \
  X(invalid_auth_type)       /* RFC 2787: a type that nobody defined */          \
  X(auth_type_mismatch)      /* RFC 2787: another type than configured */        \
  X(auth_failures)           /* RFC 2787: another password than configured */    \
  X(address_count_zero)      /* erratum 8299 */                                  \
  X(interval_zero)           /* erratum 8301 */                                  \
  X(destination_errors)      /* not sent to the group we listen to */            \
  X(link_local_first_errors) /* erratum 8300 */                                  \
  X(peer_errors)             /* unicast: from a host that is no peer */          \
  X(superseded_rcvd)         /* another version from who speaks ours: ignored */ \
  X(checksum_rfc5798_rcvd)   /* v3 over IPv4, summed with the pseudo-header */   \
  X(checksum_rfc9568_rcvd)   /* v3 over IPv4, summed without it */               \
  X(own_source_rcvd)         /* from our own address: an echo or a twin */       \
  X(conflicts)               /* another active heard while active */             \
  X(address_conflicts)       /* a host outside VRRP answered for ours */         \
  X(addresses_restored)      /* put back after somebody else removed them */

// Faults that no instance can be blamed for.
#define HOLDFAST_GLOBAL_COUNTERS(X)                             \
  X(checksum_errors)                                            \
  X(version_errors)                                             \
  X(vrid_errors)                                                \
  X(ip_ttl_errors)                                              \
  X(packet_length_errors)                                       \
  X(receive_drops) /* the kernel's queue of adverts ran over */ \
  X(send_errors)

struct InstanceStatistics {
#define X(name) std::uint64_t name = 0;
  HOLDFAST_INSTANCE_COUNTERS(X)
#undef X
  bool operator==(const InstanceStatistics&) const = default;
};

struct GlobalStatistics {
#define X(name) std::uint64_t name = 0;
  HOLDFAST_GLOBAL_COUNTERS(X)
#undef X
  bool operator==(const GlobalStatistics&) const = default;
};

}  // namespace holdfast
