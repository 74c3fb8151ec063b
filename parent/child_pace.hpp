// When a child counts as hanging, and how fast a dead one is started again. Pure.
#pragma once

#include "common/types.hpp"

#include <cstdint>
#include <deque>
#include <optional>

namespace holdfast {

// A Ping every `interval`; a child that leaves one unanswered for `limit` hangs, which shows at the next tick. A
// parent that was itself stopped or starved cannot judge: after a late tick the child gets a full round again.
class Heartbeat {
 public:
  static constexpr Duration interval = std::chrono::milliseconds(250);

  explicit Heartbeat(Duration limit) : limit_(limit) {}

  void begin(TimePoint now);
  void set_limit(Duration limit) { limit_ = limit; }
  // To be called at due(). The serial to ping with, or nothing when the child hangs.
  std::optional<std::uint64_t> tick(TimePoint now);
  TimePoint due() const { return due_; }
  // False when no Ping had that serial.
  bool pong(std::uint64_t serial, TimePoint now);

  // The last moment at which a child whose end was noticed at `end` was surely alive.
  TimePoint alive_until(TimePoint end) const;

 private:
  Duration limit_;
  TimePoint due_{};
  std::uint64_t sent_ = 0;
  std::uint64_t answered_ = 0;
  TimePoint last_ping_{};
  TimePoint last_pong_{};
  TimePoint patience_from_{};  // the last sign of life, or the late tick that forgave
};

// At once after the first death, then with pauses that double up to half a minute; a child that lived
// that long starts over.
class RestartPace {
 public:
  Duration pause_after(Duration lifetime);

 private:
  Duration next_{};
};

// Whether something has happened `limit` times within `window`.
class Frequency {
 public:
  Frequency(std::size_t limit, Duration window) : limit_(limit), window_(window) {}
  // Counts one more; true when that is too many.
  bool count(TimePoint now);

 private:
  std::size_t limit_;
  Duration window_;
  std::deque<TimePoint> times_;
};

}  // namespace holdfast
