// When a check goes down: restart what it watches, and let the failover wait for that. Pure.
//
//           down               go                    succeeded              up
//   idle ---------> examining -----> restarting ---------------> settling -------> idle
//                     ^    |            | failed                    | still down
//          pause over |    | no use     v                           v
//                     +----+--------- waiting <---------------------+    exhausted: `limit` restarts within
//                                                                        `limit_window`; waits for the oldest to age
//
// An examination comes first where the configuration asks for one: was the unit stopped on purpose, does the
// configuration test fail? Then a restart is of no use: none is begun, none is counted, the failover does not wait, and
// it is looked into again after a pause.
//
// The hold: with `before_failover` set, a check that was up counts as up from its going down until
// the restart failed or `before_failover` is over. A bad result right after the restart does not end it: a
// daemon may have forked and not yet written its pid file. Only the first attempt of an episode is held: who
// has failed over does not wait again.
#pragma once

#include "common/config/model.hpp"
#include "common/types.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

class RestartPolicy {
 public:
  enum class Action : std::uint8_t {
    examine,
    start_restart,
    probe_now,         // the restart is done: ask for a result at once
    report_exhausted,  // said once per episode: no further restart for now
  };
  using Actions = std::vector<Action>;

  // settle: how long after a successful restart a healthy check needs at most until it is up.
  RestartPolicy(const RestartConfig& config, Duration settle) : config_(config), settle_(settle) {}

  // What an examination found out.
  enum class Verdict : std::uint8_t { go, stopped_on_purpose, broken_configuration };

  // A result "down"; was_up: the check counted as up until now. Repeated ones are welcome.
  Actions on_down(bool was_up, TimePoint now);
  void on_up();
  // Nobody knows any more: no hold, and no restart on a guess.
  void on_unknown();
  // finding: what a person should know of a verdict that is not `go`.
  Actions on_examined(Verdict verdict, std::string finding, TimePoint now);
  // The restart that was started last has ended.
  Actions on_finished(bool ok, TimePoint now, std::string why_not = {});
  // Whatever is due.
  Actions on_time(TimePoint now);

  // When on_time wants to be called next.
  std::optional<TimePoint> next_deadline() const;
  bool holding() const { return hold_until_.has_value(); }
  bool examining() const { return phase_ == Phase::examining; }
  bool restarting() const { return phase_ == Phase::restarting; }
  // Restarts begun within the window, the running one included.
  std::size_t attempts() const { return attempts_.size(); }
  // "restarting, attempt 1 of 3"; empty when there is nothing to say.
  std::string text(TimePoint now) const;

 private:
  enum class Phase : std::uint8_t { idle, examining, restarting, settling, waiting, exhausted };

  Actions attempt(bool hold, TimePoint now);
  Actions begin(TimePoint now);
  void wait(TimePoint now);
  void rest();

  RestartConfig config_;
  Duration settle_;
  Phase phase_ = Phase::idle;
  bool down_ = false;
  std::optional<TimePoint> due_;         // of the phase
  std::optional<TimePoint> hold_until_;  // may end before the phase does
  std::deque<TimePoint> attempts_;       // within the window, oldest first
  int failures_ = 0;                     // in a row, in this episode
  Verdict verdict_ = Verdict::go;
  std::string finding_;  // of an examination, or why the last restart failed
  bool said_exhausted_ = false;
};

}  // namespace holdfast
