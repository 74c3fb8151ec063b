#include "vrrp_child/links.hpp"

#include "common/ip_text.hpp"
#include "common/log.hpp"

#include <fmt/format.h>

#include <utility>

namespace holdfast {

AdvertSocket* Links::socket_of(IpFamily family) const {
  if (family == IpFamily::ipv4) return &adverts_;
  return adverts_v6_ ? &*adverts_v6_ : nullptr;
}

void Links::update(const RouterTable& table) {
  known_.clear();
  virtual_addresses_.clear();
  for (const auto& [id, router] : table.routers()) {
    for (const VirtualAddress& address : router->config().addresses) virtual_addresses_.insert(address.prefix.address);
  }
  for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) listen(table, family);
}

void Links::listen(const RouterTable& table, IpFamily family) {
  AdvertSocket* socket = socket_of(family);
  if (!socket) return;
  Listening& now = listening_[family];
  std::set<int> interfaces;
  std::set<std::uint8_t> vrids;
  for (const auto& [id, router] : table.routers()) {
    const VirtualRouterConfig& config = router->config();
    if (config.family != family) continue;
    vrids.insert(config.vrid.value);
    const Interface* interface = config.peers.empty() ? netlink_.interface(config.interface) : nullptr;
    if (interface) interfaces.insert(interface->index);
  }
  if (interfaces != now.interfaces || !now.deaf.empty()) {
    now.deaf = socket->listen_on(interfaces);
    now.interfaces = std::move(interfaces);
  }
  if (vrids != now.vrids) {
    if (const Status set = socket->expect(vrids); !set) log(LogLevel::error, set.error().text);
    now.vrids = std::move(vrids);
  }
}

bool Links::is_deaf() const {
  for (const auto& [family, listening] : listening_) {
    if (!listening.deaf.empty()) return true;
  }
  return false;
}

Link Links::link_of(const VirtualRouter& router) {
  const VirtualRouterConfig& config = router.config();
  const auto [known, is_new] =
      known_.try_emplace(Key{config.interface, config.family, config.source, reach_of(config)});
  if (is_new) known->second = find_link(config);
  Link link = known->second;
  if (std::string trouble = devices_.trouble_of(router.id()); link.condition.usable && !trouble.empty()) {
    link.condition = {false, {}, std::move(trouble)};
  }
  return link;
}

Links::Reach Links::reach_of(const VirtualRouterConfig& config) {
  if (config.peers.empty()) return Reach::multicast;
  return config.peers.front().is_link_local() ? Reach::unicast_on_link : Reach::unicast;
}

Link Links::find_link(const VirtualRouterConfig& config) const {
  const std::string& name = config.interface;
  const Interface* interface = netlink_.interface(name);
  if (!interface) return {0, {false, {}, trouble_of(name)}};
  const auto unusable = [&](std::string why) { return Link{interface->index, {false, {}, std::move(why)}}; };
  if (std::string trouble = trouble_of(name); !trouble.empty()) return unusable(std::move(trouble));
  if (config.family == IpFamily::ipv6 && !adverts_v6_) return unusable(adverts_v6_.error().text);
  const auto& deaf = listening_.at(config.family).deaf;
  if (const auto why = deaf.find(interface->index); config.peers.empty() && why != deaf.end()) {
    return unusable(fmt::format("interface {} cannot join the VRRP group {}: {}{}", name,
                                to_string(vrrp_group(config.family)), why->second,
                                config.family == IpFamily::ipv4 ? "; does igmp_max_memberships allow it?" : ""));
  }
  const auto source = source_of(config, interface->index);
  if (!source) return unusable(source.error().text);
  return {interface->index, {true, *source, ""}};
}

// RFC 9568, 7.2: the interface's primary IPv4 address, or its link-local IPv6 address; for unicast over IPv6 one
// that reaches the peers.
Result<IpAddr> Links::source_of(const VirtualRouterConfig& config, int interface_index) const {
  const auto is_ours = [this](const IpAddr& address) { return is_virtual(address); };
  const auto find = [&](auto suits) { return netlink_.own_address(interface_index, suits, is_ours); };
  if (config.source) {
    const auto configured = find([&](const IpAddr& address) { return address == *config.source; });
    if (configured) return *configured;
    return Error{
        fmt::format("interface {} does not have `source` {}, or not yet", config.interface, to_string(*config.source))};
  }
  if (config.family == IpFamily::ipv4) {
    const auto primary = find([](const IpAddr& address) { return address.family() == IpFamily::ipv4; });
    if (primary) return *primary;
    return Error{fmt::format("interface {} has no IPv4 address of its own to speak VRRP from", config.interface)};
  }
  const bool global = reach_of(config) == Reach::unicast;
  const auto suitable = find([global](const IpAddr& address) {
    return address.family() == IpFamily::ipv6 && address.is_link_local() != global;
  });
  if (suitable) return *suitable;
  return Error{fmt::format("interface {} has no {} IPv6 address of its own to speak VRRP from, or not yet",
                           config.interface, global ? "global" : "link-local")};
}

std::string Links::trouble_of(const std::string& name) const {
  const Interface* interface = netlink_.interface(name);
  if (!interface) return fmt::format("there is no interface {} on this host", name);
  if (!interface->up) return fmt::format("interface {} is down", name);
  if (!interface->carrier) return fmt::format("interface {} has no carrier: is the cable in?", name);
  return "";
}

}  // namespace holdfast
