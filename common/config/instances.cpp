#include "common/config/instances.hpp"

#include "common/config/addresses.hpp"
#include "common/config/map_reader.hpp"
#include "common/config/named_parts.hpp"
#include "common/ip_text.hpp"

#include <map>
#include <optional>
#include <tuple>

namespace holdfast {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_instances = 4096;
constexpr std::size_t longest_password = 8;  // the field of VRRPv2

constexpr DurationRange v2_interval{1s, 255s, 1s};
constexpr DurationRange v3_interval{10ms, 40950ms, 10ms};
constexpr DurationRange lease_range{1s, 1h, 1s};  // the kernel counts lifetimes in seconds

// Nothing after an error: then what depends on the version is not judged.
std::optional<VrrpVersion> read_version(Problems& problems, MapReader& instance) {
  const YamlEntry* entry = instance.take("version");
  if (entry == nullptr) return VrrpVersion::v3;
  const auto version = read_integer(problems, *entry->value, "`version`", 2, 3);
  if (!version) return std::nullopt;
  return *version == 2 ? VrrpVersion::v2 : VrrpVersion::v3;
}

std::optional<std::string> read_password(Problems& problems, MapReader& instance, std::optional<VrrpVersion> version) {
  const YamlEntry* entry = instance.take("password");
  if (entry == nullptr) return std::nullopt;
  const auto password = read_text(problems, *entry->value, "`password`");
  if (version == VrrpVersion::v3) {
    problems.error(entry->place, "only version 2 has a password; write `version: 2`, or remove `password`");
    return std::nullopt;
  }
  if (!password) return std::nullopt;
  if (password->find('\0') != std::string::npos) {
    problems.error(entry->value->place, "`password` holds a zero byte; remove it");
    return std::nullopt;
  }
  if (password->size() > longest_password) {
    problems.error(entry->value->place,
                   "`password` is longer than 8 bytes; keepalived cuts it to the first 8, so "
                   "write only those, here and on the other hosts");
    return std::nullopt;
  }
  return password;
}

ChecksumForm read_checksum(Problems& problems, MapReader& instance, std::optional<VrrpVersion> version) {
  const YamlEntry* entry = instance.take("checksum");
  if (entry == nullptr) return ChecksumForm::rfc5798;
  const auto choice = read_choice(problems, *entry->value, "`checksum`", {"rfc5798", "rfc9568"});
  if (version == VrrpVersion::v2) {
    problems.error(entry->place, "version 2 has only one form of checksum; remove `checksum`");
  }
  return choice == 1u ? ChecksumForm::rfc9568 : ChecksumForm::rfc5798;
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
    const auto [first, is_new] = addresses_.emplace(address.prefix.address, instance);
    if (is_new) return;
    const std::string where = first->second == instance ? "this instance" : "instance " + quoted(first->second);
    problems_.error(place, to_string(address.prefix.address) + " belongs to " + where + " already; remove one of them");
  }

 private:
  Problems& problems_;
  std::map<std::tuple<std::string, IpFamily, Vrid>, std::string> routers_;
  std::map<IpAddr, std::string> addresses_;
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
  const auto version = read_version(problems, instance);
  router.version = version.value_or(VrrpVersion::v3);
  router.priority = read_priority(problems, instance);
  router.advert_interval = instance.duration("advert_interval", version == VrrpVersion::v2 ? v2_interval : v3_interval)
                               .value_or(router.advert_interval);
  router.password = read_password(problems, instance, version);
  router.checksum = read_checksum(problems, instance, version);
  read_preemption(problems, instance, router);
  if (const auto timers = instance.choice("timers", {"fast", "rfc"})) {
    router.timers = *timers == 0 ? TimerMode::fast : TimerMode::rfc;
  }
  router.lease = instance.duration("lease", lease_range).value_or(router.lease);
  router.announce = read_announce(problems, instance);

  if (const YamlEntry* addresses = instance.take("addresses")) {
    for (auto& [address, place] : read_addresses(problems, *addresses->value, router.interface)) {
      neighbours.add_address(address, router.name, place);
      router.addresses.push_back(std::move(address));
    }
  } else if (instance.peek("move") == nullptr) {
    instance.missing("addresses", "addresses: [192.168.16.130]");
  }
  if (const YamlEntry* track = instance.take("track")) {
    const auto tracks = read_tracks(problems, *track->value, checks);
    check_tracks(problems, tracks, router);
    for (const PlacedTrack& placed : tracks) config.tracks.push_back(placed.track);
  }
  if (!router.interface.empty() && router.vrid.value != 0) neighbours.add_router(router, vrid->place);
  instance.finish();
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
