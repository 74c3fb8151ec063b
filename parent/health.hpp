// What is known of the checks, and what is done about it: scripts run for the checker, restarts of what a
// check watches, results that age when the checker is gone, checks that flap. The policies themselves are pure
// (restart_policy.hpp, flap_damping.hpp).
#pragma once

#include "common/config/model.hpp"
#include "common/event_loop.hpp"
#include "common/messages.hpp"
#include "parent/command_runner.hpp"
#include "parent/flap_damping.hpp"
#include "parent/journal.hpp"
#include "parent/restart_policy.hpp"
#include "parent/systemd_units.hpp"
#include "parent/tracking.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace holdfast {

class Health {
 public:
  struct Handlers {
    std::function<void(const ParentToChecker&)> tell_checker;
    std::function<void()> changed;  // some view may have changed
    JournalSink journal;
  };

  // For status --json.
  struct Summary {
    CheckStatus status = CheckStatus::unknown;
    TimePoint since;
    std::string detail;
    std::string restart;                       // what goes on about a restart; may be empty
    std::optional<TimePoint> held_down_until;  // it is good but flaps
    std::uint64_t restarts = 0;
    std::uint64_t runs = 0;
    std::uint64_t failures = 0;
    Duration latency{};
  };

  // script_account: as whom scripts without a `user` run, neither child's user. units: see CommandRunner.
  Health(EventLoop& loop, SystemBus& bus, CommandLauncher* units, Account script_account, Handlers handlers);

  // The configured checks from now on; what is known of those that stay is kept. by_reload: new ones
  // are neutral until their first result.
  void configure(const std::vector<std::pair<CheckId, CheckConfig>>& checks, bool by_reload);
  // From now on nothing is restarted and no script is run: the daemon leaves.
  void stop() { stopped_ = true; }

  // From the checker. An id that is not configured (any more) is ignored: a reload may be under way.
  void on(const HealthChanged& message);
  void on(const CheckReport& message);
  // False when the check runs no script: the checker asks for what it can't have been told.
  bool on(const RunScript& message);
  // The checker died: results hold for a short time, then nothing is known.
  void checker_lost();

  CheckView view(CheckId id) const;
  Summary summary(CheckId id) const;

 private:
  struct Script {
    CommandRunner::RunId running = 0;
    std::uint64_t run = 0;                 // the checker's number of it
    std::optional<std::uint64_t> waiting;  // asked for while another one runs
    bool in_progress = false;              // `run` is not answered yet
    bool in_doubt = false;                 // nobody can say what became of the last one
    TimePoint asked;
    std::unique_ptr<Timer> again;  // after one in doubt
    std::optional<Result<Account>> account;
  };
  struct Record {
    CheckConfig config;
    CheckStatus found = CheckStatus::unknown;   // by the checker, as far as that may still be believed
    CheckStatus status = CheckStatus::unknown;  // what it counts as: down while it flaps
    TimePoint since;
    std::string detail = "no result yet";  // of what was found
    FlapDamping damping;
    bool fall_is_held = false;  // it went down, but the failover waits: that moved nothing yet
    bool had_result = false;
    bool joined_by_reload = false;
    std::optional<TimePoint> expires;  // set while no living checker vouches for the status
    std::optional<RestartPolicy> policy;
    std::unique_ptr<Timer> look_again;  // at the unit
    int looks = 0;
    std::string told_finding;  // what the journal has of an examination already
    std::uint64_t restarts = 0;
    Script script;
    CheckReport report;
  };

  void set_found(CheckId id, Record& record, CheckStatus found, const std::string& detail, TimePoint at);
  void settle_status(Record& record, TimePoint at);
  void count_fall(Record& record);
  std::string detail_of(const Record& record) const;
  void perform(CheckId id, Record& record, const RestartPolicy::Actions& actions);
  void examine(CheckId id, Record& record);
  void look_at_unit(CheckId id);
  void unit_seen(CheckId id, const Result<UnitState>& state);
  void test_configuration(CheckId id, Record& record);
  void examined(CheckId id, RestartPolicy::Verdict verdict, const std::string& finding);
  void start_restart(CheckId id, Record& record);
  void restart_finished(CheckId id, const Status& outcome);
  void tell_failed_unit(CheckId id, const Record& record, const std::string& why);
  void take_script_turn(CheckId id, Record& record, std::uint64_t run);
  void start_script(CheckId id, Record& record);
  void start_script_again(CheckId id);
  void script_finished(CheckId id, std::uint64_t run, const CommandResult& result);
  void answer_script(CheckId id, Record& record, bool ok, const std::string& text, Duration took);
  void time_passed();
  void arm_timer();
  void say(LogLevel level, const char* message_id, const Record& record, const std::string& text,
           std::vector<std::pair<const char*, std::string>> fields = {});

  EventLoop& loop_;
  Account script_account_;
  Handlers handlers_;
  std::map<CheckId, Record> records_;
  Timer timer_;
  CommandRunner commands_;
  SystemdUnits units_;
  bool stopped_ = false;
};

}  // namespace holdfast
