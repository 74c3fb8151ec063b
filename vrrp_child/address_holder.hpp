// The virtual addresses on this host: puts them where they belong, takes them away, tells the neighbours, and knows
// which are ours. Other people's addresses are reported, never touched.
#pragma once

#include "common/messages.hpp"
#include "common/router_config.hpp"
#include "vrrp_child/address_mark.hpp"
#include "vrrp_child/core/claims.hpp"
#include "vrrp_child/frame_socket.hpp"
#include "vrrp_child/netlink.hpp"
#include "vrrp_child/virtual_devices.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast {

class AddressHolder {
 public:
  // All of them outlive this.
  AddressHolder(Netlink& netlink, FrameSocket& frames, const VirtualDevices& devices)
      : netlink_(netlink), frames_(frames), devices_(devices) {}

  // hold, withdraw and announce gather what is to be done; flush does it.
  // Exactly the addresses of `config` are to be on the host, with a fresh lease.
  void hold(InstanceId id, const VirtualRouterConfig& config);
  // None of them, nor what a process before us left of them.
  void withdraw(InstanceId id, const VirtualRouterConfig& config);
  // Those that are on the host.
  void announce(InstanceId id, const VirtualRouterConfig& config);
  // Asks whether anybody else answers for them; rival_of() knows the answers.
  void probe(InstanceId id, const VirtualRouterConfig& config);
  // What the kernel refuses is logged, once until it works again.
  void flush_addresses();
  // Gives the number of frames that the kernel refused.
  std::size_t flush_announcements() { return frames_.flush(); }

  // Whose address this is, put there by us; nothing for others'.
  std::optional<InstanceId> holder_of(int interface_index, const IpPrefix& prefix) const;
  // Whose address another host claims to have; nothing where it is not ours, or the claim our own.
  std::optional<InstanceId> rival_of(const Claim& claim) const;
  std::vector<AddressReport> report(InstanceId id, const VirtualRouterConfig& config, InstanceState state) const;

  // Removes what dead processes left on this host; gives the number of addresses.
  static std::size_t sweep(Netlink& netlink);

 private:
  using Place = Netlink::Place;

  Place place_of(InstanceId id, const VirtualRouterConfig& config, const VirtualAddress& address) const;
  bool is_ours(const HostAddress& present, const VirtualRouterConfig& config) const;
  void remove(const Place& place, const VirtualRouterConfig& config);
  void remove_held(const Place& place, const VirtualRouterConfig& config);
  // Calls `queue` with the interface of each address that is on the host.
  void for_each_present(InstanceId id, const std::function<void(const Interface&, const Place&)>& act) const;
  void report_refusal(bool adding, const Place& place, const std::string& why);

  Netlink& netlink_;
  FrameSocket& frames_;
  const VirtualDevices& devices_;
  AddressMark mark_;
  std::map<InstanceId, std::vector<Place>> held_;  // what active instances put on the host
  std::map<Place, std::string> refused_;           // said once, until it works again
};

}  // namespace holdfast
