// One check: what its results make of it, and when it is due again. Pure: time is an argument, actions are
// returned, and the shell performs them.
#pragma once

#include "common/check_config.hpp"
#include "common/messages.hpp"
#include "common/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// What a run of a probe, or an event that it saw between runs, says.
struct ProbeResult {
  bool good = false;
  std::string detail;  // a sentence without a full stop: "connect to 127.0.0.1:80: Connection refused"
  std::optional<Duration> took = std::nullopt;  // set where somebody measured better than "from start to finish"
};

// To be performed in this order.
struct CheckActions {
  bool cancel = false;                 // give the run in flight up; it must not report any more
  bool changed = false;                // the status is news to the parent
  std::optional<std::uint64_t> start;  // begin a run with this number; it may report before start returns
};

// The states of a check:
//
//              good                  `fall` bad results in a row, or one bad event
//   unknown ----------->   up   ------------------------------------------------------>   down
//      |                     <--------------------------------------------------------      ^
//      |                                    `rise` good results in a row                    |
//      +------------------------------------------------------------------------------------+
//                                            bad
//
// * unknown is "no result yet", and is not healthy. The first result, good or bad, decides by itself.
// * A bad event is the sight of a death, not a sample that may be a mistake: `fall` does not delay it.
// * A check that a reload changed begins anew, its next result decides, but until then it keeps the status
//   that it had: a new interval must not move an address.
//
// Times: the first run is due at once. The second follows after a part of an interval that differs from
// check to check, so that a thousand checks spread over it; from then on each run is due one interval after
// the last was *due*. Slots that passed while a run was in flight, or while the host slept, are skipped:
// there is never more than one run in flight. A run that has no result after the timeout is a bad result.
class Check {
 public:
  // What a check was before a reload changed it.
  struct Past {
    CheckStatus status = CheckStatus::unknown;
    TimePoint since;
    std::string detail;
  };

  // spec: interval and timeout are positive. phase: how much earlier than one interval after the first run
  // the second is due, below the interval. first_run: runs are numbered from here.
  Check(const CheckSpec& spec, TimePoint now, Duration phase, std::uint64_t first_run, const Past* past = nullptr);

  // When advance() must be called next.
  TimePoint due() const;

  // Time has passed. `waiting_for` completes the sentence of a timeout: "connecting to 127.0.0.1:80"; may be empty.
  CheckActions advance(TimePoint now, std::string_view waiting_for);
  // A run ended. Late and foreign run numbers are ignored.
  CheckActions finished(TimePoint now, std::uint64_t run, const ProbeResult& result);
  // The probe saw something between runs.
  CheckActions event(TimePoint now, const ProbeResult& result);
  // Look at once, or once more when the run in flight ends: that one may have looked too early.
  CheckActions probe_now(TimePoint now);

  CheckStatus status() const { return status_; }
  TimePoint since() const { return since_; }
  // The last result's sentence; with how far a change of status is, when one is under way.
  std::string detail() const;
  CheckReport report(CheckId id) const;
  Past past() const { return {status_, since_, detail_}; }

 private:
  CheckActions start(TimePoint now);
  void skip_passed_slots(TimePoint now);
  // Gives whether the parent has to hear of it.
  bool count(TimePoint now, const ProbeResult& result, std::uint32_t needed_to_fall);
  bool decide(TimePoint now, CheckStatus status);

  Duration interval_;
  Duration patience_;  // how long a run may take
  std::string late_text_;
  std::uint32_t rise_;
  std::uint32_t fall_;

  TimePoint next_run_;
  Duration phase_;  // used up by the first run
  std::uint64_t last_number_;
  std::optional<std::uint64_t> running_;
  TimePoint started_;
  bool again_ = false;  // probe_now() came while a run was in flight

  CheckStatus status_ = CheckStatus::unknown;
  TimePoint since_;
  std::string detail_ = "no result yet";
  bool decided_ = false;       // had a result of its own
  std::uint32_t against_ = 0;  // results in a row that contradict the status
  std::uint64_t runs_ = 0;     // results so far, events included
  std::uint64_t failures_ = 0;
  Duration latency_{};
};

// The phase for the check of this id: spreads the checks of one interval evenly, however many there are.
Duration phase_of(CheckId id, Duration interval);

// "1 s", "500 ms", "1.5 s"
std::string seconds_text(Duration duration);

}  // namespace holdfast
