#include "vrrp_child/virtual_devices.hpp"

#include "common/log.hpp"
#include "vrrp_child/core/announce.hpp"

#include <fmt/format.h>

#include <algorithm>
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
  std::uint32_t owner = 0;
  ArpSettings before;
};
constexpr const char* alias_format = "holdfast %x; below: arp_ignore %u arp_announce %u";

std::string alias_text(const Alias& alias) {
  char text[128];
  std::snprintf(text, sizeof text, alias_format, alias.owner, alias.before.ignore, alias.before.announce);
  return text;
}

std::optional<Alias> alias_of(const Interface& device) {
  Alias alias;
  const int found =
      std::sscanf(device.alias.c_str(), alias_format, &alias.owner, &alias.before.ignore, &alias.before.announce);
  if (!device.is_macvlan || found != 3) return std::nullopt;
  return alias;
}

bool is_abandoned(const Interface& device) {
  const auto alias = alias_of(device);
  return alias && !OwnerMark::lives(alias->owner);
}

// How an interface was before the first of our devices was put on it.
Result<ArpSettings> settings_before(Netlink& netlink, int parent_index) {
  for (const auto& [index, interface] : netlink.interfaces()) {
    if (interface.parent_index != parent_index) continue;
    if (const auto alias = alias_of(interface)) return alias->before;
  }
  const auto ignore = netlink.ipv4_setting(parent_index, Ipv4Setting::arp_ignore);
  const auto announce = netlink.ipv4_setting(parent_index, Ipv4Setting::arp_announce);
  if (!ignore || !announce) return (ignore ? announce : ignore).error();
  return ArpSettings{*ignore, *announce};
}

// Keeps the interface from answering for what is on our devices.
Status guard(Netlink& netlink, int parent_index, const ArpSettings& before) {
  return netlink.set_ipv4_settings(parent_index,
                                   {{Ipv4Setting::arp_ignore, std::max(before.ignore, only_on_its_interface)},
                                    {Ipv4Setting::arp_announce, std::max(before.announce, best_own_address)}});
}

// Removes devices, in one go: each removal takes the kernel tens of milliseconds. An interface that loses its last one
// is put back before, as long as an alias tells how: whoever is killed in between leaves the rest to the next.
void restore(Netlink& netlink, const std::vector<Interface>& devices) {
  if (devices.empty()) return;
  std::vector<int> indexes;
  for (const Interface& device : devices) indexes.push_back(device.index);
  std::set<int> restored;
  for (const Interface& device : devices) {
    const auto alias = alias_of(device);
    const Interface* parent = netlink.interface(device.parent_index);
    if (!alias || !parent || !restored.insert(device.parent_index).second) continue;
    const bool others = std::ranges::any_of(netlink.interfaces(), [&](const auto& entry) {
      const bool goes = std::ranges::find(indexes, entry.first) != indexes.end();
      return !goes && entry.second.parent_index == device.parent_index && alias_of(entry.second);
    });
    if (others) continue;
    const Status set = netlink.set_ipv4_settings(parent->index, {{Ipv4Setting::arp_ignore, alias->before.ignore},
                                                                 {Ipv4Setting::arp_announce, alias->before.announce}});
    if (!set) log(LogLevel::warning, fmt::format("{}: {}", parent->name, set.error().text));
  }
  if (const Status removed = netlink.remove_devices(indexes); !removed) log(LogLevel::error, removed.error().text);
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
  restore(netlink_, unwanted);
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
  restore(netlink, left);
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
  const bool fits = existing && existing->mac == mac && existing->parent_index == parent->index;
  if (fits && is_ours(*existing)) {
    device.index = existing->index;
    return device;
  }
  if (existing && !is_ours(*existing) && !is_abandoned(*existing)) {
    return fail(alias_of(*existing)
                    ? "another holdfast that runs on this host has it"
                    : "there is one of that name that is not ours; remove it with `ip link del " + name + "`");
  }
  const auto before = settings_before(netlink_, parent->index);
  if (!before) return fail(before.error().text);
  const int parent_index = parent->index;
  if (existing && !fits) restore(netlink_, {*existing});
  if (fits) {  // of a process before us
    device.index = existing->index;
  } else {
    const auto made = netlink_.make_macvlan(name, parent_index, mac);
    if (!made) return fail(made.error().text);
    device.index = *made;
  }
  // The alias comes first: from now on, whatever happens, somebody knows how to put things back.
  Status set = netlink_.set_alias(device.index, alias_text({mark_.id(), *before}));
  if (set) {
    set = netlink_.set_ipv4_settings(device.index, {{Ipv4Setting::arp_ignore, only_on_its_interface},
                                                    {Ipv4Setting::arp_announce, best_own_address},
                                                    {Ipv4Setting::rp_filter, loose}});
  }
  if (set) set = guard(netlink_, parent_index, *before);
  if (set) return device;
  if (const Interface* half_done = netlink_.interface(device.index)) restore(netlink_, {*half_done});
  device.index = 0;
  return fail(set.error().text);
}

bool VirtualDevices::is_ours(const Interface& device) const {
  const auto alias = alias_of(device);
  return alias && alias->owner == mark_.id();
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
