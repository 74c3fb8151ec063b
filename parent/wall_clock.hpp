// From the monotonic time of the program to the time of day of people.
#pragma once

#include "common/types.hpp"

#include <algorithm>
#include <chrono>
#include <string>

namespace holdfast {

using WallTime = std::chrono::system_clock::time_point;

// "2026-11-22T11:30:00.123Z"
std::string iso_time(WallTime time);

// The time of day of a monotonic moment, as of a pair read together.
class WallClock {
 public:
  WallClock(WallTime wall, TimePoint monotonic) : wall_(wall), monotonic_(monotonic) {}
  static WallClock read(TimePoint monotonic_now) { return {std::chrono::system_clock::now(), monotonic_now}; }
  // For what has happened: a moment that is still to come, or before the boot, is nonsense that a child sent.
  std::string text(TimePoint at) const {
    return iso_time(wall_ + (std::clamp(at, TimePoint{}, monotonic_) - monotonic_));
  }
  // For what our own timers will do.
  std::string text_to_come(TimePoint at) const { return iso_time(wall_ + (std::max(at, monotonic_) - monotonic_)); }

 private:
  WallTime wall_;
  TimePoint monotonic_;
};

}  // namespace holdfast
