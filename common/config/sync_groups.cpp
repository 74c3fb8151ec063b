#include "common/config/sync_groups.hpp"

#include "common/config/values.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace holdfast {

namespace {

constexpr const char* example = "[web-v4, web-v6]";

struct Member {
  InstanceConfig* config;
  Place place;  // where the group names it
};

// The same on every host, whatever the order in its file.
bool decides_before(const Member& a, const Member& b) {
  const auto rank = [](const Member& member) {
    const VirtualRouterConfig& router = member.config->router;
    return std::tie(router.vrid, router.family, router.name);
  };
  return rank(a) < rank(b);
}

// The same thing tracked with another effect counts as well: what is strict for one member is for all.
bool depends_on(const InstanceConfig& instance, const TrackConfig& track) {
  if (!track.interface.empty() && track.interface == instance.router.interface) return true;
  return std::any_of(instance.tracks.begin(), instance.tracks.end(), [&](const TrackConfig& own) {
    return own.check == track.check && own.interface == track.interface && own.effect == track.effect;
  });
}

// What one member depends on moves all of them, so all depend on it. Only the leader's standing counts, but which one
// leads may change with a reload. The VRRP child watches the interfaces of all. `members`: the leader first.
void share_health(const std::vector<Member>& members) {
  std::vector<TrackConfig> shared;
  for (const Member& member : members) {
    shared.insert(shared.end(), member.config->tracks.begin(), member.config->tracks.end());
  }
  for (const Member& member : members) {
    for (const TrackConfig& track : shared) {
      if (!depends_on(*member.config, track)) member.config->tracks.push_back(track);
    }
  }
}

void warn_of_differences(Problems& problems, const std::vector<Member>& members) {
  const VirtualRouterConfig& leader = members.front().config->router;
  for (const Member& member : members) {
    const VirtualRouterConfig& router = member.config->router;
    std::vector<std::string> keys;
    if (router.priority != leader.priority) keys.emplace_back("priority");
    if (router.preempt != leader.preempt) keys.emplace_back("preempt");
    if (router.preempt_delay != leader.preempt_delay) keys.emplace_back("preempt_delay");
    if (router.return_after != leader.return_after) keys.emplace_back("return_after");
    if (router.timers != leader.timers) keys.emplace_back("timers");
    if (router.advert_interval != leader.advert_interval) keys.emplace_back("advert_interval");
    if (keys.empty()) continue;
    problems.warning(member.place, "instance " + quoted(router.name) + " differs from " + quoted(leader.name) + " in " +
                                       quoted_list(keys) + "; " + quoted(leader.name) +
                                       " decides for the group, so write the same in both");
  }
}

// All members own their addresses, or none does.
bool agree_on_ownership(Problems& problems, const std::vector<Member>& members) {
  const VirtualRouterConfig& first = members.front().config->router;
  const auto owns = [](const VirtualRouterConfig& router) { return router.priority == owner_priority; };
  const auto other = std::find_if(members.begin(), members.end(),
                                  [&](const Member& member) { return owns(member.config->router) != owns(first); });
  if (other == members.end()) return true;
  const VirtualRouterConfig& router = other->config->router;
  problems.error(other->place, "instance " + quoted(router.name) + " has priority " +
                                   std::to_string(router.priority.value) + " and " + quoted(first.name) + " has " +
                                   std::to_string(first.priority.value) +
                                   ", but only an owner of all the group's addresses may have 255; give 255 to all "
                                   "members or to none");
  return false;
}

class Groups {
 public:
  Groups(Problems& problems, const std::vector<std::string>& names, std::vector<InstanceConfig>& instances)
      : problems_(problems), names_(names) {
    for (InstanceConfig& instance : instances) instances_.emplace(instance.router.name, &instance);
  }

  void read(const YamlEntry& group) {
    check_name(problems_, group.place, group.key, "a sync group");
    const auto* items = read_list(problems_, *group.value, "sync group " + quoted(group.key), example);
    if (items == nullptr) return;
    if (items->size() < 2) {
      problems_.error(group.value->place, "sync group " + quoted(group.key) +
                                              " has one member; a group needs two, so add one or remove the group");
      return;
    }
    std::vector<Member> members;
    bool complete = true;
    for (const YamlPtr& item : *items) {
      if (InstanceConfig* config = member(group.key, *item)) {
        members.push_back({config, item->place});
      } else {
        complete = false;
      }
    }
    if (!complete || !agree_on_ownership(problems_, members)) return;
    std::sort(members.begin(), members.end(), decides_before);
    for (const Member& each : members) {
      each.config->sync_group = group.key;
      if (each.config != members.front().config) each.config->leader = members.front().config->router.name;
    }
    warn_of_differences(problems_, members);
    share_health(members);
  }

 private:
  // nullptr after an error.
  InstanceConfig* member(const std::string& group, const YamlNode& node) {
    const auto name = read_text(problems_, node, "a member of sync group " + quoted(group));
    if (!name) return nullptr;
    if (std::find(names_.begin(), names_.end(), *name) == names_.end()) {
      problems_.error(node.place, "no instance is called " + quoted(*name) +
                                      problems_.hint_for(*name, names_, "the instances are"));
      return nullptr;
    }
    const auto [first, is_new] = group_of_.emplace(*name, group);
    if (!is_new) {
      problems_.error(node.place, "instance " + quoted(*name) +
                                      (first->second == group ? " stands twice in this group; keep one of them"
                                                              : " is in sync group " + quoted(first->second) +
                                                                    " already; an instance has one group"));
      return nullptr;
    }
    const auto found = instances_.find(*name);
    return found == instances_.end() ? nullptr : found->second;
  }

  Problems& problems_;
  const std::vector<std::string>& names_;
  std::map<std::string, InstanceConfig*> instances_;
  std::map<std::string, std::string> group_of_;
};

}  // namespace

void read_sync_groups(Problems& problems, const YamlNode& groups, const std::vector<std::string>& names,
                      std::vector<InstanceConfig>& instances) {
  if (groups.kind != YamlNode::Kind::map || groups.entries.empty()) {
    problems.error(groups.place, "`sync_groups` must hold groups of instances by name, such as `sync_groups: {web: " +
                                     std::string(example) + "}`");
    return;
  }
  Groups reader(problems, names, instances);
  for (const YamlEntry& group : groups.entries) {
    if (!group.key.empty()) reader.read(group);
  }
}

}  // namespace holdfast
