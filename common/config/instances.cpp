#include "common/config/instances.hpp"

#include "common/config/addresses.hpp"
#include "common/config/map_reader.hpp"
#include "common/config/named_parts.hpp"
#include "common/config/notify.hpp"
#include "common/config/password.hpp"
#include "common/config/unicast.hpp"
#include "common/ip_text.hpp"

#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace holdfast {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_instances = 4096;

constexpr DurationRange v2_interval{1s, 255s, 1s};
constexpr DurationRange v3_interval{10ms, 40950ms, 10ms};
constexpr DurationRange lease_range{1s, 1h, 1s};  // the kernel counts lifetimes in seconds

// Nothing after an error: then what depends on the version is not judged.
std::optional<VrrpVersion> read_version(Problems& problems, MapReader& instance, IpFamily family) {
  const YamlEntry* entry = instance.take("version");
  if (entry == nullptr) return VrrpVersion::v3;
  const auto version = read_integer(problems, *entry->value, "`version`", 2, 3);
  if (!version) return std::nullopt;
  if (*version == 2 && family == IpFamily::ipv6) {
    problems.error(entry->value->place, "version 2 has no IPv6; remove `version: 2`");
    return std::nullopt;
  }
  return *version == 2 ? VrrpVersion::v2 : VrrpVersion::v3;
}

ChecksumForm read_checksum(Problems& problems, MapReader& instance, std::optional<VrrpVersion> version,
                           IpFamily family) {
  const YamlEntry* entry = instance.take("checksum");
  if (entry == nullptr) return ChecksumForm::rfc5798;
  const auto choice = read_choice(problems, *entry->value, "`checksum`", {"rfc5798", "rfc9568"});
  if (family == IpFamily::ipv6) {
    problems.error(entry->place, "IPv6 has only one form of checksum; remove `checksum`");
  } else if (version == VrrpVersion::v2) {
    problems.error(entry->place, "version 2 has only one form of checksum; remove `checksum`");
  }
  return choice == 1u ? ChecksumForm::rfc9568 : ChecksumForm::rfc5798;
}

bool read_mixed_versions(Problems& problems, MapReader& instance, const VirtualRouterConfig& router) {
  const YamlEntry* entry = instance.take("mixed_versions");
  if (entry == nullptr || !read_boolean(problems, *entry->value, "`mixed_versions`").value_or(false)) return false;
  if (router.family == IpFamily::ipv6) {
    problems.error(entry->place, "`mixed_versions` speaks version 2 as well, which has no IPv6; remove it");
  } else if (router.version == VrrpVersion::v2) {
    problems.error(entry->place,
                   "`mixed_versions` is for version 3, which then speaks version 2 as well; write `version: 3`, or "
                   "remove `mixed_versions`");
  } else if (router.advert_interval % 1s != 0s) {
    const YamlEntry* interval = instance.peek("advert_interval");
    problems.warning(interval == nullptr ? entry->place : interval->value->place,
                     "version 2 counts in whole seconds, and its routers drop adverts with another interval than "
                     "theirs; write theirs, such as `1s`, until `mixed_versions` is no longer needed");
  }
  return true;
}

bool read_link_local_first(Problems& problems, MapReader& instance, IpFamily family) {
  const YamlEntry* entry = instance.take("require_link_local_first");
  if (entry == nullptr) return false;
  if (family == IpFamily::ipv4) {
    problems.error(entry->place,
                   "`require_link_local_first` is for IPv6, whose lists of addresses begin with a "
                   "link-local one; remove it");
    return false;
  }
  return read_boolean(problems, *entry->value, "`require_link_local_first`").value_or(false);
}

// Linux answers for an address that it holds, so `false` would not be kept.
void read_accept(Problems& problems, MapReader& instance, const VirtualRouterConfig& router) {
  const YamlEntry* entry = instance.take("accept");
  if (entry == nullptr || read_boolean(problems, *entry->value, "`accept`").value_or(true)) return;
  const bool v4 = router.family == IpFamily::ipv4;
  const std::string address = router.addresses.empty() ? (v4 ? "192.168.16.130" : "2001:db8::80")
                                                       : to_string(router.addresses.front().prefix.address);
  problems.error(entry->value->place,
                 "`accept: false` is not available: Linux answers for every address that it holds; remove it, and "
                 "drop what must not be answered with nftables, such as " +
                     ("`ip" + std::string(v4 ? "" : "6")) + " daddr " + address +
                     (v4 ? " drop`" : " meta l4proto != ipv6-icmp drop`"));
}

AnnounceConfig read_announce(Problems& problems, MapReader& instance) {
  AnnounceConfig announce;
  const YamlEntry* entry = instance.take("announce");
  if (entry == nullptr) return announce;
  MapReader reader(problems, *entry->value, entry->place, Section::announce, "`announce` of " + instance.what());
  announce.count = static_cast<std::uint32_t>(reader.integer("count", 1, 100).value_or(announce.count));
  announce.repeat_after = reader.duration("repeat_after", {0s, 1h}).value_or(announce.repeat_after);
  announce.refresh = reader.duration("refresh", {0s, 24h}).value_or(announce.refresh);
  if (announce.refresh > 0s && announce.refresh < 1s) {
    problems.error(reader.take("refresh")->value->place, "`refresh` must be at least 1s, or 0s for never");
  }
  reader.finish();
  return announce;
}

// What holds between instances: reported where the later one stands.
class Neighbours {
 public:
  explicit Neighbours(Problems& problems) : problems_(problems) {}

  void add_router(const VirtualRouterConfig& router, Place place) {
    const auto key = std::tuple(router.interface, router.family, router.vrid);
    const auto [first, is_new] = routers_.emplace(key, router.name);
    if (is_new) return;
    problems_.error(place, "instance " + quoted(router.name) + " has vrid " + std::to_string(router.vrid.value) +
                               " on " + router.interface + ", like instance " + quoted(first->second) +
                               "; give each its own");
  }

  void add_address(const VirtualAddress& address, const std::string& instance, Place place) {
    // Each link has its own link-local addresses.
    const std::string link = address.prefix.address.is_link_local() ? address.interface : "";
    const auto [first, is_new] = addresses_.emplace(std::pair(address.prefix.address, link), instance);
    if (is_new) return;
    const std::string where = first->second == instance ? "this instance" : "instance " + quoted(first->second);
    problems_.error(place, to_string(address.prefix.address) + " belongs to " + where + " already; remove one of them");
  }

 private:
  Problems& problems_;
  std::map<std::tuple<std::string, IpFamily, Vrid>, std::string> routers_;
  std::map<std::pair<IpAddr, std::string>, std::string> addresses_;
};

void read_preemption(Problems& problems, MapReader& instance, VirtualRouterConfig& router) {
  router.preempt = instance.boolean("preempt").value_or(true);
  router.return_after = instance.duration("return_after", {0s, 1h}).value_or(router.return_after);
  const YamlEntry* delay = instance.take("preempt_delay");
  if (delay == nullptr) return;
  router.preempt_delay = read_duration(problems, *delay->value, "`preempt_delay`", {0s, 1h}).value_or(0s);
  if (!router.preempt && router.preempt_delay > 0s) {
    problems.warning(delay->place, "`preempt_delay` does nothing with `preempt: false`; remove one of them");
  }
}

Priority read_priority(Problems& problems, MapReader& instance) {
  const YamlEntry* entry = instance.take("priority");
  if (entry == nullptr) return Priority{100};
  const auto value = read_integer(problems, *entry->value, "`priority`", 1, 255);
  if (value == demoted_priority.value) {
    problems.warning(entry->value->place,
                     "priority 1 is that of a demoted router: every other takes over from it at "
                     "once; write 2 or more unless that is meant");
  }
  return Priority{static_cast<std::uint8_t>(value.value_or(100))};
}

IpFamily family_of(const std::vector<PlacedAddress>& addresses, const Unicast& unicast) {
  if (!addresses.empty()) return addresses.front().address.prefix.address.family();
  if (unicast.source) return unicast.source->family();
  return unicast.peers.empty() ? IpFamily::ipv4 : unicast.peers.front().family();
}

// The addresses, between whom adverts go, and hence the family.
void read_whereabouts(Problems& problems, MapReader& instance, Neighbours& neighbours, VirtualRouterConfig& router) {
  std::vector<PlacedAddress> addresses;
  if (const YamlEntry* entry = instance.take("addresses")) {
    addresses = read_addresses(problems, *entry->value, router.interface);
    order_addresses(problems, addresses, router.vrid, entry->value->place);
  }
  Unicast unicast = read_unicast(problems, instance, addresses, router.priority);
  router.family = family_of(addresses, unicast);
  router.peers = std::move(unicast.peers);
  router.source = unicast.source;
  for (auto& [address, place] : addresses) {
    neighbours.add_address(address, router.name, place);
    router.addresses.push_back(std::move(address));
  }
}

// What depends on the version, which depends on the family.
void read_protocol(Problems& problems, MapReader& instance, VirtualRouterConfig& router) {
  const auto version = read_version(problems, instance, router.family);
  router.version = version.value_or(VrrpVersion::v3);
  router.advert_interval = instance.duration("advert_interval", version == VrrpVersion::v2 ? v2_interval : v3_interval)
                               .value_or(router.advert_interval);
  router.mixed_versions = read_mixed_versions(problems, instance, router);
  router.password = read_password(problems, instance, version, router.family);
  router.checksum = read_checksum(problems, instance, version, router.family);
  router.require_link_local_first = read_link_local_first(problems, instance, router.family);
}

void read_instance(Problems& problems, const YamlEntry& entry, const CheckNames& checks, Neighbours& neighbours,
                   std::vector<InstanceConfig>& instances) {
  MapReader instance(problems, *entry.value, entry.place, Section::instance, "instance " + quoted(entry.key));
  if (!instance.is_map()) return;
  check_name(problems, entry.place, entry.key, "an instance");
  InstanceConfig config;
  VirtualRouterConfig& router = config.router;
  router.name = entry.key;

  if (const YamlEntry* interface = instance.take("interface")) {
    router.interface = read_interface(problems, *interface->value, "`interface`").value_or("");
  } else {
    instance.missing("interface", "interface: eth0");
  }
  const YamlEntry* vrid = instance.take("vrid");
  if (vrid == nullptr) instance.missing("vrid", "vrid: 66");
  if (vrid != nullptr) {
    router.vrid.value = static_cast<std::uint8_t>(read_integer(problems, *vrid->value, "`vrid`", 1, 255).value_or(0));
  }
  router.priority = read_priority(problems, instance);
  read_whereabouts(problems, instance, neighbours, router);
  read_protocol(problems, instance, router);
  read_preemption(problems, instance, router);
  if (const auto timers = instance.choice("timers", {"fast", "rfc"})) {
    router.timers = *timers == 0 ? TimerMode::fast : TimerMode::rfc;
  }
  router.lease = instance.duration("lease", lease_range).value_or(router.lease);
  router.announce = read_announce(problems, instance);
  router.virtual_mac = instance.boolean("virtual_mac").value_or(false);
  read_accept(problems, instance, router);
  if (const YamlEntry* track = instance.take("track")) {
    const auto tracks = read_tracks(problems, *track->value, checks);
    check_tracks(problems, tracks, router);
    for (const PlacedTrack& placed : tracks) config.tracks.push_back(placed.track);
  }
  if (const YamlEntry* move = instance.take("move")) config.move = read_move(problems, *move, instance.what());
  if (!router.interface.empty() && router.vrid.value != 0) neighbours.add_router(router, vrid->place);
  instance.finish();
  // After an error this may only be its echo: the key is mistyped.
  if (instance.peek("addresses") == nullptr && !config.move && !problems.has_errors()) {
    problems.warning(entry.place, instance.what() +
                                      " has no `addresses`, so none moves with it; add one, such as `addresses: "
                                      "[192.168.16.130]`, or write `addresses: []` where something else moves it");
  }
  instances.push_back(std::move(config));
}

}  // namespace

std::vector<InstanceConfig> read_instances(Problems& problems, const YamlEntry& section, const CheckNames& checks) {
  std::vector<InstanceConfig> instances;
  const YamlNode& node = *section.value;
  if (report_list(problems, section, Section::instance)) return instances;
  const bool none = node.kind == YamlNode::Kind::map && node.entries.empty();
  if (node.kind != YamlNode::Kind::map || none) {
    problems.error(node.place,
                   "`instances` must hold at least one instance by name; write `web:` below it, indented, "
                   "with `interface`, `vrid` and `addresses` below that");
    return instances;
  }
  if (node.entries.size() > most_instances) {
    problems.error(section.place, "more than " + std::to_string(most_instances) + " instances; use fewer");
    return instances;
  }
  Neighbours neighbours(problems);
  for (const YamlEntry* entry : named_entries(problems, node, Section::instance)) {
    read_instance(problems, *entry, checks, neighbours, instances);
  }
  return instances;
}

}  // namespace holdfast
