#include "parent/tracked_interfaces.hpp"

#include <utility>

namespace holdfast {

void TrackedInterfaces::configure(const std::vector<InstanceConfig>& instances, bool by_reload) {
  std::map<std::string, Interface> next;
  for (const InstanceConfig& instance : instances) {
    for (const TrackConfig& track : instance.tracks) {
      if (track.interface.empty() || next.contains(track.interface)) continue;
      const auto known = interfaces_.find(track.interface);
      if (known != interfaces_.end()) {
        next.emplace(track.interface, known->second);
      } else {
        next[track.interface].joined_by_reload = by_reload;
      }
      ever_named_.insert(track.interface);
    }
  }
  interfaces_ = std::move(next);
}

std::optional<TrackedInterfaces::Change> TrackedInterfaces::report(const std::string& name, bool up,
                                                                   const std::string& detail) {
  const auto found = interfaces_.find(name);
  if (found == interfaces_.end()) return std::nullopt;
  Interface& interface = found->second;
  interface.detail = detail;
  const CheckStatus now = up ? CheckStatus::up : CheckStatus::down;
  const CheckStatus before = std::exchange(interface.status, now);
  if (before == now) return std::nullopt;
  return Change{before, now};
}

CheckView TrackedInterfaces::view(const std::string& name) const {
  const Interface& interface = interfaces_.at(name);
  switch (interface.status) {
    case CheckStatus::up: return {CheckView::Health::up, interface.detail};
    case CheckStatus::down: return {CheckView::Health::down, interface.detail};
    case CheckStatus::unknown: break;
  }
  return {interface.joined_by_reload ? CheckView::Health::neutral : CheckView::Health::unknown, interface.detail};
}

}  // namespace holdfast
