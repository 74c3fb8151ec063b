// The two intervals that VRRP computes (RFC 9568, 6.1; RFC 3768, 6.1), in microseconds: whole
// centiseconds would make priorities 253 and 254 tie at 10 ms. Pure.
#pragma once

#include "common/types.hpp"

#include <algorithm>

namespace holdfast {

// Lower priorities wait longer. v3: (256 - priority) * interval / 256 with the active's interval;
// v2: (256 - priority) / 256 seconds, whatever the interval.
constexpr Duration skew_time(VrrpVersion version, Priority priority, Duration interval) {
  const Duration base = version == VrrpVersion::v2 ? Duration(std::chrono::seconds(1)) : interval;
  return base * (256 - priority.value) / 256;
}

// How long a backup waits for an advert until it takes over.
constexpr Duration active_down_interval(VrrpVersion version, Priority priority, Duration interval) {
  return 3 * interval + skew_time(version, priority, interval);
}

// `timers: fast`: how long a backup waits when the active itself said that it leaves or is worse.
// Still in priority order, but within 10 ms and a quarter of the interval.
constexpr Duration fast_skew_time(VrrpVersion version, Priority priority, Duration interval) {
  constexpr Duration longest = std::chrono::milliseconds(10);
  return std::min(skew_time(version, priority, interval / 4), longest * (256 - priority.value) / 256);
}

}  // namespace holdfast
