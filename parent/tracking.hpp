// From the results of the checks, and the state of tracked links, to what an instance may claim: its standing. Pure.
//
// Weights are counted as keepalived counts them: the base is the configured priority; a positive weight
// is added while what it tracks is up, a negative one subtracted while it is not; the sum stays within 1..254.
// `demote` makes an unfit instance advertise priority 1, `fault` makes it give the address up.
// Who flaps is good at the moment: with either it advertises priority 2, so that it stands back behind everybody but
// those whose service is really down. By weight it counts as down. What is not known is not healthy: unknown never
// adds, subtracts, and demotes; it alone never faults.
#pragma once

#include "common/config/model.hpp"

#include <functional>
#include <string>

namespace holdfast {

// How a check, or a link, counts for those who track it.
struct CheckView {
  enum class Health : std::uint8_t {
    up,
    held,  // down, but the failover waits for a restart that runs: counts as up
    down,
    flapping,  // good at the moment, but held down since it flaps
    unknown,
    neutral,  // joined by a reload, no result yet: has no effect at all
  };
  Health health = Health::unknown;
  std::string detail;  // why, in a few words; may be empty
  bool operator==(const CheckView&) const = default;
};

// `view_of` answers for everything that the instance tracks.
Standing standing_of(const InstanceConfig& instance, const std::function<CheckView(const TrackConfig&)>& view_of);

}  // namespace holdfast
