#include "vrrp_child/virtual_devices.hpp"

#include "common/log.hpp"
#include "vrrp_child/core/announce.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace holdfast {
namespace {

constexpr std::uint32_t only_on_its_interface = 1;  // arp_ignore: answer only for addresses of the interface asked
constexpr std::uint32_t best_own_address = 2;       // arp_announce: ask with an address of the interface that asks
constexpr std::uint32_t loose = 2;                  // rp_filter: answers leave by the interface itself

// How an interface was before a device was put on it.
struct ArpSettings {
  std::uint32_t ignore = 0;
  std::uint32_t announce = 0;
};

// The alias of our devices: who made it, and how the interface below was. Read back by the next process.
struct Alias {
  int pid = 0;
  ArpSettings before;
};
constexpr const char* alias_format = "holdfast process %d; below: arp_ignore %u arp_announce %u";

std::string alias_of(const ArpSettings& before) {
  char text[128];
  std::snprintf(text, sizeof text, alias_format, static_cast<int>(getpid()), before.ignore, before.announce);
  return text;
}

std::optional<Alias> alias_of(const Interface& device) {
  Alias alias;
  const int found =
      std::sscanf(device.alias.c_str(), alias_format, &alias.pid, &alias.before.ignore, &alias.before.announce);
  if (!device.is_macvlan || found != 3 || alias.pid <= 0) return std::nullopt;
  return alias;
}

bool is_ours(const Interface& device) {
  const auto alias = alias_of(device);
  return alias && alias->pid == getpid();
}

bool is_abandoned(const Interface& device) {
  const auto alias = alias_of(device);
  return alias && kill(alias->pid, 0) != 0 && errno == ESRCH;
}

// Keeps the interface from answering for what is on our devices. Gives how it was before the first of them.
Result<ArpSettings> guard(Netlink& netlink, int parent_index) {
  for (const auto& [index, interface] : netlink.interfaces()) {
    if (interface.parent_index != parent_index) continue;
    if (const auto alias = alias_of(interface)) return alias->before;
  }
  const auto ignore = netlink.ipv4_setting(parent_index, Ipv4Setting::arp_ignore);
  const auto announce = netlink.ipv4_setting(parent_index, Ipv4Setting::arp_announce);
  if (!ignore || !announce) return (ignore ? announce : ignore).error();
  const Status set =
      netlink.set_ipv4_settings(parent_index, {{Ipv4Setting::arp_ignore, std::max(*ignore, only_on_its_interface)},
                                               {Ipv4Setting::arp_announce, std::max(*announce, best_own_address)}});
  if (!set) return set.error();
  return ArpSettings{*ignore, *announce};
}

// Removes a device; with the last one on an interface that is as it was before.
void restore(Netlink& netlink, const Interface& device) {
  const auto alias = alias_of(device);
  if (const Status removed = netlink.remove_device(device.index); !removed) {
    return log(LogLevel::error, fmt::format("{}: {}", device.name, removed.error().text));
  }
  const bool last = std::ranges::none_of(netlink.interfaces(), [&](const auto& entry) {
    return entry.second.parent_index == device.parent_index && alias_of(entry.second);
  });
  if (!last || !alias) return;
  const Status restored = netlink.set_ipv4_settings(
      device.parent_index,
      {{Ipv4Setting::arp_ignore, alias->before.ignore}, {Ipv4Setting::arp_announce, alias->before.announce}});
  if (!restored) log(LogLevel::warning, fmt::format("{}: {}", device.name, restored.error().text));
}

// Tells by name what it is for; the interface's index keeps it short enough.
std::string device_name(const VirtualRouterConfig& config, int parent_index) {
  return fmt::format("hf{}-{}-{}", static_cast<int>(config.family), config.vrid.value, parent_index);
}

}  // namespace

void VirtualDevices::update(const RouterTable& table) {
  const auto former = std::exchange(devices_, {});
  std::set<int> wanted;
  for (const auto& [id, router] : table.routers()) {
    if (!router->config().virtual_mac) continue;
    const Device& device = devices_[id] = make(router->config());
    if (device.index != 0) wanted.insert(device.index);
    const auto before = former.find(id);
    const bool news = before == former.end() || before->second.trouble != device.trouble;
    if (news && !device.trouble.empty()) {
      log(LogLevel::error, fmt::format("{}: {}", router->config().name, device.trouble));
    }
  }
  std::vector<Interface> unwanted;
  for (const auto& [index, interface] : netlink_.interfaces()) {
    if (!wanted.contains(index) && (is_ours(interface) || is_abandoned(interface))) unwanted.push_back(interface);
  }
  for (const Interface& device : unwanted) restore(netlink_, device);
}

void VirtualDevices::remove_all() {
  devices_.clear();
  update(RouterTable{});
}

std::size_t VirtualDevices::sweep(Netlink& netlink) {
  std::vector<Interface> left;
  for (const auto& [index, interface] : netlink.interfaces()) {
    if (is_abandoned(interface)) left.push_back(interface);
  }
  for (const Interface& device : left) restore(netlink, device);
  return left.size();
}

VirtualDevices::Device VirtualDevices::make(const VirtualRouterConfig& config) {
  const Interface* parent = netlink_.interface(config.interface);
  if (!parent) return {};  // the router is in fault for that already
  Device device;
  const std::string name = device_name(config, parent->index);
  const MacAddress mac = virtual_mac(config.family, config.vrid);
  const auto fail = [&](const std::string& why) {
    device.trouble = fmt::format("cannot make the device {} for its virtual MAC: {}", name, why);
    return device;
  };

  const Interface* existing = netlink_.interface(name);
  if (existing && is_ours(*existing) && existing->mac == mac) {
    device.index = existing->index;
    return device;
  }
  if (existing && !is_abandoned(*existing) && !is_ours(*existing)) {
    return fail("there is one of that name that is not ours; remove it with `ip link del " + name + "`");
  }
  const auto before = guard(netlink_, parent->index);
  if (!before) return fail(before.error().text);
  const std::string alias = alias_of(*before);
  if (existing && existing->mac == mac && existing->parent_index == parent->index) {  // of a process before us
    device.index = existing->index;
    if (const Status adopted = netlink_.set_alias(device.index, alias); !adopted) return fail(adopted.error().text);
    return device;
  }
  if (existing) restore(netlink_, Interface(*existing));
  const auto made = netlink_.make_macvlan(name, parent->index, mac);
  if (!made) return fail(made.error().text);
  device.index = *made;
  Status set = netlink_.set_alias(device.index, alias);
  if (set) {
    set = netlink_.set_ipv4_settings(device.index, {{Ipv4Setting::arp_ignore, only_on_its_interface},
                                                    {Ipv4Setting::arp_announce, best_own_address},
                                                    {Ipv4Setting::rp_filter, loose}});
  }
  if (!set) {
    if (const Status removed = netlink_.remove_device(device.index); !removed) {
      log(LogLevel::error, fmt::format("{}: {}", name, removed.error().text));
    }
    device.index = 0;
    return fail(set.error().text);
  }
  return device;
}

bool VirtualDevices::in_trouble() const {
  return std::ranges::any_of(devices_, [](const auto& entry) { return !entry.second.trouble.empty(); });
}

int VirtualDevices::index_of(InstanceId id) const {
  const auto found = devices_.find(id);
  return found == devices_.end() ? 0 : found->second.index;
}

std::string VirtualDevices::trouble_of(InstanceId id) const {
  const auto found = devices_.find(id);
  return found == devices_.end() ? "" : found->second.trouble;
}

}  // namespace holdfast
