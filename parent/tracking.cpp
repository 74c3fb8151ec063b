#include "parent/tracking.hpp"

#include <algorithm>

namespace holdfast {
namespace {

using Health = CheckView::Health;
using Effect = TrackConfig::Effect;

constexpr int lowest_sum = 1;
constexpr int highest_sum = 254;  // 255 is the owner's, 0 says "I leave"

bool counts_as_up(Health health) { return health == Health::up || health == Health::held; }
bool counts_as_bad(Health health) {
  return health == Health::down || health == Health::flapping || health == Health::unknown;
}

void append(std::string& reasons, const std::string& reason) {
  if (!reasons.empty()) reasons += "; ";
  reasons += reason;
}

std::string subject_of(const TrackConfig& track) {
  return track.check.empty() ? "interface " + track.interface : "check " + track.check;
}

std::string trouble(const TrackConfig& track, const CheckView& view) {
  // What is wrong with a link is a whole sentence already: "interface eth1 is down".
  if (view.health == Health::down && view.detail.starts_with(subject_of(track))) return view.detail;
  std::string text = subject_of(track) + (view.health == Health::down       ? " is down"
                                          : view.health == Health::flapping ? " flaps"
                                                                            : " is unknown");
  if (!view.detail.empty()) text += ": " + view.detail;
  return text;
}

}  // namespace

Standing standing_of(const InstanceConfig& instance, const std::function<CheckView(const TrackConfig&)>& view_of) {
  const Priority base = instance.router.priority;
  int sum = base.value;
  Fitness fitness = Fitness::fit;
  bool flaps = false;
  std::string helped;                           // why the priority is above the configured one
  std::string lowered, demoted_by, faulted_by;  // why it is below, by severity

  for (const TrackConfig& track : instance.tracks) {
    const CheckView view = view_of(track);
    if (track.effect == Effect::weight) {
      if (track.weight > 0 && counts_as_up(view.health)) {
        sum += track.weight;
        append(helped, subject_of(track) + " is up");
      }
      if (track.weight < 0 && counts_as_bad(view.health)) sum += track.weight;
      if (counts_as_bad(view.health)) append(lowered, trouble(track, view));
      continue;
    }
    if (!counts_as_bad(view.health)) continue;
    if (view.health == Health::flapping) {
      flaps = true;
      append(lowered, trouble(track, view));
      continue;
    }
    const bool faults = track.effect == Effect::fault && view.health == Health::down;
    append(faults ? faulted_by : demoted_by, trouble(track, view));
    fitness = std::max(fitness, faults ? Fitness::faulted : Fitness::demoted);
  }

  // The owner of the addresses is the owner, whatever the checks say; only a fault stops it.
  if (base == owner_priority) {
    if (fitness == Fitness::faulted) return {base, fitness, faulted_by};
    return {base, Fitness::fit, ""};
  }
  const Priority weighed{static_cast<std::uint8_t>(std::clamp(sum, lowest_sum, highest_sum))};
  if (fitness == Fitness::faulted) return {weighed, fitness, faulted_by};
  if (fitness == Fitness::demoted) return {demoted_priority, fitness, demoted_by};
  if (flaps) return {std::min(weighed, flapping_priority), Fitness::fit, lowered};
  return {weighed, Fitness::fit, lowered.empty() ? helped : lowered};
}

}  // namespace holdfast
