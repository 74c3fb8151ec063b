#include "common/config/tracks.hpp"

#include "common/config/map_reader.hpp"

#include <algorithm>
#include <optional>

namespace holdfast {

namespace {

constexpr int largest_weight = 253;
constexpr int highest_priority = 254;  // of a router that does not own its addresses
constexpr int lowest_priority = 1;

// "check: nginx", "interface: eth1"
std::string subject_of(const TrackConfig& track) {
  return track.check.empty() ? "interface: " + track.interface : "check: " + track.check;
}

constexpr const char* example = "[nginx, {check: db, weight: 2}]";

std::optional<std::string> read_check_name(Problems& problems, const YamlNode& node, const CheckNames& checks) {
  auto name = read_text(problems, node, "the check to track");
  if (!name) return std::nullopt;
  if (!checks.all.contains(*name)) {
    std::string hint = checks.in_order.empty() ? "; define it under `checks`"
                                               : problems.hint_for(*name, checks.in_order, "the checks are");
    if (!hint.starts_with("; did you mean")) hint += "; for a link write " + quoted("{interface: " + *name + "}");
    problems.error(node.place, "no check is called " + quoted(*name) + hint);
    return std::nullopt;
  }
  return name;
}

std::optional<TrackConfig> read_track(Problems& problems, const YamlNode& node, const CheckNames& checks) {
  TrackConfig track;
  if (node.kind == YamlNode::Kind::scalar || node.kind == YamlNode::Kind::nothing) {
    auto name = read_check_name(problems, node, checks);
    if (!name) return std::nullopt;
    track.check = std::move(*name);
    return track;
  }
  MapReader reader(problems, node, node.place, Section::track, "this track entry");
  if (!reader.is_map()) return std::nullopt;
  const YamlEntry* check = reader.take("check");
  const YamlEntry* interface = reader.take("interface");
  if (check != nullptr) track.check = read_check_name(problems, *check->value, checks).value_or("");
  if (interface != nullptr) {
    track.interface = read_interface(problems, *interface->value, "`interface`").value_or("");
  }
  if (check == nullptr && interface == nullptr) {
    reader.missing("check", "check: nginx", "or `interface: eth1`, for a link");
  }
  if (check != nullptr && interface != nullptr) {
    problems.error(std::max(check->place, interface->place),
                   "a track entry has either `check` or `interface`; make an entry for each");
  }
  const YamlEntry* while_down = reader.take("while_down");
  const YamlEntry* weight = reader.take("weight");
  if (while_down != nullptr) {
    const auto choice = read_choice(problems, *while_down->value, "`while_down`", {"demote", "fault"});
    if (choice == 1u) track.effect = TrackConfig::Effect::fault;
  }
  if (weight != nullptr) {
    const auto value = read_integer(problems, *weight->value, "`weight`", -largest_weight, largest_weight);
    if (value == 0) {
      problems.error(weight->value->place,
                     "`weight: 0` would do nothing; write a weight from 1 to 253 or -253 to -1, "
                     "or `while_down: fault`");
    }
    track.effect = TrackConfig::Effect::weight;
    const auto taken = static_cast<int>(value.value_or(0));
    track.weight = taken == 0 ? 2 : taken;  // after an error: one that has no echo
  }
  if (while_down != nullptr && weight != nullptr) {
    problems.error(std::max(while_down->place, weight->place),
                   "a track entry has either `weight` or `while_down`; remove one of them");
  }
  reader.finish();
  if (track.check.empty() == track.interface.empty()) return std::nullopt;
  return track;
}

}  // namespace

std::vector<PlacedTrack> read_tracks(Problems& problems, const YamlNode& node, const CheckNames& checks) {
  std::vector<PlacedTrack> tracks;
  const auto* items = read_list(problems, node, "`track`", example);
  if (items == nullptr) return tracks;
  std::unordered_set<std::string> seen;
  for (const YamlPtr& item : *items) {
    auto track = read_track(problems, *item, checks);
    if (!track) continue;
    if (seen.insert(subject_of(*track)).second) {
      tracks.push_back({std::move(*track), item->place});
    } else {
      const std::string subject =
          track->check.empty() ? "interface " + quoted(track->interface) : "check " + quoted(track->check);
      problems.error(item->place, subject + " is tracked twice; keep one of the entries");
    }
  }
  return tracks;
}

PrioritySpan priority_span(const InstanceConfig& instance) {
  PrioritySpan span{instance.router.priority.value, instance.router.priority.value};
  for (const TrackConfig& track : instance.tracks) {
    if (track.effect != TrackConfig::Effect::weight) continue;
    span.weighs = true;
    (track.weight > 0 ? span.best : span.worst) += track.weight;
  }
  span.best = std::clamp(span.best, lowest_priority, highest_priority);
  span.worst = std::clamp(span.worst, lowest_priority, highest_priority);
  return span;
}

namespace {

// Weights that no failure of what they weigh could ever move the address with.
bool report_idle_weights(Problems& problems, const std::vector<PlacedTrack>& tracks,
                         const VirtualRouterConfig& router) {
  InstanceConfig instance{.router = router, .tracks = {}, .sync_group = "", .leader = ""};
  const PlacedTrack* first = nullptr;
  for (const PlacedTrack& placed : tracks) {
    instance.tracks.push_back(placed.track);
    if (placed.track.effect == TrackConfig::Effect::weight && first == nullptr) first = &placed;
  }
  const PrioritySpan span = priority_span(instance);
  if (first == nullptr || span.best - span.worst > 1) return false;
  const std::string better = quoted("{" + subject_of(first->track) + "}");
  if (span.best == span.worst) {
    problems.error(first->place,
                   "the priority stays at " + std::to_string(span.best) +
                       " whether this is up or down, since it ends at 1 and 254, so a failure would never "
                       "move the address; choose another `priority`, or write " +
                       better + " without a weight");
  } else {
    problems.warning(first->place,
                     "a weight of 1 is smaller than any gap: a failure makes a tie at best, which the greater address "
                     "wins; write a larger weight, or " +
                         better + " without one, which moves the address whatever the priorities are");
  }
  return true;
}

}  // namespace

void check_tracks(Problems& problems, const std::vector<PlacedTrack>& tracks, const VirtualRouterConfig& router) {
  if (router.priority != owner_priority && report_idle_weights(problems, tracks, router)) return;
  int most = router.priority.value;
  int least = router.priority.value;
  std::optional<Place> raised;
  std::optional<Place> lowered;
  for (const auto& [track, place] : tracks) {
    const std::string subject = subject_of(track);
    if (!track.interface.empty() && track.interface == router.interface) {
      problems.warning(place, quoted(track.interface) +
                                  " is the instance's own interface, without whose link it is in fault anyway; remove "
                                  "this entry");
      continue;
    }
    const bool weighs = track.effect == TrackConfig::Effect::weight;
    const bool demotes = track.effect == TrackConfig::Effect::demote;
    if (router.priority == owner_priority) {
      if (weighs || demotes) {
        problems.error(place, "priority 255 can't be lowered or raised; write `{" + subject +
                                  ", while_down: fault}`, or a priority of at most 254");
      }
      continue;
    }
    if (weighs && !router.preempt) {
      problems.warning(place,
                       "with `preempt: false` no router takes over because of a weight, so this entry moves the "
                       "address only when the active router stops; write `{" +
                           subject + "}` or `while_down: fault` for a failover");
    }
    const bool mixed_group = router.version == VrrpVersion::v2 || router.timers == TimerMode::rfc;
    if (demotes && !router.preempt && mixed_group) {
      problems.warning(place,
                       "a keepalived with `nopreempt` does not take over from a demoted router; if one is in "
                       "this group, write `{" +
                           subject + ", while_down: fault}`");
    }
    if (!weighs) continue;
    most += std::max(track.weight, 0);
    least += std::min(track.weight, 0);
    if (track.weight > 0 && most > highest_priority && !raised) raised = place;
    if (track.weight < 0 && least < 1 && !lowered) lowered = place;
  }
  if (raised) {
    problems.warning(*raised, "with this weight the priority would be " + std::to_string(most) +
                                  " while all is up; it "
                                  "stays at 254, so choose smaller numbers");
  }
  if (lowered) {
    problems.warning(*lowered, "with this weight the priority would be " + std::to_string(least) +
                                   " while all is "
                                   "down; it stays at 1, so choose smaller "
                                   "numbers");
  }
}

}  // namespace holdfast
