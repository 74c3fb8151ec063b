// The host's interfaces as virtual routers see them: usable or why not, where adverts come from, and which of them
// the advert sockets listen on.
#pragma once

#include "common/router_config.hpp"
#include "vrrp_child/advert_socket.hpp"
#include "vrrp_child/core/router_table.hpp"
#include "vrrp_child/netlink.hpp"
#include "vrrp_child/virtual_devices.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>

namespace holdfast {

class Links {
 public:
  // All of them outlive this. `adverts_v6`: or why there is none.
  Links(const Netlink& netlink, const VirtualDevices& devices, AdvertSocket& adverts, Result<AdvertSocket>& adverts_v6)
      : netlink_(netlink), devices_(devices), adverts_(adverts), adverts_v6_(adverts_v6) {}

  // Takes in which routers there are, or that the host has changed.
  void update(const RouterTable& table);
  // What the router is to be told; valid until the next update.
  Link link_of(const VirtualRouter& router);
  // Why an interface can't carry anything, or "".
  std::string trouble_of(const std::string& interface) const;
  // Whether it is a virtual address of any router.
  bool is_virtual(const IpAddr& address) const { return virtual_addresses_.contains(address); }
  // Whether a group could not be joined: worth another try.
  bool is_deaf() const;

  // Null where the host has no such family.
  AdvertSocket* socket_of(IpFamily family) const;

 private:
  // Routers that agree in these have the same link.
  enum class Reach { multicast, unicast_on_link, unicast };
  using Key = std::tuple<std::string, IpFamily, std::optional<IpAddr>, Reach>;
  struct Listening {
    std::set<int> interfaces;
    std::set<std::uint8_t> vrids;
    std::map<int, std::string> deaf;  // interface: why the group could not be joined
  };

  void listen(const RouterTable& table, IpFamily family);
  static Reach reach_of(const VirtualRouterConfig& config);
  Link find_link(const VirtualRouterConfig& config) const;
  Result<IpAddr> source_of(const VirtualRouterConfig& config, int interface_index) const;

  const Netlink& netlink_;
  const VirtualDevices& devices_;
  AdvertSocket& adverts_;
  Result<AdvertSocket>& adverts_v6_;
  std::set<IpAddr> virtual_addresses_;  // of all routers
  std::map<IpFamily, Listening> listening_;
  std::map<Key, Link> known_;  // since the last update
};

}  // namespace holdfast
