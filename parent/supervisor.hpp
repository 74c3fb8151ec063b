// The heart of the daemon: starts the two children, gives them their configuration, watches over them, and
// carries the news from one to the other.
//
//   checker --HealthChanged--> health -> restart_policy -> tracking --SetPriority--> VRRP child
//   checker --RunScript------> health -> command_runner --ScriptFinished--> checker
//   VRRP child --StateChanged--> journal, status
//   journal --> notifier --> scripts, mails, webhooks
//   holdfast drain -> drains --SetPriority--> VRRP child --DrainEnded--> drains
//
// Life: start() -> (both children run and have the configuration) -> running, reloads -> stop() -> the loop
// ends. The VRRP child that keeps dying ends it too, with failure.
#pragma once

#include "common/checker_rights.hpp"
#include "common/config/load.hpp"
#include "common/event_loop.hpp"
#include "common/messages.hpp"
#include "parent/child_keeper.hpp"
#include "parent/child_users.hpp"
#include "parent/conflict_watch.hpp"
#include "parent/drains.hpp"
#include "parent/health.hpp"
#include "parent/id_table.hpp"
#include "parent/journal.hpp"
#include "parent/notifier.hpp"
#include "parent/rate_limit.hpp"
#include "parent/service_manager.hpp"
#include "parent/status_document.hpp"
#include "parent/system_bus.hpp"
#include "parent/tracked_interfaces.hpp"
#include "parent/unit_commands.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace holdfast {

// Answer to a reload: what changed, or why nothing did.
struct ReloadAnswer {
  bool ok = false;
  std::vector<std::string> changes;
  std::vector<std::string> warnings;
  std::vector<std::string> errors;
};

class Supervisor {
 public:
  struct Setup {
    std::string config_file;             // for people
    std::function<LoadedConfig()> load;  // reads it anew, for a reload
    Config config;                       // to start with
    std::string drain_record;            // where it is kept
    std::set<std::string> drained;       // and what it said
    ChildUsers users;
    ChildProgram vrrp_program;
    ChildProgram checker_program;
    JournalSink journal;
    ChildProgram notify_program = {Fd(), ""};  // may be missing where nothing is sent
    // holdfast-command, where commands are to run as units of systemd; without, they are children.
    ChildProgram command_program = {Fd(), ""};
  };

  // config: loaded already.
  Supervisor(EventLoop& loop, Setup setup);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  void start();
  // Hands over and ends the loop with 0.
  void stop(const std::string& why);
  // Reads the configuration again; answers when it is in force in both children, or why it is not.
  void reload(std::function<void(const ReloadAnswer&)> answer);
  // What a reload would change now, or why it would fail.
  ReloadAnswer plan_reload() const;
  // instance: empty for all of them.
  void drain(const std::string& instance, bool force, Drains::Answer answer);
  void resume(const std::string& instance, Drains::Answer answer);
  // Asks the children for news; answers with what is known when they have told it, or half a second later.
  void status(std::function<void(const DaemonStatus&)> answer);

  // Sends one notification; see Notifier::test.
  void test_notification(const std::string& target, std::function<void(const Result<std::string>&)> answer) {
    notifier_.test(target, std::move(answer));
  }

  const Config& config() const { return config_; }

 private:
  enum class Phase { starting, running, stopping };
  using Vrrp = ChildKeeper<ParentToVrrp, VrrpToParent>;
  using Checker = ChildKeeper<ParentToChecker, CheckerToParent>;

  struct Instance {
    InstanceConfig config;
    Standing standing;
    InstanceState state = InstanceState::initialize;
    TimePoint since;
    std::string reason = "starting";
    std::optional<InstanceReport> report;
    std::optional<TimePoint> was_active_at;  // until the VRRP child has said what became of it
  };
  struct StatusWait {
    std::function<void(const DaemonStatus&)> answer;
    bool vrrp = false;  // still to report
    bool checker = false;
    std::unique_ptr<Timer> deadline;
  };
  struct ReloadWait {
    std::function<void(const ReloadAnswer&)> answer;
    ReloadAnswer prepared;
  };

  struct ChildLog {
    RateLimit limit{200, 50};
    std::size_t dropped = 0;
  };

  // From the VRRP child.
  void on_vrrp(ChildReady&& message);
  void on_vrrp(ConfigApplied&& message);
  void on_vrrp(StateChanged&& message);
  void on_vrrp(DrainEnded&& message);
  void on_vrrp(ConflictSeen&& message);
  void on_vrrp(InterfaceChanged&& message);
  void on_vrrp(InstanceReport&& message);
  void on_vrrp(GlobalReport&& message);
  void on_vrrp(ReportsDone&& message);
  void on_vrrp(Pong&& message);
  void on_vrrp(Logged&& message);
  void vrrp_ended(const Vrrp::End& end);

  // From the checker.
  void on_checker(ChildReady&& message);
  void on_checker(ConfigApplied&& message);
  void on_checker(HealthChanged&& message);
  void on_checker(RunScript&& message);
  void on_checker(CheckReport&& message);
  void on_checker(ReportsDone&& message);
  void on_checker(Pong&& message);
  void on_checker(Logged&& message);
  void checker_ended(const Checker::End& end);

  // Configuration.
  void adopt(Config config, bool by_reload);
  void configure_vrrp();
  void configure_checker();
  CheckerRights checker_rights_needed() const;
  bool applied_everywhere() const;
  void check_applied();
  ReloadAnswer prepare(const LoadedConfig& loaded) const;
  void reload_now(std::function<void(const ReloadAnswer&)> answer);
  void finish_reload();
  void next_reload();

  void update_standings();
  Standing standing_of_instance(const InstanceConfig& config) const;
  std::optional<Fitness> drain_fitness(const InstanceConfig& config) const;
  std::optional<std::string> why_no_such(const std::string& instance) const;

  // Status.
  DaemonStatus known_status();
  void answer_status(std::uint64_t serial);
  void reports_done(std::uint64_t serial, bool StatusWait::*who);
  void nobody_reports(bool StatusWait::*who);
  std::string status_sentence() const;
  void update_status_sentence();

  // The end.
  void give_up(const std::string& why);
  void leave(int code);
  void stop_if_alone();
  void deadline_passed();

  void say(LogLevel level, const std::string& text, const char* message_id = nullptr,
           std::vector<std::pair<const char*, std::string>> fields = {});
  void watch_conflicts();
  void conflict_over(const InstanceReport& report, const ConflictWatch::End& end);
  void say_child_ended(const std::string& role, const std::string& why, Duration pause);
  void relay(const char* role, const Logged& message, ChildLog& log);

  EventLoop& loop_;
  ServiceManager service_manager_;
  SystemBus bus_;
  std::unique_ptr<UnitCommands> units_;  // where commands run as such
  Notifier notifier_;
  JournalSink journal_;  // what is written here, the notifier reads too
  std::string config_file_;
  std::function<LoadedConfig()> load_;
  Config config_;
  RuntimeConfig runtime_at_start_;
  Phase phase_ = Phase::starting;
  TimePoint started_;
  TimePoint config_loaded_;
  std::optional<std::string> config_error_;

  IdTable<InstanceId> instance_ids_;
  IdTable<CheckId> check_ids_;
  std::map<InstanceId, Instance> instances_;
  TrackedInterfaces interfaces_;
  ConflictWatch conflicts_;
  GlobalStatistics statistics_;
  TimePoint counting_since_;  // when the VRRP child that made these was started

  std::uint32_t generation_ = 0;
  std::uint32_t vrrp_generation_ = 0;  // what the child has applied
  std::uint32_t checker_generation_ = 0;
  std::optional<ReloadWait> reload_;
  std::vector<std::function<void(const ReloadAnswer&)>> waiting_reloads_;

  std::uint64_t last_serial_ = 0;
  std::map<std::uint64_t, StatusWait> status_waits_;

  Vrrp vrrp_;
  Checker checker_;
  CheckerRights checker_rights_;   // that the present one has confined itself to
  bool checker_replaced_ = false;  // it ends because the next one needs more
  RateLimit checker_news_{0, 0};   // set with the configuration
  ChildLog vrrp_log_;
  ChildLog checker_log_;
  Frequency vrrp_deaths_;
  RestartPace checker_pace_;
  Health health_;
  Drains drains_;

  Timer conflict_timer_;  // to ask for reports while there is a conflict
  Timer deadline_;        // of the start, a reload or the stop
  Duration stop_limit_{};
  int exit_code_ = 0;
  std::optional<std::string> gives_up_;  // why; the next VRRP process only hands over
  std::string told_sentence_;
  AfterTurn after_turn_;
};

}  // namespace holdfast
