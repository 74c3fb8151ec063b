// Hears who answers for an address: ARP replies and neighbour advertisements that reach this host.
#pragma once

#include "common/fd.hpp"
#include "common/result.hpp"
#include "vrrp_child/core/claims.hpp"

#include <functional>

namespace holdfast {

class ClaimSocket {
 public:
  // Needs CAP_NET_RAW. A host without IPv6 has no neighbour advertisements.
  static Result<ClaimSocket> open();

  int arp_fd() const { return arp_.get(); }
  int neighbour_fd() const { return neighbours_.get(); }  // -1: none

  // Up to a batch of what has arrived on either.
  void receive(const std::function<void(const Claim&)>& handle);

 private:
  ClaimSocket() = default;
  void receive_arp(const std::function<void(const Claim&)>& handle);
  void receive_neighbours(const std::function<void(const Claim&)>& handle);

  Fd arp_;
  Fd neighbours_;
};

}  // namespace holdfast
