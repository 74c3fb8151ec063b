// Two kinds of time that must not be mixed up: the world's, which the simulation runs in, and each host's own,
// which its router table sees and which drifts.
#pragma once

#include "common/types.hpp"

#include <chrono>
#include <cstdint>

namespace holdfast::simulation {

struct WorldClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<WorldClock, duration>;
  static constexpr bool is_steady = true;
};
using WorldTime = WorldClock::time_point;
inline constexpr WorldTime world_never = WorldTime::max();

class HostClock {
 public:
  HostClock() = default;
  // Runs `drift` millionths too fast, and shows `shown` when the world begins.
  HostClock(TimePoint shown, std::int64_t drift) : shown_(shown), drift_(drift) {}

  TimePoint at(WorldTime time) const {
    const std::int64_t passed = (time - from_).count();
    return shown_ + Duration(passed + passed * drift_ / million);
  }
  // The first moment at which this clock shows `time` or more.
  WorldTime when(TimePoint time) const {
    WorldTime result = from_ + Duration((time - shown_).count() * million / (million + drift_));
    while (at(result) < time) result += Duration(1);
    while (at(result - Duration(1)) >= time) result -= Duration(1);
    return result;
  }
  // The host was stopped, and its clock with it.
  void stand_still(Duration pause) { from_ += pause; }

 private:
  static constexpr std::int64_t million = 1'000'000;
  WorldTime from_{};
  TimePoint shown_{};
  std::int64_t drift_ = 0;
};

}  // namespace holdfast::simulation
