#include "common/config/usage.hpp"

#include "common/config/endpoint_text.hpp"
#include "common/config/tracks.hpp"
#include "common/ip_text.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>

namespace holdfast {

namespace {

// The literal address that a check connects to, if it does.
std::optional<IpAddr> address_asked(const Probe& probe) {
  if (const auto* tcp = std::get_if<TcpProbe>(&probe)) return parse_ip(tcp->host);
  const auto* page = std::get_if<HttpProbe>(&probe);
  if (const auto* nginx = std::get_if<NginxProbe>(&probe)) page = &nginx->page;
  if (page == nullptr || !page->unix_socket.empty()) return std::nullopt;
  const auto endpoint = parse_http_url(page->url);
  if (!endpoint) return std::nullopt;
  return parse_ip(endpoint->host);
}

}  // namespace

void warn_about_usage(Problems& problems, const Config& config, const YamlNode& checks) {
  std::unordered_set<std::string> tracked;
  std::map<IpAddr, std::string> virtual_addresses;
  for (const InstanceConfig& instance : config.instances) {
    for (const TrackConfig& track : instance.tracks) tracked.insert(track.check);
    for (const VirtualAddress& address : instance.router.addresses) {
      virtual_addresses.emplace(address.prefix.address, instance.router.name);
    }
  }
  std::map<std::string_view, Place> places;
  for (const YamlEntry& entry : checks.entries) places.emplace(entry.key, entry.place);
  for (const CheckConfig& check : config.checks) {
    const std::string& name = check.spec.name;
    if (!tracked.contains(name)) {
      problems.warning(places[name], "no instance tracks check " + quoted(name) +
                                         ", so its result changes no priority; add it to `track` of an instance");
    }
    const auto address = address_asked(check.spec.probe);
    const auto owner = address ? virtual_addresses.find(*address) : virtual_addresses.end();
    if (owner == virtual_addresses.end()) continue;
    problems.warning(places[name], "check " + quoted(name) + " asks the virtual address " + to_string(*address) +
                                       " of instance " + quoted(owner->second) +
                                       ", so on a backup it tests the active host; ask 127.0.0.1 or the host's own "
                                       "address");
  }
}

void warn_about_gaps(Problems& problems, const Config& config, const std::vector<Config>& other_nodes,
                     const YamlNode& instances) {
  for (const InstanceConfig& instance : config.instances) {
    const std::string& name = instance.router.name;
    const PrioritySpan span = priority_span(instance);
    if (!span.weighs) continue;
    std::string others;
    bool in_reach = false;
    for (const Config& node : other_nodes) {
      const auto theirs = std::find_if(node.instances.begin(), node.instances.end(),
                                       [&](const InstanceConfig& other) { return other.router.name == name; });
      if (theirs == node.instances.end()) continue;
      const int best = priority_span(*theirs).best;
      in_reach = in_reach || best > span.worst;
      others += (others.empty() ? "" : ", ") + std::to_string(best) + " of " + node.node;
    }
    if (others.empty() || in_reach) continue;
    const YamlEntry* entry = instances.find(name);
    problems.warning(entry == nullptr ? Place{} : entry->place,
                     "instance " + quoted(name) + ": with all that it weighs down, " + config.node +
                         " still has priority " + std::to_string(span.worst) + ", not below " + others +
                         ", so the address stays here; write larger weights than the gap between the priorities, or "
                         "track without a weight");
  }
}

}  // namespace holdfast
