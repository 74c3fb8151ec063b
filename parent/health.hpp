// What is known of the checks, and what is done about it: scripts run for the checker, restarts of what a
// check watches, results that age when the checker is gone. The policy itself is pure (restart_policy.hpp).
#pragma once

#include "common/config/model.hpp"
#include "common/event_loop.hpp"
#include "common/messages.hpp"
#include "parent/command_runner.hpp"
#include "parent/journal.hpp"
#include "parent/restart_policy.hpp"
#include "parent/tracking.hpp"
#include "parent/unit_restarter.hpp"

#include <functional>
#include <map>
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
    std::string restart;  // what goes on about a restart; may be empty
    std::uint64_t restarts = 0;
    std::uint64_t runs = 0;
    std::uint64_t failures = 0;
    Duration latency{};
  };

  // script_account: as whom scripts without a `user` run, neither child's user.
  Health(EventLoop& loop, Account script_account, Handlers handlers);

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
    std::optional<Result<Account>> account;
  };
  struct Record {
    CheckConfig config;
    CheckStatus status = CheckStatus::unknown;
    TimePoint since;
    std::string detail = "no result yet";
    bool had_result = false;
    bool joined_by_reload = false;
    std::optional<TimePoint> expires;  // set while no living checker vouches for the status
    std::optional<RestartPolicy> policy;
    std::uint64_t restarts = 0;
    Script script;
    CheckReport report;
  };

  void set_status(CheckId id, Record& record, CheckStatus status, const std::string& detail, TimePoint at);
  void perform(CheckId id, Record& record, const RestartPolicy::Actions& actions);
  void start_restart(CheckId id, Record& record);
  void restart_finished(CheckId id, const Status& outcome);
  void start_script(CheckId id, Record& record, std::uint64_t run);
  void script_finished(CheckId id, std::uint64_t run, const CommandResult& result);
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
  UnitRestarter units_;
  bool stopped_ = false;
};

}  // namespace holdfast
