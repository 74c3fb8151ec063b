#include "parent/health.hpp"

#include "parent/message_ids.hpp"
#include "parent/text.hpp"

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

// How long results outlive the checker that found them: enough for its restart and a first look, too
// short for a dead nginx to stay unnoticed. A check that needs several good results gets the time for them.
constexpr Duration results_hold = std::chrono::seconds(3);

Duration hold_of(const CheckSpec& spec) { return results_hold + (spec.rise - 1) * spec.interval; }

// After a restart: how long a healthy check may take until it is up.
Duration settle_time(const CheckSpec& spec) {
  return std::chrono::seconds(1) + spec.rise * spec.interval + spec.timeout;
}

std::string restarted_thing(const RestartConfig& restart) {
  if (!restart.unit.empty()) return restart.unit;
  std::string text;
  for (const std::string& argument : restart.command) text += (text.empty() ? "" : " ") + argument;
  return "'" + one_line(text, 100) + "'";
}

}  // namespace

Health::Health(EventLoop& loop, Account script_account, Handlers handlers)
    : loop_(loop),
      script_account_(std::move(script_account)),
      handlers_(std::move(handlers)),
      timer_(loop, [this] { time_passed(); }),
      commands_(loop),
      units_(loop) {}

void Health::configure(const std::vector<std::pair<CheckId, CheckConfig>>& checks, bool by_reload) {
  std::map<CheckId, Record> next;
  for (const auto& [id, config] : checks) {
    const auto known = records_.find(id);
    const bool joins = known == records_.end();
    Record& record = next[id] = joins ? Record{} : std::move(known->second);
    if (joins) {
      record.since = loop_.now();
      record.joined_by_reload = by_reload;
      // Neutral until the first result, but not for ever.
      if (by_reload) record.expires = loop_.now() + hold_of(config.spec) + config.spec.interval + config.spec.timeout;
    }
    if (joins || record.config.restart != config.restart) {
      record.policy.reset();
      if (config.restart) record.policy.emplace(*config.restart, settle_time(config.spec));
    }
    record.script.account.reset();
    if (config.script && !config.script->user.empty()) record.script.account = find_account(config.script->user);
    record.config = config;
  }
  records_ = std::move(next);
  // A restart that a reload has just added to a check that is down is wanted now.
  for (auto& [id, record] : records_) {
    if (record.policy && record.status == CheckStatus::down) {
      perform(id, record, record.policy->on_down(false, loop_.now()));
    }
  }
  arm_timer();
}

// ---- results ----

void Health::on(const HealthChanged& message) {
  const auto found = records_.find(message.id);
  if (found == records_.end()) return;
  Record& record = found->second;
  record.expires.reset();
  record.had_result = record.had_result || message.status != CheckStatus::unknown;
  set_status(message.id, record, message.status, one_line(message.detail), message.at);
}

void Health::on(const CheckReport& message) {
  const auto found = records_.find(message.id);
  if (found == records_.end()) return;
  found->second.report = message;
  if (message.status == found->second.status) found->second.detail = one_line(message.detail);
}

void Health::checker_lost() {
  for (auto& [id, record] : records_) {
    if (!record.expires) record.expires = loop_.now() + hold_of(record.config.spec);
    record.script.waiting.reset();
  }
  arm_timer();
}

void Health::set_status(CheckId id, Record& record, CheckStatus status, const std::string& detail, TimePoint at) {
  const CheckStatus before = std::exchange(record.status, status);
  record.detail = detail;
  if (before != status) {
    record.since = std::clamp(at, TimePoint{}, loop_.now());
    say(status == CheckStatus::up ? LogLevel::notice : LogLevel::warning, message_id::health_changed, record,
        std::string(to_string(before)) + " -> " + to_string(status) + (detail.empty() ? "" : ": " + detail),
        {{"HOLDFAST_FROM", to_string(before)}, {"HOLDFAST_TO", to_string(status)}, {"HOLDFAST_REASON", detail}});
  }
  if (record.policy) {
    switch (status) {
      case CheckStatus::up: record.policy->on_up(); break;
      case CheckStatus::unknown: record.policy->on_unknown(); break;
      case CheckStatus::down:
        perform(id, record, record.policy->on_down(before == CheckStatus::up, loop_.now()));
        break;
    }
  }
  arm_timer();
  handlers_.changed();
}

CheckView Health::view(CheckId id) const {
  const Record& record = records_.at(id);
  if (!record.had_result && record.joined_by_reload) return {CheckView::Health::neutral, ""};
  switch (record.status) {
    case CheckStatus::up: return {CheckView::Health::up, record.detail};
    case CheckStatus::unknown: return {CheckView::Health::unknown, record.detail};
    case CheckStatus::down: break;
  }
  const bool held = record.policy && record.policy->holding();
  return {held ? CheckView::Health::held : CheckView::Health::down, record.detail};
}

Health::Summary Health::summary(CheckId id) const {
  const Record& record = records_.at(id);
  const std::string restart = record.policy ? record.policy->text(loop_.now()) : "";
  return {record.status,   record.since,       record.detail,          restart,
          record.restarts, record.report.runs, record.report.failures, record.report.latency};
}

// ---- restarts ----

void Health::perform(CheckId id, Record& record, const RestartPolicy::Actions& actions) {
  for (const RestartPolicy::Action action : actions) {
    switch (action) {
      case RestartPolicy::Action::start_restart: start_restart(id, record); break;
      case RestartPolicy::Action::probe_now: handlers_.tell_checker(ProbeNow{id}); break;
      case RestartPolicy::Action::report_exhausted:
        say(LogLevel::error, message_id::restarts_exhausted, record,
            "not restarted any more: " + record.policy->text(loop_.now()) + "; find out why it keeps dying");
        break;
    }
  }
}

void Health::start_restart(CheckId id, Record& record) {
  if (stopped_) return;
  const RestartConfig& restart = *record.config.restart;
  ++record.restarts;
  say(LogLevel::notice, message_id::restart_started, record,
      "restarting " + restarted_thing(restart) + ", attempt " + std::to_string(record.policy->attempts()) + " of " +
          std::to_string(restart.limit) +
          (record.policy->holding() ? "; the failover waits for it up to " + readable(restart.before_failover) : ""));
  if (!restart.unit.empty()) {
    units_.restart(restart.unit, restart.timeout, [this, id](const Status& status) { restart_finished(id, status); });
  } else {
    commands_.run({restart.command, Account{}, restart.timeout}, [this, id](const CommandResult& result) {
      restart_finished(id, result.ok() ? Status{} : Status{Error{result.text}});
    });
  }
}

void Health::restart_finished(CheckId id, const Status& outcome) {
  const auto found = records_.find(id);
  // A reload may have taken the check or its restart away, or given it another one.
  if (found == records_.end() || !found->second.policy || !found->second.policy->restarting()) return;
  Record& record = found->second;
  const std::string thing = restarted_thing(*record.config.restart);
  if (outcome) {
    say(LogLevel::notice, message_id::restart_succeeded, record, "restarted " + thing, {{"HOLDFAST_RESULT", "done"}});
  } else {
    const std::string why = one_line(outcome.error().text);
    say(LogLevel::error, message_id::restart_failed, record, "could not restart " + thing + ": " + why,
        {{"HOLDFAST_RESULT", "failed"}, {"HOLDFAST_REASON", why}});
  }
  perform(id, record, record.policy->on_finished(static_cast<bool>(outcome), loop_.now()));
  arm_timer();
  handlers_.changed();
}

// ---- scripts ----

bool Health::on(const RunScript& message) {
  const auto found = records_.find(message.id);
  if (found == records_.end()) return true;
  Record& record = found->second;
  if (!record.config.script) return false;
  if (stopped_) return true;
  // One run at a time; the checker has given the one in progress up when it asks again.
  if (commands_.alive(record.script.running))
    record.script.waiting = message.run;
  else
    start_script(message.id, record, message.run);
  return true;
}

void Health::start_script(CheckId id, Record& record, std::uint64_t run) {
  Script& script = record.script;
  script.run = run;
  if (script.account && !*script.account) {
    handlers_.tell_checker(ScriptFinished{id, run, false, script.account->error().text, Duration{}});
    return;
  }
  const CommandConfig& config = *record.config.script;
  const Duration timeout = config.timeout > Duration::zero() ? config.timeout : record.config.spec.timeout;
  script.running = commands_.run({config.argv, script.account ? **script.account : script_account_, timeout},
                                 [this, id, run](const CommandResult& result) { script_finished(id, run, result); });
}

void Health::script_finished(CheckId id, std::uint64_t run, const CommandResult& result) {
  const auto found = records_.find(id);
  if (found == records_.end() || stopped_) return;
  Record& record = found->second;
  handlers_.tell_checker(ScriptFinished{id, run, result.ok(), result.text, result.took});
  const auto waiting = std::exchange(record.script.waiting, std::nullopt);
  if (!waiting || !record.config.script) return;
  if (commands_.alive(record.script.running)) {
    handlers_.tell_checker(
        ScriptFinished{id, *waiting, false, "its last run still hangs and cannot be killed", Duration{}});
  } else {
    start_script(id, record, *waiting);
  }
}

// ---- time ----

void Health::time_passed() {
  const TimePoint now = loop_.now();
  for (auto& [id, record] : records_) {
    if (record.expires && *record.expires <= now) {
      record.expires.reset();
      record.joined_by_reload = false;
      if (record.status != CheckStatus::unknown) {
        set_status(id, record, CheckStatus::unknown, "the checker process gives no results", now);
      }
    }
    if (record.policy && !stopped_) perform(id, record, record.policy->on_time(now));
  }
  arm_timer();
  handlers_.changed();
}

void Health::arm_timer() {
  std::optional<TimePoint> next;
  const auto consider = [&next](const std::optional<TimePoint>& due) {
    if (due && (!next || *due < *next)) next = due;
  };
  for (const auto& [id, record] : records_) {
    consider(record.expires);
    if (record.policy && !stopped_) consider(record.policy->next_deadline());
  }
  if (next)
    timer_.arm(*next);
  else
    timer_.disarm();
}

void Health::say(LogLevel level, const char* message_id, const Record& record, const std::string& text,
                 std::vector<std::pair<const char*, std::string>> fields) {
  fields.emplace_back("HOLDFAST_CHECK", record.config.spec.name);
  handlers_.journal({level, "check " + record.config.spec.name + ": " + text, message_id, std::move(fields)});
}

}  // namespace holdfast
