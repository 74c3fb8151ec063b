// Runs an event loop inside a test until something has come true.
#pragma once

#include "common/event_loop.hpp"

#include <functional>

namespace holdfast::testing {

// Generous, since a loaded machine must not fail a test: it is spent only when the test fails anyway.
inline constexpr std::chrono::seconds patience(20);

// False when `done` did not come true in time.
inline bool run_until(EventLoop& loop, const std::function<bool()>& done, Duration limit = patience) {
  const TimePoint end = loop.now() + limit;
  while (!done()) {
    if (loop.now() > end) return false;
    if (sd_event_run(loop.raw(), 20'000) < 0) return false;
  }
  return true;
}

inline void run_for(EventLoop& loop, Duration time) {
  run_until(
      loop, [] { return false; }, time);
}

}  // namespace holdfast::testing
