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

// How soon systemd has noticed, too, that a process of a unit died; and how long a stop may take, which may be the
// first half of a restart.
constexpr Duration look_again_pause = std::chrono::milliseconds(100);
constexpr int most_looks_while_active = 5;
constexpr int most_looks_while_stopping = 20;

constexpr Duration config_test_limit = std::chrono::seconds(10);
constexpr Duration unit_log_limit = std::chrono::seconds(2);

// A script of which nobody can say what became of it says nothing against what it checks: the bus or systemd was away
// for a moment. It is run again, for so long; the checker waits a little longer than that.
constexpr Duration doubt_limit = std::chrono::seconds(10);
constexpr Duration doubt_pause = std::chrono::milliseconds(250);

// What a configuration test complains of: its first line. Of nginx the first that is no mere warning, without the time
// and the process ids, which differ each time.
std::string complaint(std::string_view text) {
  constexpr std::string_view mark = "[emerg] ";
  const auto emergency = text.find(mark);
  if (emergency != std::string_view::npos) text.remove_prefix(emergency + mark.size());
  text = text.substr(0, text.find('\n'));
  const auto ids = text.find_first_not_of("0123456789#");
  if (emergency != std::string_view::npos && text.substr(std::min(ids, text.size())).starts_with(": ")) {
    text.remove_prefix(ids + 2);
  }
  return one_line(text, 300);
}

std::string restarted_thing(const RestartConfig& restart) {
  if (!restart.unit.empty()) return restart.unit;
  std::string text;
  for (const std::string& argument : restart.command) text += (text.empty() ? "" : " ") + argument;
  return "'" + one_line(text, 100) + "'";
}

}  // namespace

Health::Health(EventLoop& loop, SystemBus& bus, CommandLauncher* units, Account script_account, Handlers handlers)
    : loop_(loop),
      script_account_(std::move(script_account)),
      handlers_(std::move(handlers)),
      timer_(loop, [this] { time_passed(); }),
      commands_(loop, units),
      units_(loop, bus) {}

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
    record.damping.set_longest(config.damping);
    record.script.account.reset();
    if (config.script && !config.script->user.empty()) record.script.account = find_account(config.script->user);
    record.config = config;
  }
  records_ = std::move(next);
  // A restart that a reload has just added to a check that is down is wanted now.
  for (auto& [id, record] : records_) {
    if (record.policy && record.found == CheckStatus::down) {
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
  set_found(message.id, record, message.status, one_line(message.detail), message.at);
}

void Health::on(const CheckReport& message) {
  const auto found = records_.find(message.id);
  if (found == records_.end()) return;
  found->second.report = message;
  if (message.status == found->second.found) found->second.detail = one_line(message.detail);
}

void Health::checker_lost() {
  for (auto& [id, record] : records_) {
    if (!record.expires) record.expires = loop_.now() + hold_of(record.config.spec);
    record.script.waiting.reset();
  }
  arm_timer();
}

void Health::set_found(CheckId id, Record& record, CheckStatus found, const std::string& detail, TimePoint at) {
  const bool counted_as_up = record.status == CheckStatus::up;
  record.found = found;
  record.detail = detail;
  settle_status(record, at);
  if (record.policy) {
    switch (found) {
      case CheckStatus::up:
        record.policy->on_up();
        record.told_finding.clear();
        break;
      case CheckStatus::unknown: record.policy->on_unknown(); break;
      case CheckStatus::down: perform(id, record, record.policy->on_down(counted_as_up, loop_.now())); break;
    }
  }
  count_fall(record);
  arm_timer();
  handlers_.changed();
}

// The only place that changes what a check counts as.
void Health::settle_status(Record& record, TimePoint at) {
  const TimePoint now = loop_.now();
  const bool held_down = record.found == CheckStatus::up && record.damping.holds(now);
  const CheckStatus status = held_down ? CheckStatus::down : record.found;
  const CheckStatus before = std::exchange(record.status, status);
  if (before == status) return;
  record.since = std::clamp(at, TimePoint{}, now);
  if (status == CheckStatus::up) record.damping.on_up(now);
  record.fall_is_held = before == CheckStatus::up && status == CheckStatus::down;
  const std::string detail = detail_of(record);
  say(status == CheckStatus::up ? LogLevel::notice : LogLevel::warning, message_id::health_changed, record,
      std::string(to_string(before)) + " -> " + to_string(status) + (detail.empty() ? "" : ": " + detail),
      {{"HOLDFAST_FROM", to_string(before)}, {"HOLDFAST_TO", to_string(status)}, {"HOLDFAST_REASON", detail}});
}

// A fall that the failover does not wait for, or not any more, moved the address.
void Health::count_fall(Record& record) {
  if (!record.fall_is_held || (record.policy && record.policy->holding())) return;
  record.fall_is_held = false;
  record.damping.on_down(loop_.now());
}

std::string Health::detail_of(const Record& record) const {
  const TimePoint now = loop_.now();
  if (record.status != CheckStatus::down || !record.damping.holds(now)) return record.detail;
  return record.detail + (record.found == CheckStatus::up ? ", but it " : "; it ") + record.damping.text(now);
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
  // The time that it is still held down is left out: who quotes this does not ask again.
  if (record.found == CheckStatus::up) return {CheckView::Health::flapping, record.detail};
  return {held ? CheckView::Health::held : CheckView::Health::down, record.detail};
}

Health::Summary Health::summary(CheckId id) const {
  const Record& record = records_.at(id);
  const std::string restart = record.policy ? record.policy->text(loop_.now()) : "";
  const bool held_down = record.status == CheckStatus::down && record.damping.holds(loop_.now());
  return {.status = record.status,
          .since = record.since,
          .detail = detail_of(record),
          .restart = restart,
          .held_down_until = held_down ? std::optional(record.damping.held_until()) : std::nullopt,
          .restarts = record.restarts,
          .runs = record.report.runs,
          .failures = record.report.failures,
          .latency = record.report.latency};
}

// ---- restarts ----

void Health::perform(CheckId id, Record& record, const RestartPolicy::Actions& actions) {
  for (const RestartPolicy::Action action : actions) {
    switch (action) {
      case RestartPolicy::Action::examine: examine(id, record); break;
      case RestartPolicy::Action::start_restart: start_restart(id, record); break;
      case RestartPolicy::Action::probe_now: handlers_.tell_checker(ProbeNow{id}); break;
      case RestartPolicy::Action::report_exhausted:
        say(LogLevel::error, message_id::restarts_exhausted, record,
            "not restarted any more: " + record.policy->text(loop_.now()) + "; find out why it keeps dying");
        break;
    }
  }
}

// Would a restart be of use? Answers by examined(), from the loop.
void Health::examine(CheckId id, Record& record) {
  if (stopped_) return;
  record.looks = 0;
  if (record.config.restart->when == RestartConfig::When::crashed)
    look_at_unit(id);
  else
    test_configuration(id, record);
}

void Health::look_at_unit(CheckId id) {
  const auto found = records_.find(id);
  if (stopped_ || found == records_.end() || !found->second.policy || !found->second.policy->examining()) return;
  units_.ask(found->second.config.restart->unit, [this, id](const Result<UnitState>& state) { unit_seen(id, state); });
}

void Health::unit_seen(CheckId id, const Result<UnitState>& state) {
  const auto found = records_.find(id);
  if (found == records_.end() || !found->second.policy || !found->second.policy->examining()) return;
  Record& record = found->second;
  const std::string& unit = record.config.restart->unit;
  const int most_looks = !state || state->result != "success" ? 0
                         : state->active == "active"          ? most_looks_while_active
                         : state->active == "deactivating"    ? most_looks_while_stopping
                                                              : 0;
  if (++record.looks < most_looks) {
    record.look_again = std::make_unique<Timer>(loop_, [this, id] { look_at_unit(id); });
    record.look_again->arm(loop_.now() + look_again_pause);
    return;
  }
  // A crash leaves its result from the moment that systemd sees it.
  const bool is_stopped = state && (state->active == "inactive" || state->active == "deactivating");
  if (is_stopped && state->result == "success" && state->load != "not-found") {
    examined(id, RestartPolicy::Verdict::stopped_on_purpose, unit + " was stopped on purpose");
  } else {
    test_configuration(id, record);
  }
}

void Health::test_configuration(CheckId id, Record& record) {
  const RestartConfig& restart = *record.config.restart;
  if (restart.config_test.empty()) return examined(id, RestartPolicy::Verdict::go, "");
  commands_.run({restart.config_test, Account{}, std::min(restart.timeout, config_test_limit)},
                [this, id](const CommandResult& result) {
                  // Only its own "no" counts: a test that can't be run says nothing.
                  const bool broken = result.outcome == CommandResult::Outcome::exited && result.code != 0;
                  examined(id, broken ? RestartPolicy::Verdict::broken_configuration : RestartPolicy::Verdict::go,
                           broken ? "the configuration is broken: " + complaint(result.output) : "");
                });
}

void Health::examined(CheckId id, RestartPolicy::Verdict verdict, const std::string& finding) {
  const auto found = records_.find(id);
  if (stopped_ || found == records_.end() || !found->second.policy || !found->second.policy->examining()) return;
  Record& record = found->second;
  if (verdict != RestartPolicy::Verdict::go && record.told_finding != finding) {
    const bool broken = verdict == RestartPolicy::Verdict::broken_configuration;
    say(broken ? LogLevel::error : LogLevel::notice, message_id::restart_refused, record,
        "not restarting " + restarted_thing(*record.config.restart) + ": " + finding,
        {{"HOLDFAST_RESULT", broken ? "broken_configuration" : "stopped_on_purpose"}, {"HOLDFAST_REASON", finding}});
  }
  record.told_finding = finding;
  perform(id, record, record.policy->on_examined(verdict, finding, loop_.now()));
  count_fall(record);
  arm_timer();
  handlers_.changed();
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
    Command command{restart.command, Account{}, restart.timeout};
    command.starts_daemon = true;
    commands_.run(std::move(command), [this, id](const CommandResult& result) {
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
  } else if (!record.config.restart->unit.empty()) {
    tell_failed_unit(id, record, one_line(outcome.error().text));
  } else {
    const std::string why = one_line(outcome.error().text);
    say(LogLevel::error, message_id::restart_failed, record, "could not restart " + thing + ": " + why,
        {{"HOLDFAST_RESULT", "failed"}, {"HOLDFAST_REASON", why}});
  }
  perform(id, record,
          record.policy->on_finished(static_cast<bool>(outcome), loop_.now(),
                                     outcome ? "" : one_line(outcome.error().text, 200)));
  count_fall(record);
  arm_timer();
  handlers_.changed();
}

// With what systemd and the unit itself have to say: which takes a moment, and nothing waits for it.
void Health::tell_failed_unit(CheckId id, const Record& record, const std::string& why) {
  const std::string unit = record.config.restart->unit;
  const std::string check = record.config.spec.name;
  units_.ask(unit, [this, id, unit, check, why](const Result<UnitState>& state) {
    const std::string result = state ? state->result : "";
    const auto tell = [this, id, unit, check, why, result](const std::string& log) {
      // Up by itself meanwhile: that is no alarm any more.
      const auto found = records_.find(id);
      const bool is_over = found != records_.end() && found->second.found == CheckStatus::up;
      std::string text = "check " + check + ": could not restart " + unit + ": " + why;
      if (!result.empty() && result != "success") text += " (result: " + result + ")";
      if (!log.empty()) text += "; its last lines: " + one_line(log, 600);
      handlers_.journal({LogLevel::error,
                         text,
                         is_over ? nullptr : message_id::restart_failed,
                         {{"HOLDFAST_CHECK", check},
                          {"HOLDFAST_RESULT", "failed"},
                          {"HOLDFAST_REASON", why},
                          {"HOLDFAST_UNIT_RESULT", result},
                          {"HOLDFAST_UNIT_LOG", log}}});
    };
    if (stopped_) return tell("");
    commands_.run({{"journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=3", "_SYSTEMD_UNIT=" + unit},
                   Account{},
                   unit_log_limit},
                  [tell](const CommandResult& log) { tell(log.ok() ? log.output : ""); });
  });
}

// ---- scripts ----

bool Health::on(const RunScript& message) {
  const auto found = records_.find(message.id);
  if (found == records_.end()) return true;
  Record& record = found->second;
  if (!record.config.script) return false;
  if (stopped_) return true;
  // One run at a time; the checker has given the one in progress up when it asks again.
  if (record.script.in_progress && commands_.alive(record.script.running))
    record.script.waiting = message.run;
  else
    take_script_turn(message.id, record, message.run);
  return true;
}

// The last run is over, as far as it ever will be.
void Health::take_script_turn(CheckId id, Record& record, std::uint64_t run) {
  Script& script = record.script;
  script.run = run;
  script.in_progress = true;
  script.asked = loop_.now();
  if (!commands_.alive(script.running)) return start_script(id, record);
  if (script.in_doubt) return start_script_again(id);
  answer_script(id, record, false, "its last run still hangs and cannot be killed", Duration{});
}

void Health::start_script(CheckId id, Record& record) {
  Script& script = record.script;
  script.again.reset();
  if (script.account && !*script.account) {
    return answer_script(id, record, false, script.account->error().text, Duration{});
  }
  const CommandConfig& config = *record.config.script;
  const Duration timeout = config.timeout > Duration::zero() ? config.timeout : record.config.spec.timeout;
  script.running =
      commands_.run({config.argv, script.account ? **script.account : script_account_, timeout},
                    [this, id, run = script.run](const CommandResult& result) { script_finished(id, run, result); });
}

void Health::start_script_again(CheckId id) {
  const auto found = records_.find(id);
  if (found == records_.end() || stopped_ || !found->second.config.script || !found->second.script.in_progress) return;
  Record& record = found->second;
  Script& script = record.script;
  if (!commands_.alive(script.running)) return start_script(id, record);
  if (loop_.now() - script.asked >= doubt_limit) {
    return answer_script(id, record, false, "systemd does not say what became of its last run", Duration{});
  }
  if (!script.again) script.again = std::make_unique<Timer>(loop_, [this, id] { start_script_again(id); });
  script.again->arm(loop_.now() + doubt_pause);
}

void Health::script_finished(CheckId id, std::uint64_t run, const CommandResult& result) {
  const auto found = records_.find(id);
  if (found == records_.end() || stopped_ || found->second.script.run != run) return;
  Record& record = found->second;
  Script& script = record.script;
  script.in_doubt = result.outcome == CommandResult::Outcome::unknown;
  const auto waiting = std::exchange(script.waiting, std::nullopt);
  if (script.in_doubt && !waiting && record.config.script && loop_.now() - script.asked < doubt_limit) {
    script.again = std::make_unique<Timer>(loop_, [this, id] { start_script_again(id); });
    return script.again->arm(loop_.now() + doubt_pause);
  }
  answer_script(id, record, result.ok(), result.text, result.took);
  if (waiting && record.config.script) take_script_turn(id, record, *waiting);
}

void Health::answer_script(CheckId id, Record& record, bool ok, const std::string& text, Duration took) {
  record.script.in_progress = false;
  handlers_.tell_checker(ScriptFinished{id, record.script.run, ok, text, took});
}

// ---- time ----

void Health::time_passed() {
  const TimePoint now = loop_.now();
  for (auto& [id, record] : records_) {
    if (record.expires && *record.expires <= now) {
      record.expires.reset();
      record.joined_by_reload = false;
      if (record.found != CheckStatus::unknown) {
        set_found(id, record, CheckStatus::unknown, "the checker process gives no results", now);
      }
    }
    if (record.found == CheckStatus::up) settle_status(record, now);  // it may have been held down until now
    if (record.policy && !stopped_) perform(id, record, record.policy->on_time(now));
    count_fall(record);
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
    if (record.found == CheckStatus::up && record.status != CheckStatus::up) consider(record.damping.held_until());
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
