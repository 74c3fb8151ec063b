// Virtual MACs: a macvlan device for each virtual router that wants one, on its interface, with the MAC
// 00-00-5e-00-01/02-VRID and the router's addresses. Up only while the router is active: a backup drops what is
// sent to the virtual MAC. ARP for those addresses must be answered with it and never with the interface's own
// MAC, so the interface's arp_ignore and arp_announce are raised meanwhile.
//
// Devices outlive a process that crashed. Their alias says which process made them and how the interface was
// before, so that the next one can take them over, or put everything back.
#pragma once

#include "common/types.hpp"
#include "vrrp_child/core/router_table.hpp"
#include "vrrp_child/netlink.hpp"
#include "vrrp_child/owner_mark.hpp"

#include <map>
#include <string>

namespace holdfast {

class VirtualDevices {
 public:
  // The netlink outlives this.
  explicit VirtualDevices(Netlink& netlink) : netlink_(netlink) {}

  // Makes what the routers want and is not there; removes what they don't want, also what a dead process left.
  // Called whenever the routers or the interfaces change.
  void update(const RouterTable& table);
  // Removes all of ours and puts the interfaces back.
  void remove_all();
  // Removes what dead processes left on this host; gives the number of devices.
  static std::size_t sweep(Netlink& netlink);

  bool in_trouble() const;
  // The index of the router's device, 0 while there is none.
  int index_of(InstanceId id) const;
  // Why there is none though it is wanted, or "".
  std::string trouble_of(InstanceId id) const;

 private:
  struct Device {
    int index = 0;
    std::string trouble;
  };

  Device make(const VirtualRouterConfig& config);
  bool is_ours(const Interface& device) const;

  Netlink& netlink_;
  OwnerMark mark_;
  std::map<InstanceId, Device> devices_;
};

}  // namespace holdfast
