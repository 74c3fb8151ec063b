#include "parent/config_changes.hpp"

#include "common/ip_text.hpp"
#include "parent/text.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace holdfast {
namespace {

std::string words(bool value) { return value ? "true" : "false"; }
std::string words(const std::string& value) { return value.empty() ? "none" : value; }
std::string words(std::uint32_t value) { return std::to_string(value); }
std::string words(Priority value) { return std::to_string(value.value); }
std::string words(Vrid value) { return std::to_string(value.value); }
std::string words(VrrpVersion value) { return std::to_string(static_cast<int>(value)); }
std::string words(Duration value) { return readable(value); }
std::string words(ChecksumForm value) { return value == ChecksumForm::rfc5798 ? "rfc5798" : "rfc9568"; }
std::string words(IpFamily value) { return value == IpFamily::ipv4 ? "IPv4" : "IPv6"; }
std::string words(const std::optional<IpAddr>& value) { return value ? to_string(*value) : "none"; }
std::string words(TimerMode value) { return value == TimerMode::fast ? "fast" : "rfc"; }

// Gathers the changes of one named thing.
class Comparison {
 public:
  Comparison(std::string thing, std::vector<std::string>& changes) : thing_(std::move(thing)), changes_(changes) {}

  void say(const std::string& what) { changes_.push_back(thing_ + ": " + what); }

  // For what is short enough to be shown before and after.
  template <class T>
  void shown(const char* field, const T& before, const T& after) {
    if (before != after) say(std::string(field) + " " + words(before) + " -> " + words(after));
  }
  // For lists: what came, went, or is there with other settings. `name_of` tells which is which.
  template <class Item, class NameOf>
  void listed(const char* field, const std::vector<Item>& before, const std::vector<Item>& after, NameOf name_of) {
    if (before == after) return;
    const auto find = [&](const std::vector<Item>& items, const Item& like) {
      return std::find_if(items.begin(), items.end(), [&](const Item& item) { return name_of(item) == name_of(like); });
    };
    std::string text;
    const auto add = [&](const Item& item, const char* what) {
      text += (text.empty() ? "" : ", ") + name_of(item) + " " + what;
    };
    for (const Item& item : before) {
      const auto same = find(after, item);
      if (same == after.end())
        add(item, "removed");
      else if (!(*same == item))
        add(item, "changed");
    }
    for (const Item& item : after) {
      if (find(before, item) == before.end()) add(item, "added");
    }
    say(std::string(field) + ": " + (text.empty() ? "another order" : text));
  }
  // For what nobody may read.
  template <class T>
  void changed(const char* field, const T& before, const T& after) {
    if (before != after) say(std::string(field) + " changed");
  }

 private:
  std::string thing_;
  std::vector<std::string>& changes_;
};

const std::string& name_of(const CheckConfig& check) { return check.spec.name; }
const std::string& name_of(const InstanceConfig& instance) { return instance.router.name; }
const std::string& name_of(const NotifyTarget& target) { return target.name; }

void compare(const CheckConfig& before, const CheckConfig& after, Comparison changes) {
  if (before.spec.probe.index() != after.spec.probe.index()) {
    changes.say(std::string("type ") + type_name(before.spec.probe) + " -> " + type_name(after.spec.probe));
  } else {
    changes.changed("what it looks at", before.spec.probe, after.spec.probe);
  }
  changes.shown("interval", before.spec.interval, after.spec.interval);
  changes.shown("timeout", before.spec.timeout, after.spec.timeout);
  changes.shown("rise", before.spec.rise, after.spec.rise);
  changes.shown("fall", before.spec.fall, after.spec.fall);
  changes.changed("command", before.script, after.script);
  changes.shown("damping", before.damping, after.damping);
  changes.changed("restart", before.restart, after.restart);
}

void compare(const InstanceConfig& before, const InstanceConfig& after, Comparison changes) {
  const VirtualRouterConfig& b = before.router;
  const VirtualRouterConfig& a = after.router;
  changes.shown("interface", b.interface, a.interface);
  changes.shown("vrid", b.vrid, a.vrid);
  changes.shown("version", b.version, a.version);
  changes.shown("family", b.family, a.family);
  changes.shown("priority", b.priority, a.priority);
  changes.shown("advert_interval", b.advert_interval, a.advert_interval);
  changes.shown("mixed_versions", b.mixed_versions, a.mixed_versions);
  changes.changed("password", b.password, a.password);
  changes.shown("checksum", b.checksum, a.checksum);
  changes.shown("preempt", b.preempt, a.preempt);
  changes.shown("preempt_delay", b.preempt_delay, a.preempt_delay);
  changes.shown("return_after", b.return_after, a.return_after);
  changes.shown("timers", b.timers, a.timers);
  changes.shown("lease", b.lease, a.lease);
  changes.shown("announce count", b.announce.count, a.announce.count);
  changes.shown("announce repeat_after", b.announce.repeat_after, a.announce.repeat_after);
  changes.shown("announce refresh", b.announce.refresh, a.announce.refresh);
  changes.shown("source", b.source, a.source);
  changes.shown("virtual_mac", b.virtual_mac, a.virtual_mac);
  changes.shown("require_link_local_first", b.require_link_local_first, a.require_link_local_first);
  changes.shown("sync_group", before.sync_group, after.sync_group);
  changes.shown("leader", before.leader, after.leader);
  changes.changed("move", before.move, after.move);
  changes.listed("peers", b.peers, a.peers, [](const IpAddr& peer) { return to_string(peer); });
  changes.listed("addresses", b.addresses, a.addresses,
                 [](const VirtualAddress& address) { return to_string(address.prefix); });
  changes.listed("track", before.tracks, after.tracks, [](const TrackConfig& track) {
    return track.check.empty() ? "interface " + track.interface : "check " + track.check;
  });
}

void compare(const NotifyTarget& before, const NotifyTarget& after, Comparison changes) {
  if (before.how.index() != after.how.index()) {
    changes.say(std::string(type_name(before.how)) + " -> " + type_name(after.how));
  } else {
    changes.changed("how it is told", before.how, after.how);  // holds secrets
  }
  changes.changed("on", before.on, after.on);
  changes.changed("instances", before.instances, after.instances);
  changes.shown("timeout", before.timeout, after.timeout);
}

template <class Item>
void compare_all(const char* kind, const std::vector<Item>& before, const std::vector<Item>& after,
                 std::vector<std::string>& changes) {
  const auto find = [](const std::vector<Item>& items, const std::string& name) {
    return std::find_if(items.begin(), items.end(), [&](const Item& item) { return name_of(item) == name; });
  };
  for (const Item& item : before) {
    Comparison comparison(kind + (" " + name_of(item)), changes);
    const auto same = find(after, name_of(item));
    if (same == after.end())
      comparison.say("removed");
    else
      compare(item, *same, comparison);
  }
  for (const Item& item : after) {
    if (find(before, name_of(item)) == before.end()) Comparison(kind + (" " + name_of(item)), changes).say("added");
  }
}

}  // namespace

std::vector<std::string> describe_changes(const Config& before, const Config& after) {
  std::vector<std::string> changes;
  if (before.node != after.node) changes.push_back("node " + words(before.node) + " -> " + words(after.node));
  Comparison runtime("runtime", changes);
  runtime.shown("admin_group", before.runtime.admin_group, after.runtime.admin_group);
  compare_all("check", before.checks, after.checks, changes);
  compare_all("instance", before.instances, after.instances, changes);
  compare_all("target", before.notify, after.notify, changes);
  return changes;
}

}  // namespace holdfast
