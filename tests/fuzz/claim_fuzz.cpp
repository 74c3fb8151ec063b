// Any bytes as an ARP frame and as an ICMPv6 message: no crash, and who claims an address claims one of that family.
#include "vrrp_child/core/claims.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

using namespace holdfast;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(data, size);
  const auto arp = claim_in_arp_reply(bytes, 2);
  if (arp && (arp->address.family() != IpFamily::ipv4 || arp->interface_index != 2)) std::abort();
  const auto advertisement = claim_in_neighbour_advertisement(bytes, 2);
  if (advertisement && advertisement->address.family() != IpFamily::ipv6) std::abort();
  return 0;
}
