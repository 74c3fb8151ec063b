#include "parent/supervisor.hpp"

#include "common/ip_text.hpp"
#include "parent/config_changes.hpp"
#include "parent/message_ids.hpp"
#include "parent/text.hpp"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace holdfast {
namespace {

// How long a child may leave a Ping unanswered before it is killed. The VRRP child holds the address: one that hangs
// is gone within a second, since its silence shows at the next tick of the heartbeat. The checker may be slow in a
// name lookup without harm.
constexpr Duration vrrp_answer_limit = std::chrono::milliseconds(600);
constexpr Duration checker_answer_limit = std::chrono::seconds(5);

// A VRRP child that dies this often can't be helped; systemd or a person must decide.
constexpr std::size_t most_vrrp_deaths = 5;
constexpr Duration vrrp_death_window = std::chrono::seconds(30);

// The kernel takes its time for the device of a virtual MAC, and all of them may be made in one go.
constexpr Duration limit_per_virtual_mac = std::chrono::milliseconds(20);

constexpr Duration start_limit = std::chrono::seconds(20);
constexpr Duration reload_limit = std::chrono::seconds(10);
constexpr Duration leave_limit = std::chrono::seconds(2);  // beyond the time that a handover may take
constexpr Duration report_limit = std::chrono::milliseconds(500);

std::vector<std::string> lines_of(const std::vector<Diagnostic>& diagnostics, Diagnostic::Severity severity) {
  std::vector<std::string> lines;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity == severity) lines.push_back(to_string(diagnostic));
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "; ") + line;
  return text;
}

// What a change of fitness means, beside the priority.
const char* fitness_note(Fitness before, Fitness now) {
  switch (now) {
    case Fitness::demoted: return ", demoted";
    case Fitness::faulted: return ", gives its addresses up";
    case Fitness::draining: return ", hands its addresses over";
    case Fitness::drained: return ", stays away";
    case Fitness::fit: break;
  }
  if (before >= Fitness::draining) return ", takes part";
  return before == Fitness::fit ? "" : ", fit again";
}

Account account_of(const UserIds& user) { return {user.uid, user.gid, {}}; }

}  // namespace

Supervisor::Supervisor(EventLoop& loop, Setup setup)
    : loop_(loop),
      service_manager_(loop),
      bus_(loop),
      units_(setup.command_program.binary
                 ? std::make_unique<UnitCommands>(loop, bus_, std::move(setup.command_program.binary))
                 : nullptr),
      notifier_(loop, {account_of(setup.users.scripts), account_of(setup.users.notifier),
                       std::move(setup.notify_program), setup.journal, units_.get()}),
      journal_([this, sink = std::move(setup.journal)](JournalEntry entry) {
        notifier_.on(entry);
        sink(std::move(entry));
      }),
      config_file_(std::move(setup.config_file)),
      load_(std::move(setup.load)),
      runtime_at_start_(setup.config.runtime),
      started_(loop.now()),
      counting_since_(started_),
      vrrp_(loop, std::move(setup.vrrp_program), {setup.users.vrrp, {CAP_NET_ADMIN, CAP_NET_RAW}, true},
            vrrp_answer_limit,
            {[this](VrrpToParent&& message) {
               std::visit([this](auto&& m) { on_vrrp(std::move(m)); }, std::move(message));
             },
             [this](const Vrrp::End& end) { vrrp_ended(end); }}),
      checker_(loop, std::move(setup.checker_program), {setup.users.checker, {}, false}, checker_answer_limit,
               {[this](CheckerToParent&& message) {
                  std::visit([this](auto&& m) { on_checker(std::move(m)); }, std::move(message));
                },
                [this](const Checker::End& end) { checker_ended(end); }}),
      vrrp_deaths_(most_vrrp_deaths, vrrp_death_window),
      health_(loop, bus_, units_.get(), account_of(setup.users.scripts),
              {[this](const ParentToChecker& message) { checker_.send(message); }, [this] { update_standings(); },
               journal_}),
      drains_(loop, setup.drain_record, std::move(setup.drained), {[this] { update_standings(); }, journal_}),
      conflict_timer_(loop, [this] { watch_conflicts(); }),
      deadline_(loop, [this] { deadline_passed(); }),
      after_turn_(loop, [this] { update_status_sentence(); }) {
  if (!setup.users.notice.empty()) say(LogLevel::notice, setup.users.notice);
  adopt(std::move(setup.config), false);
}

void Supervisor::start() {
  std::uint64_t watchdog_us = 0;
  if (sd_watchdog_enabled(0, &watchdog_us) > 0) service_manager_.keep_alive(std::chrono::microseconds(watchdog_us));
  deadline_.arm(loop_.now() + start_limit);
  vrrp_.start();
  checker_.start();
}

void Supervisor::stop(const std::string& why) {
  if (phase_ == Phase::stopping) return;
  say(LogLevel::notice, "stopping: " + why, message_id::stopping);
  leave(EXIT_SUCCESS);
}

// A last VRRP process takes over what is left, only to hand it over. Should it die as well, the lease remains.
void Supervisor::give_up(const std::string& why) {
  say(LogLevel::error,
      "giving up: " + why +
          "; one more is started to hand the addresses over, and if that fails the kernel removes them when their "
          "lease ends",
      message_id::stopping);
  gives_up_ = why;
  service_manager_.tell("ERRNO=" + std::to_string(ECHILD));
  vrrp_.start();
  leave(EXIT_FAILURE);
}

// ---- from the VRRP child ----

void Supervisor::on_vrrp(ChildReady&& message) {
  if (!vrrp_.on(std::move(message))) return vrrp_.kill("it said twice that it is ready");
  if (phase_ == Phase::stopping) {
    if (gives_up_) configure_vrrp();
    return vrrp_.send(Shutdown{});
  }
  say(LogLevel::info, "VRRP process " + std::to_string(vrrp_.pid()) + " runs as " + display_name(vrrp_.user()),
      message_id::child_started, {{"HOLDFAST_PROCESS", "vrrp"}});
  configure_vrrp();
}

void Supervisor::on_vrrp(ConfigApplied&& message) {
  if (message.generation > generation_ || message.generation <= vrrp_generation_) {
    return vrrp_.kill("it applied a configuration that it was not given");
  }
  vrrp_generation_ = message.generation;
  check_applied();
}

void Supervisor::on_vrrp(StateChanged&& message) {
  if (!instance_ids_.knows(message.id)) return vrrp_.kill("it named an instance that does not exist");
  const std::string& name = instance_ids_.name_of(message.id);
  const std::string reason = one_line(message.reason);
  std::vector<std::pair<const char*, std::string>> fields{
      {"HOLDFAST_INSTANCE", name},
      {"HOLDFAST_FROM", to_string(message.from)},
      {"HOLDFAST_TO", to_string(message.to)},
      {"HOLDFAST_REASON", reason},
      {"HOLDFAST_PRIORITY", std::to_string(message.priority.value)},
  };
  // An instance that a reload has just removed says its last word after that.
  const auto found = instances_.find(message.id);
  if (found != instances_.end()) {
    Instance& instance = found->second;
    instance.state = message.to;
    instance.since = std::clamp(message.at, TimePoint{}, loop_.now());
    instance.reason = reason;
    instance.was_active_at.reset();
    fields.emplace_back("HOLDFAST_VRID", std::to_string(instance.config.router.vrid.value));
  }
  say(message.to == InstanceState::fault ? LogLevel::warning : LogLevel::notice,
      name + ": " + to_string(message.from) + " -> " + to_string(message.to) + ": " + reason, message_id::transition,
      std::move(fields));
}

void Supervisor::on_vrrp(DrainEnded&& message) {
  const auto found = instances_.find(message.id);
  if (found != instances_.end()) {
    drains_.ended(instance_ids_.name_of(message.id), message.away, found->second.reason);
  } else if (!instance_ids_.knows(message.id)) {
    vrrp_.kill("it named an instance that does not exist");
  }
}

void Supervisor::on_vrrp(ConflictSeen&& message) {
  if (!instance_ids_.knows(message.id)) return vrrp_.kill("it named an instance that does not exist");
  const std::string& name = instance_ids_.name_of(message.id);
  const std::string text = one_line(message.text);
  const bool is_new = !instances_.contains(message.id) || conflicts_.seen(message.id, text);
  conflict_timer_.arm(loop_.now() + ConflictWatch::interval);
  say(LogLevel::warning, name + ": " + text, message_id::conflict,
      {{"HOLDFAST_INSTANCE", name},
       {"HOLDFAST_PEER", to_string(message.peer)},
       {"HOLDFAST_REASON", text},
       {"HOLDFAST_REPEATED", is_new ? "no" : "yes"}});
}

void Supervisor::on_vrrp(InterfaceChanged&& message) {
  if (!interfaces_.knows(message.name)) return vrrp_.kill("it reported an interface that nobody asked for");
  const std::string detail = one_line(message.detail);
  if (const auto change = interfaces_.report(message.name, message.up, detail)) {
    say(change->to == CheckStatus::up ? LogLevel::notice : LogLevel::warning,
        "interface " + message.name + ": " + to_string(change->from) + " -> " + to_string(change->to) +
            (detail.empty() ? "" : ": " + detail),
        message_id::interface_changed,
        {{"HOLDFAST_INTERFACE", message.name},
         {"HOLDFAST_FROM", to_string(change->from)},
         {"HOLDFAST_TO", to_string(change->to)},
         {"HOLDFAST_REASON", detail}});
  }
  update_standings();
}

void Supervisor::on_vrrp(InstanceReport&& message) {
  if (!instance_ids_.knows(message.id)) return vrrp_.kill("it reported an instance that does not exist");
  const auto found = instances_.find(message.id);
  if (found == instances_.end()) return;
  // A state may last while its reason changes: down at first, then unplugged.
  if (message.state == found->second.state) found->second.reason = one_line(message.reason);
  if (const auto end = conflicts_.reported(message)) conflict_over(message, *end);
  found->second.report = std::move(message);
}

void Supervisor::watch_conflicts() {
  if (!conflicts_.any()) return;
  vrrp_.send(RequestReports{++last_serial_});
  conflict_timer_.arm(loop_.now() + ConflictWatch::interval);
}

void Supervisor::conflict_over(const InstanceReport& report, const ConflictWatch::End& end) {
  const std::string& name = instance_ids_.name_of(report.id);
  const bool won = end.contested && end.active;
  say(LogLevel::notice, name + ": the conflict is over" + (won ? ", and this host is still active" : ""),
      message_id::conflict_over, {{"HOLDFAST_INSTANCE", name}, {"HOLDFAST_RESULT", won ? "won" : "over"}});
}

void Supervisor::on_vrrp(GlobalReport&& message) {
  statistics_ = message.statistics;
  counting_since_ = vrrp_.started();
}

void Supervisor::on_vrrp(ReportsDone&& message) {
  if (message.serial > last_serial_) return vrrp_.kill("it answered a question that nobody asked");
  reports_done(message.serial, &StatusWait::vrrp);
}

void Supervisor::on_vrrp(Pong&& message) {
  if (!vrrp_.on(message)) vrrp_.kill("it answered a heartbeat that was not sent");
}

void Supervisor::on_vrrp(Logged&& message) { relay("vrrp", message, vrrp_log_); }

void Supervisor::vrrp_ended(const Vrrp::End& end) {
  vrrp_generation_ = 0;
  for (auto& [id, instance] : instances_) {
    if (instance.state == InstanceState::active) instance.was_active_at = end.alive_until;
    instance.state = InstanceState::initialize;
    instance.since = loop_.now();
    instance.reason = "the VRRP process " + end.why;
  }
  nobody_reports(&StatusWait::vrrp);
  conflicts_ = {};  // what is left of them its successor tells anew
  drains_.cancel(phase_ == Phase::stopping ? "the daemon stops" : "the VRRP process died meanwhile");
  if (phase_ == Phase::stopping) return stop_if_alone();
  update_standings();
  say_child_ended("vrrp", end.why, Duration::zero());
  if (vrrp_deaths_.count(loop_.now())) {
    return give_up("the VRRP process died " + std::to_string(most_vrrp_deaths) + " times within " +
                   readable(vrrp_death_window));
  }
  vrrp_.restart_after(Duration::zero());
}

// ---- from the checker ----

void Supervisor::on_checker(ChildReady&& message) {
  if (!checker_.on(std::move(message))) return checker_.kill("it said twice that it is ready");
  if (phase_ == Phase::stopping) return checker_.send(Shutdown{});
  say(LogLevel::info, "checker process " + std::to_string(checker_.pid()) + " runs as " + display_name(checker_.user()),
      message_id::child_started, {{"HOLDFAST_PROCESS", "checker"}});
  checker_rights_ = checker_rights_needed();
  configure_checker();
}

void Supervisor::on_checker(ConfigApplied&& message) {
  if (message.generation > generation_ || message.generation <= checker_generation_) {
    return checker_.kill("it applied a configuration that it was not given");
  }
  checker_generation_ = message.generation;
  check_applied();
}

void Supervisor::on_checker(HealthChanged&& message) {
  if (!checker_news_.allow(loop_.now())) return checker_.kill("it reported more changes than its checks can have");
  if (!check_ids_.knows(message.id)) return checker_.kill("it named a check that does not exist");
  health_.on(message);
}

void Supervisor::on_checker(RunScript&& message) {
  if (!check_ids_.knows(message.id)) return checker_.kill("it asked for the script of a check that does not exist");
  if (!health_.on(message)) {
    checker_.kill("it asked for a script of check " + check_ids_.name_of(message.id) + ", which has none");
  }
}

void Supervisor::on_checker(CheckReport&& message) {
  if (!check_ids_.knows(message.id)) return checker_.kill("it reported a check that does not exist");
  health_.on(message);
}

void Supervisor::on_checker(ReportsDone&& message) {
  if (message.serial > last_serial_) return checker_.kill("it answered a question that nobody asked");
  reports_done(message.serial, &StatusWait::checker);
}

void Supervisor::on_checker(Pong&& message) {
  if (!checker_.on(message)) checker_.kill("it answered a heartbeat that was not sent");
}

void Supervisor::on_checker(Logged&& message) { relay("checker", message, checker_log_); }

void Supervisor::checker_ended(const Checker::End& end) {
  checker_generation_ = 0;
  nobody_reports(&StatusWait::checker);
  if (phase_ == Phase::stopping) return stop_if_alone();
  health_.checker_lost();
  if (std::exchange(checker_replaced_, false)) return checker_.replace_after(Duration::zero());
  const Duration pause = checker_pace_.pause_after(end.lifetime);
  say_child_ended("checker", end.why, pause);
  checker_.restart_after(pause);
}

// ---- configuration ----

// Puts a configuration in force here; the children get it when they are told.
void Supervisor::adopt(Config config, bool by_reload) {
  drains_.cancel("the configuration was reloaded meanwhile");
  config_ = std::move(config);
  config_loaded_ = loop_.now();
  ++generation_;
  const auto checks_count = static_cast<double>(config_.checks.size());
  checker_news_ = RateLimit(100 + 10 * checks_count, 20 + 2 * checks_count);

  std::vector<std::pair<CheckId, CheckConfig>> checks;
  for (const CheckConfig& check : config_.checks) checks.emplace_back(check_ids_.id_of(check.spec.name), check);
  health_.configure(checks, by_reload);
  interfaces_.configure(config_.instances, by_reload);
  notifier_.configure(config_);

  std::map<InstanceId, Instance> next;
  for (const InstanceConfig& config_of_instance : config_.instances) {
    const InstanceId id = instance_ids_.id_of(config_of_instance.router.name);
    const auto known = instances_.find(id);
    Instance& instance = next[id] = known == instances_.end() ? Instance{} : std::move(known->second);
    if (known == instances_.end()) instance.since = loop_.now();
    instance.config = config_of_instance;
    instance.standing = standing_of_instance(config_of_instance);
  }
  instances_ = std::move(next);
  conflicts_.keep([this](InstanceId id) { return instances_.contains(id); });
}

void Supervisor::configure_vrrp() {
  const auto virtual_macs =
      std::ranges::count_if(instances_, [](const auto& entry) { return entry.second.config.router.virtual_mac; });
  vrrp_.set_answer_limit(vrrp_answer_limit + virtual_macs * limit_per_virtual_mac);
  vrrp_.send(BeginConfig{generation_});
  for (const auto& [id, instance] : instances_) {
    std::optional<InstanceId> leader;
    if (!instance.config.leader.empty()) leader = instance_ids_.number_of(instance.config.leader);
    vrrp_.send(ConfigureInstance{id, instance.config.router, instance.standing, instance.was_active_at, leader});
  }
  for (const auto& [name, interface] : interfaces_.all()) vrrp_.send(WatchInterface{name});
  vrrp_.send(CommitConfig{generation_});
}

CheckerRights Supervisor::checker_rights_needed() const {
  std::vector<CheckSpec> specs;
  for (const CheckConfig& check : config_.checks) specs.push_back(check.spec);
  return rights_needed(specs);
}

// A checker can't regain what it gave up: where a reload asks for more, another one takes its place.
void Supervisor::configure_checker() {
  if (checker_.ready() && !checker_rights_.cover(checker_rights_needed())) {
    checker_replaced_ = true;
    say(LogLevel::info, "the checks need other files or sockets than before: another checker process takes over");
    return checker_.kill("the checks need other files or sockets than before");
  }
  checker_.send(BeginConfig{generation_});
  for (const CheckConfig& check : config_.checks) {
    checker_.send(ConfigureCheck{check_ids_.number_of(check.spec.name), check.spec});
  }
  checker_.send(CommitConfig{generation_});
}

bool Supervisor::applied_everywhere() const {
  return vrrp_generation_ == generation_ && checker_generation_ == generation_;
}

void Supervisor::check_applied() {
  if (!applied_everywhere()) return;
  if (phase_ == Phase::starting) {
    phase_ = Phase::running;
    deadline_.disarm();
    say(LogLevel::notice,
        "holdfastd " HOLDFAST_VERSION " runs on node " + config_.node + " with " + config_file_ + ": " +
            counted(config_.instances.size(), "instance") + ", " + counted(config_.checks.size(), "check"),
        message_id::started);
    service_manager_.tell("READY=1");
    next_reload();
  } else if (reload_) {
    finish_reload();
  }
}

void Supervisor::reload(std::function<void(const ReloadAnswer&)> answer) {
  if (phase_ == Phase::stopping) return answer({false, {}, {}, {"the daemon is stopping"}});
  if (phase_ == Phase::starting || reload_)
    waiting_reloads_.push_back(std::move(answer));
  else
    reload_now(std::move(answer));
}

ReloadAnswer Supervisor::prepare(const LoadedConfig& loaded) const {
  ReloadAnswer prepared;
  prepared.ok = loaded.config.has_value();
  prepared.warnings = lines_of(loaded.diagnostics, Diagnostic::Severity::warning);
  prepared.errors = lines_of(loaded.diagnostics, Diagnostic::Severity::error);
  if (!loaded.config) return prepared;
  prepared.changes = describe_changes(config_, *loaded.config);
  if (loaded.config->runtime.vrrp_user != runtime_at_start_.vrrp_user ||
      loaded.config->runtime.checker_user != runtime_at_start_.checker_user) {
    prepared.warnings.push_back("runtime.users takes effect at the next start of the daemon");
  }
  return prepared;
}

ReloadAnswer Supervisor::plan_reload() const { return prepare(load_()); }

void Supervisor::reload_now(std::function<void(const ReloadAnswer&)> answer) {
  service_manager_.tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(loop_.now().time_since_epoch().count()));
  LoadedConfig loaded = load_();
  ReloadAnswer prepared = prepare(loaded);
  for (const std::string& line : prepared.warnings) say(LogLevel::warning, line);

  if (!loaded.config) {
    config_error_ = joined(prepared.errors);
    for (const std::string& line : prepared.errors) say(LogLevel::error, line);
    say(LogLevel::error,
        "reload failed: " + counted(prepared.errors.size(), "problem") + " in " + config_file_ +
            "; the configuration in force stays",
        message_id::reload_failed, {{"HOLDFAST_REASON", *config_error_}});
    service_manager_.tell("READY=1");
    return answer(prepared);
  }

  config_error_.reset();
  adopt(std::move(*loaded.config), true);
  reload_ = ReloadWait{std::move(answer), std::move(prepared)};
  deadline_.arm(loop_.now() + reload_limit);
  configure_vrrp();
  configure_checker();
}

void Supervisor::finish_reload() {
  deadline_.disarm();
  ReloadWait done = std::move(*reload_);
  reload_.reset();
  const std::string what = done.prepared.changes.empty() ? "nothing changed" : joined(done.prepared.changes);
  say(LogLevel::notice, "reloaded " + config_file_ + ": " + what, message_id::reloaded, {{"HOLDFAST_REASON", what}});
  service_manager_.tell("READY=1");
  done.answer(done.prepared);
  next_reload();
}

void Supervisor::next_reload() {
  // Those who asked in the meantime all get what the file says now.
  const auto waiting = std::exchange(waiting_reloads_, {});
  if (waiting.empty()) return;
  reload_now([waiting](const ReloadAnswer& result) {
    for (const auto& answer : waiting) answer(result);
  });
}

// ---- health -> priority ----

Standing Supervisor::standing_of_instance(const InstanceConfig& config) const {
  Standing standing = standing_of(config, [this](const TrackConfig& track) {
    return track.check.empty() ? interfaces_.view(track.interface) : health_.view(check_ids_.number_of(track.check));
  });
  if (const auto drained = drain_fitness(config)) {
    standing.fitness = *drained;
    standing.reason = "drained";
  }
  return standing;
}

// One of a sync group that is drained keeps all of it away, whatever a reload has put together.
std::optional<Fitness> Supervisor::drain_fitness(const InstanceConfig& config) const {
  if (!drains_.any()) return std::nullopt;
  std::optional<Fitness> fitness = drains_.fitness(config.router.name);
  if (config.sync_group.empty()) return fitness;
  for (const InstanceConfig& other : config_.instances) {
    if (other.sync_group == config.sync_group) fitness = std::max(fitness, drains_.fitness(other.router.name));
  }
  return fitness;
}

void Supervisor::update_standings() {
  for (auto& [id, instance] : instances_) {
    const Standing before = std::exchange(instance.standing, standing_of_instance(instance.config));
    const Standing& now = instance.standing;
    if (now == before) continue;
    vrrp_.send(SetPriority{id, now});
    if (now.priority == before.priority && now.fitness == before.fitness) continue;
    const std::string priority = before.priority == now.priority ? "priority " + std::to_string(now.priority.value)
                                                                 : "priority " + std::to_string(before.priority.value) +
                                                                       " -> " + std::to_string(now.priority.value);
    say(LogLevel::notice,
        instance.config.router.name + ": " + priority + fitness_note(before.fitness, now.fitness) +
            (now.reason.empty() ? "" : ": " + now.reason),
        nullptr,
        {{"HOLDFAST_INSTANCE", instance.config.router.name},
         {"HOLDFAST_PRIORITY", std::to_string(now.priority.value)},
         {"HOLDFAST_REASON", now.reason}});
  }
}

// ---- drain and resume ----

void Supervisor::drain(const std::string& instance, bool force, Drains::Answer answer) {
  if (const auto why = why_no_such(instance)) return answer({false, {*why}});
  if (phase_ != Phase::running || !vrrp_.ready()) {
    return answer({false, {"holdfastd is starting or stopping; try it again in a moment"}});
  }
  std::map<std::string, DrainGroup> groups;  // all of them, by who decides
  std::set<std::string> wanted;
  for (const InstanceConfig& config : config_.instances) {
    const std::string& name = config.router.name;
    const std::string& decider = config.leader.empty() ? name : config.leader;
    groups[decider].decider = decider;
    groups[decider].members.push_back(name);
    if (instance.empty() || instance == name) wanted.insert(decider);
  }
  std::vector<DrainGroup> chosen;
  for (const std::string& decider : wanted) chosen.push_back(groups[decider]);
  drains_.drain(chosen, force, std::move(answer));
}

void Supervisor::resume(const std::string& instance, Drains::Answer answer) {
  if (const auto why = why_no_such(instance)) return answer({false, {*why}});
  std::set<std::string> names;
  std::string group;
  for (const InstanceConfig& config : config_.instances) {
    if (config.router.name == instance) group = config.sync_group;
  }
  for (const InstanceConfig& config : config_.instances) {
    const bool same_group = !group.empty() && config.sync_group == group;
    if (config.router.name == instance || same_group) names.insert(config.router.name);
  }
  drains_.resume(names, std::move(answer));
}

std::optional<std::string> Supervisor::why_no_such(const std::string& instance) const {
  std::string known;
  for (const InstanceConfig& config : config_.instances) {
    if (instance.empty() || config.router.name == instance) return std::nullopt;
    known += " " + config.router.name;
  }
  return "there is no instance called " + one_line(instance, 64) + "; the instances are:" + known;
}

// ---- status ----

void Supervisor::status(std::function<void(const DaemonStatus&)> answer) {
  const std::uint64_t serial = ++last_serial_;
  StatusWait& wait = status_waits_[serial];
  wait.answer = std::move(answer);
  wait.vrrp = vrrp_.ready();
  wait.checker = checker_.ready();
  wait.deadline = std::make_unique<Timer>(loop_, [this, serial] { answer_status(serial); });
  wait.deadline->arm(loop_.now() + (wait.vrrp || wait.checker ? report_limit : Duration::zero()));
  vrrp_.send(RequestReports{serial});
  checker_.send(RequestReports{serial});
}

void Supervisor::reports_done(std::uint64_t serial, bool StatusWait::*who) {
  const auto found = status_waits_.find(serial);
  if (found == status_waits_.end()) return;  // too late
  found->second.*who = false;
  if (!found->second.vrrp && !found->second.checker) answer_status(serial);
}

void Supervisor::nobody_reports(bool StatusWait::*who) {
  for (auto& [serial, wait] : status_waits_) {
    wait.*who = false;
    if (!wait.vrrp && !wait.checker) wait.deadline->arm(loop_.now());
  }
}

void Supervisor::answer_status(std::uint64_t serial) {
  const auto wait = status_waits_.extract(serial);
  wait.mapped().answer(known_status());
}

DaemonStatus Supervisor::known_status() {
  DaemonStatus status;
  status.node = config_.node;
  status.started = started_;
  status.config_file = config_file_;
  status.config_loaded = config_loaded_;
  status.config_error = config_error_;
  status.statistics = statistics_;
  status.counting_since = counting_since_;
  for (const auto& [name, interface] : interfaces_.all()) status.interfaces[name] = interface.status;
  status.processes.push_back({"parent", "root", {getpid(), effective_capabilities(), 0, "running"}});
  status.processes.push_back({"vrrp", display_name(vrrp_.user()), vrrp_.view()});
  status.processes.push_back({"checker", display_name(checker_.user()), checker_.view()});
  for (const InstanceConfig& config : config_.instances) {
    const Instance& instance = instances_.at(instance_ids_.number_of(config.router.name));
    status.instances.push_back({&config, instance.standing, instance.state, instance.since, instance.reason,
                                drain_fitness(config) == Fitness::drained,
                                instance.report ? &*instance.report : nullptr, notifier_.move(config.router.name)});
  }
  for (const CheckConfig& config : config_.checks) {
    status.checks.push_back({&config, health_.summary(check_ids_.number_of(config.spec.name))});
  }
  status.notifications = notifier_.targets();
  return status;
}

// "1 instance: VI_1 active; 1 check: 1 up"
std::string Supervisor::status_sentence() const {
  if (phase_ == Phase::starting) return "starting";
  if (gives_up_) return "given up: " + *gives_up_;
  if (phase_ == Phase::stopping) return "stopping";
  constexpr std::size_t most_named = 3;
  std::string named;
  std::map<std::string, std::size_t> states, checks;
  for (const auto& [id, instance] : instances_) {
    named += (named.empty() ? "" : ", ") + instance.config.router.name + " " + to_string(instance.state);
    ++states[to_string(instance.state)];
  }
  for (const CheckConfig& check : config_.checks) {
    ++checks[to_string(health_.summary(check_ids_.number_of(check.spec.name)).status)];
  }
  const auto counts = [](const std::map<std::string, std::size_t>& numbers) {
    std::string text;
    for (const auto& [what, number] : numbers) {
      text += (text.empty() ? "" : ", ") + std::to_string(number) + " " + what;
    }
    return text;
  };
  std::string text = counted(instances_.size(), "instance");
  if (!instances_.empty()) text += ": " + (instances_.size() <= most_named ? named : counts(states));
  if (!checks.empty()) text += "; " + counted(config_.checks.size(), "check") + ": " + counts(checks);
  return text;
}

void Supervisor::update_status_sentence() {
  std::string sentence = status_sentence();
  if (sentence == told_sentence_) return;
  service_manager_.tell("STATUS=" + sentence);
  told_sentence_ = std::move(sentence);
}

// ---- the end ----

// Both children go: the VRRP child hands over first, as it is told the same way.
void Supervisor::leave(int code) {
  phase_ = Phase::stopping;
  exit_code_ = code;
  service_manager_.tell("STOPPING=1");
  drains_.cancel("the daemon stops");
  health_.stop();
  stop_limit_ = leave_limit;
  for (const auto& [id, instance] : instances_) {
    stop_limit_ = std::max(stop_limit_, leave_limit + handover_silence(instance.config.router));
  }
  deadline_.arm(loop_.now() + stop_limit_);
  vrrp_.cancel_restart();
  checker_.cancel_restart();
  vrrp_.send(Shutdown{});
  checker_.send(Shutdown{});
  if (!vrrp_.ready() && !gives_up_) vrrp_.kill("the daemon stops");
  if (!checker_.ready()) checker_.kill("the daemon stops");
  stop_if_alone();
}

void Supervisor::stop_if_alone() {
  if (vrrp_.exists() || checker_.exists()) return;
  // The addresses are handed over; who asked for it is told the end.
  deadline_.disarm();
  notifier_.close([this] {
    const auto leave_loop = [this] { loop_.exit(exit_code_); };
    if (!units_) return leave_loop();
    units_->close(leave_loop);
  });
}

void Supervisor::deadline_passed() {
  switch (phase_) {
    case Phase::starting: {
      const std::string who = vrrp_generation_ == generation_      ? "the checker process is"
                              : checker_generation_ == generation_ ? "the VRRP process is"
                                                                   : "the child processes are";
      say(LogLevel::error,
          "start-up failed: " + who + " not ready after " + readable(start_limit) + "; the entries above say why");
      return leave(EXIT_FAILURE);
    }
    case Phase::running:
      if (!reload_) return;
      for (const auto& [generation, role] :
           {std::pair{vrrp_generation_, "VRRP"}, std::pair{checker_generation_, "checker"}}) {
        if (generation == generation_) continue;
        reload_->prepared.warnings.push_back(
            std::string("the ") + role + " process has not confirmed yet; it gets the configuration when it is back");
      }
      return finish_reload();
    case Phase::stopping:
      say(LogLevel::warning, "a child process did not leave within " + readable(stop_limit_) + "; killing it");
      vrrp_.kill("it did not leave");
      checker_.kill("it did not leave");
      return;
  }
}

// ---- telling ----

void Supervisor::say(LogLevel level, const std::string& text, const char* message_id,
                     std::vector<std::pair<const char*, std::string>> fields) {
  journal_({level, text, message_id, std::move(fields)});
}

void Supervisor::say_child_ended(const std::string& role, const std::string& why, Duration pause) {
  say(LogLevel::error,
      "the " + (role == "vrrp" ? std::string("VRRP") : role) + " process " + why + "; starting it again " +
          (pause == Duration::zero() ? "at once" : "in " + readable(pause)),
      message_id::child_died, {{"HOLDFAST_PROCESS", role}, {"HOLDFAST_REASON", why}});
}

void Supervisor::relay(const char* role, const Logged& message, ChildLog& log) {
  if (!log.limit.allow(loop_.now())) {
    ++log.dropped;
    return;
  }
  if (const auto dropped = std::exchange(log.dropped, 0)) {
    say(LogLevel::warning, std::string(role) + ": " + std::to_string(dropped) + " lines dropped: too many at once",
        nullptr, {{"HOLDFAST_PROCESS", role}});
  }
  say(message.level, std::string(role) + ": " + one_line(message.text, 1000), nullptr, {{"HOLDFAST_PROCESS", role}});
}

}  // namespace holdfast
