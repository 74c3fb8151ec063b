#include "vrrp_child/address_holder.hpp"

#include "common/ip_text.hpp"
#include "common/log.hpp"
#include "vrrp_child/core/announce.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

constexpr const char* strangers =
    "this host has it already, from somebody else; remove it from the host's network configuration";

bool is_link_local(const IpAddr& address) { return address.family() == IpFamily::ipv6 && address.is_link_local(); }
bool is_nobodys(const IpAddr&) { return false; }

}  // namespace

// A virtual MAC's device takes the addresses of the instance's own interface.
AddressHolder::Place AddressHolder::place_of(InstanceId id, const VirtualRouterConfig& config,
                                             const VirtualAddress& address) const {
  if (config.virtual_mac && address.interface == config.interface) return {devices_.index_of(id), address.prefix};
  const Interface* interface = netlink_.interface(address.interface);
  return {interface ? interface->index : 0, address.prefix};
}

// Added by this process, or left by one before it, which shows by the mark of a dead process. On a kernel without
// marks, and after a version without them, by the lifetime: nothing else has one as short as the lease.
bool AddressHolder::is_ours(const HostAddress& present, const VirtualRouterConfig& config) const {
  if (present.permanent) return false;
  if (present.ours) return true;
  if (present.mark == AddressMark::none) return std::chrono::seconds(present.lifetime) <= config.lease;
  return present.mark == mark_.number() || AddressMark::is_abandoned(present.mark);
}

void AddressHolder::hold(InstanceId id, const VirtualRouterConfig& config) {
  std::vector<Place> wanted;
  for (const VirtualAddress& address : config.addresses) wanted.push_back(place_of(id, config, address));
  const auto former = std::exchange(held_[id], wanted);
  if (former != wanted) {
    for (const Place& old : former) {
      if (std::ranges::find(wanted, old) == wanted.end()) remove_held(old, config);
    }
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& [index, prefix] = wanted[i];
    const HostAddress* present = netlink_.address(index, prefix);
    if (present && !is_ours(*present, config)) {
      if (config.priority != owner_priority) report_refusal(true, wanted[i], strangers);
      continue;
    }
    const bool takes_others_along = config.family == IpFamily::ipv4 && prefix.length < prefix.address.bits();
    if (takes_others_along) {
      if (const Status kept = netlink_.keep_secondaries(index); !kept) {
        report_refusal(true, wanted[i],
                       "the host's other addresses inside it may go when it goes: " + kept.error().text);
      }
    }
    netlink_.add(config.addresses[i], index, config.lease, mark_.number(), present != nullptr);
  }
}

void AddressHolder::withdraw(InstanceId id, const VirtualRouterConfig& config) {
  for (const VirtualAddress& address : config.addresses) remove(place_of(id, config, address), config);
  const auto held = held_.extract(id);
  if (held.empty()) return;
  for (const Place& place : held.mapped()) remove_held(place, config);
}

void AddressHolder::remove(const Place& place, const VirtualRouterConfig& config) {
  const auto& [index, prefix] = place;
  const HostAddress* present = netlink_.address(index, prefix);
  if (present && is_ours(*present, config)) netlink_.remove(prefix, index);
}

// What we put there may be there without our knowledge: somebody deletes it, and a renewal that is under way brings it
// back.
void AddressHolder::remove_held(const Place& place, const VirtualRouterConfig& config) {
  const auto& [index, prefix] = place;
  if (netlink_.address(index, prefix))
    remove(place, config);
  else if (netlink_.interface(index))
    netlink_.remove(prefix, index);
}

void AddressHolder::for_each_present(InstanceId id,
                                     const std::function<void(const Interface&, const Place&)>& act) const {
  const auto held = held_.find(id);
  if (held == held_.end()) return;
  for (const Place& place : held->second) {
    const Interface* interface = netlink_.interface(place.first);
    if (interface && netlink_.address(place.first, place.second)) act(*interface, place);
  }
}

void AddressHolder::announce(InstanceId id, const VirtualRouterConfig& config) {
  for_each_present(id, [&](const Interface& interface, const Place& place) {
    const IpAddr& address = place.second.address;
    for (std::uint32_t i = 0; i < config.announce.count; ++i) {
      if (config.family == IpFamily::ipv4)
        frames_.queue(gratuitous_arp(address, interface.mac), interface.index);
      else
        frames_.queue(unsolicited_neighbour_advertisement(address, interface.mac), interface.index);
    }
    refused_.erase(place);
  });
}

void AddressHolder::probe(InstanceId id, const VirtualRouterConfig& config) {
  for_each_present(id, [&](const Interface& interface, const Place& place) {
    const IpAddr& address = place.second.address;
    if (config.family == IpFamily::ipv4) {
      frames_.queue(arp_probe(address, interface.mac), interface.index);
      return;
    }
    // The device of a virtual MAC has no address of its own.
    for (const Interface* asking : {&interface, netlink_.interface(interface.parent_index)}) {
      const auto source = asking ? netlink_.own_address(asking->index, is_link_local, is_nobodys) : std::nullopt;
      if (!source) continue;
      frames_.queue(neighbour_probe(address, *source, asking->mac), asking->index);
      break;
    }
  });
}

std::optional<InstanceId> AddressHolder::rival_of(const Claim& claim) const {
  // Another interface of this host may answer, where it is on the same network.
  const bool own =
      std::ranges::any_of(netlink_.interfaces(), [&](const auto& entry) { return entry.second.mac == claim.mac; });
  if (own) return std::nullopt;
  for (const auto& [id, places] : held_) {
    const bool ours = std::ranges::any_of(places, [&](const Place& place) {
      const Interface* interface = netlink_.interface(place.first);
      const bool heard = interface && (place.first == claim.interface_index ||  // as above
                                       interface->parent_index == claim.interface_index);
      return heard && place.second.address == claim.address;
    });
    if (ours) return id;
  }
  return std::nullopt;
}

void AddressHolder::flush_addresses() {
  netlink_.flush([this](const Netlink::Refusal& refusal) {
    report_refusal(refusal.adding, {refusal.interface_index, refusal.prefix}, refusal.why);
  });
}

void AddressHolder::report_refusal(bool adding, const Place& place, const std::string& why) {
  auto& told = refused_[place];
  if (told == why) return;
  told = why;
  log(LogLevel::error, fmt::format("cannot {} {}: {}", adding ? "add" : "remove", to_string(place.second), why));
}

std::size_t AddressHolder::sweep(Netlink& netlink) {
  std::size_t removed = 0;
  for (const auto& [place, address] : netlink.addresses()) {
    if (address.permanent || !AddressMark::is_abandoned(address.mark)) continue;
    netlink.remove(place.second, place.first);
    ++removed;
  }
  netlink.flush([&](const Netlink::Refusal& refusal) {
    --removed;
    log(LogLevel::error, fmt::format("cannot remove {}: {}", to_string(refusal.prefix), refusal.why));
  });
  return removed;
}

std::optional<InstanceId> AddressHolder::holder_of(int interface_index, const IpPrefix& prefix) const {
  for (const auto& [id, places] : held_) {
    if (std::ranges::find(places, Place{interface_index, prefix}) != places.end()) return id;
  }
  return std::nullopt;
}

std::vector<AddressReport> AddressHolder::report(InstanceId id, const VirtualRouterConfig& config,
                                                 InstanceState state) const {
  std::vector<AddressReport> reports;
  for (const VirtualAddress& address : config.addresses) {
    const Place place = place_of(id, config, address);
    const HostAddress* present = netlink_.address(place.first, place.second);
    AddressReport& report = reports.emplace_back(AddressReport{address, present != nullptr, ""});
    if (present && config.priority != owner_priority && !is_ours(*present, config)) {
      report.problem = strangers;
    } else if (!present && state == InstanceState::active) {
      const auto refused = refused_.find(place);
      report.problem = place.first == 0            ? "there is no interface " + address.interface + " on this host"
                       : refused != refused_.end() ? refused->second
                                                   : "not on the host at the moment";
    }
  }
  return reports;
}

}  // namespace holdfast
