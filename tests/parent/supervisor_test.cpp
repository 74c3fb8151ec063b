// The supervisor with fake children (fake_child.cpp): who dies, hangs or lies, and what becomes of the rest.
#include "parent/supervisor.hpp"

#include "parent/message_ids.hpp"
#include "parent/text.hpp"
#include "tests/parent/loop_support.hpp"
#include "tests/parent/temp_folder.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>

using namespace holdfast;
using namespace holdfast::testing;
using namespace std::chrono_literals;

namespace {

Config tutorial() {
  Config config;
  config.node = "web-1";
  CheckConfig check;
  check.spec.name = "nginx";
  check.spec.probe = ProcessProbe{"/run/nginx.pid", ""};
  check.spec.interval = 100ms;
  check.spec.timeout = 100ms;
  config.checks.push_back(check);
  InstanceConfig instance;
  instance.router.name = "VI_1";
  instance.router.interface = "eth0";
  instance.router.vrid = Vrid{66};
  instance.tracks.push_back({"nginx", "", TrackConfig::Effect::weight, 2});
  config.instances.push_back(instance);
  return config;
}

Config with_script(std::vector<std::string> argv) {
  Config config = tutorial();
  config.checks[0].spec.probe = ScriptProbe{};
  config.checks[0].script = CommandConfig{std::move(argv), "", 5s};
  return config;
}

struct Daemon {
  TempFolder folder;
  EventLoop loop;
  std::vector<JournalEntry> log;
  LoadedConfig next;  // what a reload finds
  std::unique_ptr<Supervisor> supervisor;

  explicit Daemon(const Config& config = tutorial(), const std::string& vrrp = "", const std::string& checker = "") {
    const auto ids = unallocated_users(3);
    supervisor.reset(new Supervisor(loop, {"test.yaml",
                                           [this] { return next; },
                                           config,
                                           folder.file("drained.json"),
                                           {},
                                           {ids.at(0), ids.at(1), ids.at(2), ""},
                                           {Fd(open(FAKE_CHILD, O_RDONLY | O_CLOEXEC)), "holdfast-vrrp: " + vrrp},
                                           {Fd(open(FAKE_CHILD, O_RDONLY | O_CLOEXEC)), "holdfast-checker: " + checker},
                                           [this](JournalEntry entry) { log.push_back(std::move(entry)); }}));
    supervisor->start();
  }

  int count(const std::string& text) const {
    return static_cast<int>(std::count_if(
        log.begin(), log.end(), [&](const JournalEntry& entry) { return entry.text.find(text) != std::string::npos; }));
  }
  bool waits_for(const std::string& text, int times = 1) {
    const bool came = run_until(loop, [&] { return count(text) >= times; });
    if (!came) UNSCOPED_INFO("never said: " << text << "\n" << everything());
    return came;
  }
  std::string everything() const {
    std::string all;
    for (const JournalEntry& entry : log) all += entry.text + "\n";
    return all;
  }
  std::string last(const std::string& text) const {
    for (auto entry = log.rbegin(); entry != log.rend(); ++entry) {
      if (entry->text.find(text) != std::string::npos) return entry->text;
    }
    return "";
  }
  bool runs() {
    return waits_for("holdfastd " HOLDFAST_VERSION " runs on node web-1") && waits_for("checker: applied");
  }

  nlohmann::ordered_json status() {
    std::optional<nlohmann::ordered_json> document;
    supervisor->status(
        [&](const DaemonStatus& status) { document = status_document(status, WallClock::read(loop.now())); });
    REQUIRE(run_until(loop, [&] { return document.has_value(); }));
    return *document;
  }
  // process: 1 VRRP, 2 checker.
  pid_t pid(std::size_t process) { return status()["processes"][process]["pid"].get<pid_t>(); }
  void signal_vrrp(int number) { kill(pid(1), number); }
  void signal_checker(int number) { kill(pid(2), number); }

  ReloadAnswer reload(const Config& config) {
    next = {config, {}};
    std::optional<ReloadAnswer> answer;
    supervisor->reload([&](const ReloadAnswer& result) { answer = result; });
    REQUIRE(run_until(loop, [&] { return answer.has_value(); }));
    return *answer;
  }
  std::optional<int> exit_code() const {
    int code = 0;
    return sd_event_get_exit_code(loop.raw(), &code) >= 0 ? std::optional(code) : std::nullopt;
  }
  bool exits() {
    return run_until(loop, [&] { return exit_code().has_value(); });
  }
};

}  // namespace

TEST_CASE("both children run, are told their part, and are who they should be") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  CHECK(daemon.count("vrrp: instance 1 VI_1 priority 100") == 1);
  CHECK(daemon.count("checker: check 1 nginx") == 1);
  const auto processes = daemon.status()["processes"];
  CHECK(processes[1]["capabilities"] == std::vector<std::string>{"cap_net_admin", "cap_net_raw"});
  CHECK(processes[2]["capabilities"] == std::vector<std::string>{});
  CHECK(processes[1]["user"] != processes[2]["user"]);
  CHECK(processes[1]["user"] != "root");
  CHECK(processes[1]["state"] == "running");
  CHECK(processes[1]["restarts"] == 0);
}

TEST_CASE("a result changes the priority, and only what changes is told") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  daemon.signal_checker(SIGUSR1);
  REQUIRE(daemon.waits_for("vrrp: set 1 priority 102: check nginx is up"));
  CHECK(daemon.count("check nginx: unknown -> up: it runs") == 1);
  daemon.signal_checker(SIGUSR1);
  daemon.signal_checker(SIGUSR2);
  REQUIRE(daemon.waits_for("vrrp: set 1 priority 100: check nginx is down: it is gone"));
  CHECK(daemon.count("vrrp: set") == 2);
  CHECK(daemon.status()["checks"][0]["status"] == "down");
  CHECK(daemon.status()["instances"][0]["priority"]["effective"] == 100);
}

TEST_CASE("a transition becomes one entry with its fields") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  daemon.signal_vrrp(SIGUSR1);
  REQUIRE(daemon.waits_for("VI_1: backup -> active: because of the test"));
  const auto entry = std::find_if(daemon.log.begin(), daemon.log.end(),
                                  [](const JournalEntry& e) { return e.text.starts_with("VI_1: backup"); });
  CHECK(entry->message_id != nullptr);
  using Field = std::pair<const char*, std::string>;
  for (const auto& [name, value] : {Field{"HOLDFAST_INSTANCE", "VI_1"}, Field{"HOLDFAST_FROM", "backup"},
                                    Field{"HOLDFAST_TO", "active"}, Field{"HOLDFAST_REASON", "because of the test"},
                                    Field{"HOLDFAST_PRIORITY", "100"}, Field{"HOLDFAST_VRID", "66"}}) {
    CHECK(std::any_of(entry->fields.begin(), entry->fields.end(),
                      [&](const auto& field) { return std::string(field.first) == name && field.second == value; }));
  }
  CHECK(daemon.status()["instances"][0]["state"] == "active");
}

TEST_CASE("a killed checker is back with its checks; its results hold, then are unknown") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  daemon.signal_checker(SIGUSR1);
  REQUIRE(daemon.waits_for("priority 102"));
  daemon.signal_checker(SIGKILL);
  REQUIRE(daemon.waits_for("checker: applied", 2));
  CHECK(daemon.count("the checker process was killed by signal 9 (Killed); starting it again at once") == 1);
  CHECK(daemon.count("nginx: up -> unknown") == 0);
  CHECK(daemon.count("vrrp: applied") == 1);  // the other one was left alone
  REQUIRE(daemon.waits_for("check nginx: up -> unknown: the checker process gives no results"));
  CHECK(daemon.waits_for("vrrp: set 1 priority 100: check nginx is unknown"));
  daemon.signal_checker(SIGUSR1);
  CHECK(daemon.waits_for("check nginx: unknown -> up"));
  CHECK(daemon.status()["processes"][2]["restarts"] == 1);
}

TEST_CASE("a checker that is back in time changes nothing") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  daemon.signal_checker(SIGUSR1);
  REQUIRE(daemon.waits_for("priority 102"));
  daemon.signal_checker(SIGKILL);
  REQUIRE(daemon.waits_for("checker: applied", 2));
  daemon.signal_checker(SIGUSR1);
  run_for(daemon.loop, 4s);
  CHECK(daemon.count("check nginx:") == 1);
  CHECK(daemon.count("vrrp: set") == 1);
}

TEST_CASE("a killed VRRP child is told that it was active, and until when") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  daemon.signal_vrrp(SIGUSR1);
  REQUIRE(daemon.waits_for("backup -> active"));
  const TimePoint before = daemon.loop.now();
  daemon.signal_vrrp(SIGKILL);
  REQUIRE(daemon.waits_for("was active "));
  const std::string told = daemon.last("was active ");
  const TimePoint until{Duration(std::stoll(told.substr(told.rfind(' '))))};
  CHECK(until >= before - 500ms);
  CHECK(until <= daemon.loop.now());
  CHECK(daemon.status()["instances"][0]["state"] == "initialize");
  // Killed again before it said anything: still the same moment.
  REQUIRE(daemon.waits_for("vrrp: applied", 2));
  daemon.signal_vrrp(SIGKILL);
  REQUIRE(daemon.waits_for("was active ", 2));
  CHECK(daemon.last("was active ") == told);
  // Once it has spoken, that counts.
  REQUIRE(daemon.waits_for("vrrp: applied", 3));
  daemon.signal_vrrp(SIGUSR2);
  REQUIRE(daemon.waits_for("backup -> fault"));
  daemon.signal_vrrp(SIGKILL);
  REQUIRE(daemon.waits_for("vrrp: applied", 4));
  CHECK(daemon.count("was active ") == 2);
}

TEST_CASE("a VRRP child that was not active is told nothing of the kind") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  daemon.signal_vrrp(SIGKILL);
  REQUIRE(daemon.waits_for("vrrp: applied", 2));
  CHECK(daemon.count("was active ") == 0);
}

TEST_CASE("a VRRP child that hangs is killed, and was alive until its last answer") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  daemon.signal_vrrp(SIGUSR1);
  REQUIRE(daemon.waits_for("backup -> active"));
  const pid_t pid = daemon.pid(1);
  const TimePoint stopped = daemon.loop.now();
  kill(pid, SIGSTOP);
  REQUIRE(daemon.waits_for("the VRRP process was killed: it did not answer for too long"));
  REQUIRE(daemon.waits_for("was active "));
  const std::string told = daemon.last("was active ");
  const TimePoint until{Duration(std::stoll(told.substr(told.rfind(' '))))};
  CHECK(until <= stopped + 1ms);
}

TEST_CASE("a child that lies or stammers is killed and started again") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  daemon.signal_vrrp(SIGHUP);
  CHECK(daemon.waits_for("the VRRP process was killed: it sent a malformed message"));
  CHECK(daemon.waits_for("vrrp: applied", 2));
  daemon.signal_vrrp(SIGURG);
  CHECK(daemon.waits_for("the VRRP process was killed: it named an instance that does not exist"));
  CHECK(daemon.waits_for("vrrp: applied", 3));
  daemon.signal_vrrp(SIGWINCH);
  CHECK(daemon.waits_for("the VRRP process was killed: it answered a heartbeat that was not sent"));
  CHECK(daemon.waits_for("vrrp: applied", 4));

  daemon.signal_checker(SIGHUP);
  CHECK(daemon.waits_for("the checker process was killed: it sent a malformed message"));
  CHECK(daemon.waits_for("checker: applied", 2));
  daemon.signal_checker(SIGURG);
  CHECK(daemon.waits_for("the checker process was killed: it named a check that does not exist"));
  CHECK(daemon.waits_for("checker: applied", 3));
  daemon.signal_checker(SIGWINCH);
  CHECK(daemon.waits_for("the checker process was killed: it asked for a script of check nginx, which has none"));
}

TEST_CASE("a time that makes no sense does no harm") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  daemon.signal_vrrp(SIGCONT);
  REQUIRE(daemon.waits_for("VI_1: backup -> active"));
  CHECK(daemon.status()["instances"][0]["state"] == "active");
}

TEST_CASE("a VRRP child that keeps dying ends the daemon with failure") {
  Daemon daemon(tutorial(), "die");
  REQUIRE(daemon.exits());
  CHECK(daemon.exit_code() == EXIT_FAILURE);
  INFO(daemon.everything());
  CHECK(daemon.count("the VRRP process exited with status 3; starting it again at once") == 5);
  CHECK(daemon.count("giving up: the VRRP process died 5 times within 30s") == 1);
  CHECK(daemon.count("vrrp: applied 1") == 6);  // the last one was to hand the addresses over
}

TEST_CASE("after five deaths one more VRRP child is told what was active, and to leave") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  for (int death = 1; death <= 5; ++death) {
    daemon.signal_vrrp(SIGUSR1);
    REQUIRE(daemon.waits_for("VI_1: backup -> active", death));
    daemon.signal_vrrp(SIGHUP);
    REQUIRE(daemon.waits_for("vrrp: applied 1", death + 1));
  }
  REQUIRE(daemon.exits());
  CHECK(daemon.exit_code() == EXIT_FAILURE);
  CHECK(daemon.count(" was active ") == 5);
  CHECK(daemon.count("vrrp: told to leave") == 1);
}

TEST_CASE("a checker that keeps dying is started ever slower") {
  Daemon daemon(tutorial(), "", "die");
  REQUIRE(daemon.waits_for("the checker process exited with status 3; starting it again in 2s"));
  CHECK(daemon.count("starting it again at once") == 1);
  CHECK(daemon.count("starting it again in 1s") == 1);
  CHECK_FALSE(daemon.exit_code());
}

TEST_CASE("stopping tells both children to leave and ends well") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  daemon.supervisor->stop("test");
  REQUIRE(daemon.exits());
  CHECK(daemon.exit_code() == EXIT_SUCCESS);
  CHECK(daemon.count("vrrp: told to leave") == 1);
  CHECK(daemon.count("checker: told to leave") == 1);
  CHECK(daemon.count("starting it again") == 0);
}

TEST_CASE("a child that does not leave is killed") {
  Daemon daemon(tutorial(), "stay");
  REQUIRE(daemon.runs());
  const pid_t pid = daemon.pid(1);
  daemon.supervisor->stop("test");
  REQUIRE(daemon.exits());
  CHECK(daemon.exit_code() == EXIT_SUCCESS);
  CHECK(daemon.count("a child process did not leave within ") == 1);
  CHECK(kill(pid, 0) != 0);
}

TEST_CASE("stopping before a child is ready does not wait for it") {
  Daemon daemon(tutorial(), "mute", "mute");
  daemon.supervisor->stop("test");
  CHECK(daemon.exits());
}

TEST_CASE("a reload reaches both children and says what changed") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  Config config = tutorial();
  config.instances[0].router.priority = Priority{90};
  config.instances.push_back(config.instances[0]);
  config.instances[1].router.name = "VI_2";
  const ReloadAnswer answer = daemon.reload(config);
  CHECK(answer.ok);
  CHECK(answer.changes == std::vector<std::string>{"instance VI_1: priority 100 -> 90", "instance VI_2: added"});
  CHECK(daemon.waits_for("vrrp: applied 2"));
  CHECK(daemon.count("vrrp: instance 1 VI_1 priority 90") == 1);
  CHECK(daemon.count("vrrp: instance 2 VI_2 priority 90") == 1);
  CHECK(daemon.waits_for("checker: applied 2"));
  CHECK(daemon.count("reloaded test.yaml: instance VI_1: priority 100 -> 90; instance VI_2: added") == 1);

  // A name keeps its number, even when it was away for a while.
  config.instances.erase(config.instances.begin());
  CHECK(daemon.reload(config).ok);
  CHECK(daemon.reload(tutorial()).ok);
  CHECK(daemon.waits_for("vrrp: applied 4"));
  CHECK(daemon.last("vrrp: instance") == "vrrp: instance 1 VI_1 priority 100");
}

TEST_CASE("a reload of a bad file changes nothing and says so") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  daemon.next = {std::nullopt, {{Diagnostic::Severity::error, "test.yaml", 3, 5, "no such key"}}};
  std::optional<ReloadAnswer> answer;
  daemon.supervisor->reload([&](const ReloadAnswer& result) { answer = result; });
  REQUIRE(answer);
  CHECK_FALSE(answer->ok);
  CHECK(answer->errors == std::vector<std::string>{"test.yaml:3:5: error: no such key"});
  CHECK(daemon.status()["config"]["error"] == "test.yaml:3:5: error: no such key");
  CHECK(daemon.count("vrrp: applied") == 1);
  CHECK(daemon.reload(tutorial()).ok);
  CHECK(daemon.status()["config"]["error"] == nullptr);
}

TEST_CASE("reloads that come while one is under way are answered too") {
  Daemon daemon;
  daemon.next = {tutorial(), {}};
  int answers = 0;
  for (int i = 0; i < 3; ++i) daemon.supervisor->reload([&](const ReloadAnswer& answer) { answers += answer.ok; });
  CHECK(run_until(daemon.loop, [&] { return answers == 3; }));
}

TEST_CASE("a reload while the VRRP child dies is answered when the next one has the configuration") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  const pid_t pid = daemon.pid(1);
  kill(pid, SIGSTOP);
  Config config = tutorial();
  config.instances[0].router.priority = Priority{90};
  CHECK(daemon.reload(config).ok);
  CHECK(daemon.count("vrrp: instance 1 VI_1 priority 90") == 1);
  CHECK(daemon.count("it did not answer for too long") == 1);
}

TEST_CASE("at the start a check without result is not up, after a reload it is neutral") {
  Config config = tutorial();
  config.instances[0].tracks[0] = {"nginx", "", TrackConfig::Effect::demote, 0};
  Daemon daemon(config);
  REQUIRE(daemon.runs());
  CHECK(daemon.count("vrrp: instance 1 VI_1 priority 1") == 1);
  daemon.signal_checker(SIGUSR1);
  REQUIRE(daemon.waits_for("vrrp: set 1 priority 100"));
  config.checks.push_back(config.checks[0]);
  config.checks[1].spec.name = "second";
  config.instances[0].tracks.push_back({"second", "", TrackConfig::Effect::demote, 0});
  CHECK(daemon.reload(config).ok);
  CHECK(daemon.last("vrrp: instance 1") == "vrrp: instance 1 VI_1 priority 100");
  daemon.signal_checker(SIGUSR2);
  CHECK(daemon.waits_for("vrrp: set 1 priority 1 unfit: check nginx is down: it is gone; check second is down"));
}

TEST_CASE("a tracked link acts like a check, and its last state outlives the VRRP child that saw it") {
  Config config = tutorial();
  config.instances[0].tracks = {{"", "eth1", TrackConfig::Effect::demote, 0}};
  Daemon daemon(config);
  REQUIRE(daemon.runs());
  CHECK(daemon.count("vrrp: watch eth1") == 1);
  CHECK(daemon.count("vrrp: instance 1 VI_1 priority 1") == 1);
  CHECK(daemon.status()["instances"][0]["tracks"][0]["status"] == "unknown");
  daemon.signal_vrrp(SIGTTIN);
  REQUIRE(daemon.waits_for("vrrp: set 1 priority 100"));
  CHECK(daemon.status()["instances"][0]["tracks"].dump() ==
        R"([{"interface":"eth1","status":"up","while_down":"demote"}])");
  daemon.signal_vrrp(SIGTTOU);
  REQUIRE(daemon.waits_for("vrrp: set 1 priority 1 unfit: interface eth1 has no carrier"));
  const auto entry = std::find_if(daemon.log.begin(), daemon.log.end(), [](const JournalEntry& e) {
    return e.text == "interface eth1: up -> down: interface eth1 has no carrier";
  });
  REQUIRE(entry != daemon.log.end());
  CHECK(entry->level == LogLevel::warning);
  CHECK(std::string(entry->message_id) == message_id::interface_changed);
  CHECK(std::string(entry->fields.at(0).first) == "HOLDFAST_INTERFACE");
  CHECK(entry->fields.at(0).second == "eth1");

  const auto counted_since = daemon.status()["statistics"]["discontinuity_datetime"];
  daemon.signal_vrrp(SIGKILL);
  REQUIRE(daemon.waits_for("vrrp: applied", 2));
  CHECK(daemon.count("vrrp: watch eth1") == 2);
  CHECK(daemon.last("vrrp: instance") == "vrrp: instance 1 VI_1 priority 1");
  CHECK(daemon.status()["instances"][0]["tracks"][0]["status"] == "down");
  CHECK(daemon.count("interface eth1: ") == 2);
  CHECK(daemon.status()["statistics"]["discontinuity_datetime"] >= counted_since);
}

TEST_CASE("a link that a reload brings is neutral until its first report; one that nobody named is a lie") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  Config config = tutorial();
  config.instances[0].tracks = {{"", "eth1", TrackConfig::Effect::demote, 0}};
  CHECK(daemon.reload(config).changes ==
        std::vector<std::string>{"instance VI_1: track: check nginx removed, interface eth1 added"});
  CHECK(daemon.last("vrrp: instance") == "vrrp: instance 1 VI_1 priority 100");
  daemon.signal_vrrp(SIGTTOU);
  REQUIRE(daemon.waits_for("vrrp: set 1 priority 1 unfit"));
  CHECK(daemon.reload(tutorial()).ok);
  daemon.signal_vrrp(SIGTSTP);
  CHECK(daemon.waits_for("the VRRP process was killed: it reported an interface that nobody asked for"));
}

TEST_CASE("a member of a sync group is told its leader by number") {
  Config config = tutorial();
  config.instances.push_back(config.instances[0]);
  config.instances[0].router.name = "web-v6";
  config.instances[0].sync_group = config.instances[1].sync_group = "web";
  config.instances[0].leader = "VI_1";
  Daemon daemon(config);
  REQUIRE(daemon.runs());
  CHECK(daemon.count("vrrp: instance 1 web-v6 priority 100 follows 2") == 1);
  CHECK(daemon.last("vrrp: instance 2") == "vrrp: instance 2 VI_1 priority 100");
  const auto instances = daemon.status()["instances"];
  CHECK(instances[0]["sync_group"] == "web");
  CHECK(instances[0]["leader"] == "VI_1");
  CHECK(instances[1]["leader"] == nullptr);
}

TEST_CASE("scripts run here, as a user of their own, and only their outcome goes back") {
  Daemon daemon(with_script({"sh", "-c", "id -u; exit 4"}));
  REQUIRE(daemon.runs());
  daemon.signal_checker(SIGWINCH);
  const std::string uid = std::to_string(unallocated_users(3).at(2).uid);  // neither child's
  CHECK(daemon.waits_for("checker: script 1 run 1 bad: exited with status 4: " + uid));
}

TEST_CASE("a script that can't run is bad") {
  Daemon daemon(with_script({"/nonexistent/check"}));
  REQUIRE(daemon.runs());
  daemon.signal_checker(SIGWINCH);
  CHECK(daemon.waits_for("checker: script 1 run 1 bad: '/nonexistent/check'"));
  Config config = with_script({"/bin/true"});
  config.checks[0].script->user = "nobody-has-this-name";
  CHECK(daemon.reload(config).ok);
  daemon.signal_checker(SIGWINCH);
  CHECK(daemon.waits_for("run 2 bad: there is no user 'nobody-has-this-name'"));
  config.checks[0].script->user = "daemon";
  CHECK(daemon.reload(config).ok);
  daemon.signal_checker(SIGWINCH);
  CHECK(daemon.waits_for("run 3 good"));
}

TEST_CASE("one run of a script at a time; the last question is answered") {
  Daemon daemon(with_script({"sleep", "0.4"}));
  REQUIRE(daemon.runs());
  const pid_t checker = daemon.pid(2);
  for (int i = 0; i < 3; ++i) {
    kill(checker, SIGWINCH);
    run_for(daemon.loop, 50ms);
  }
  CHECK(daemon.waits_for("script 1 run 3 good"));
  CHECK(daemon.count("script 1 run 1 good") == 1);
  CHECK(daemon.count("script 1 run 2") == 0);
}

TEST_CASE("a check that goes down is restarted while the failover waits") {
  const TempFolder folder;
  const std::string started = folder.file("started");
  Config config = tutorial();
  config.checks[0].restart = RestartConfig{};
  config.checks[0].restart->command = {"touch", started};
  config.checks[0].restart->before_failover = 2s;
  Daemon daemon(config);
  REQUIRE(daemon.runs());
  daemon.signal_checker(SIGUSR1);
  REQUIRE(daemon.waits_for("priority 102"));
  daemon.signal_checker(SIGUSR2);
  REQUIRE(daemon.waits_for("check nginx: restarting 'touch " + started +
                           "', attempt 1 of 3; the failover waits for it up to 2s"));
  REQUIRE(daemon.waits_for("check nginx: restarted 'touch " + started + "'"));
  CHECK(std::filesystem::exists(started));
  CHECK(daemon.waits_for("checker: probe 1"));
  CHECK(daemon.count("vrrp: set") == 1);
  CHECK(daemon.status()["checks"][0]["restart"] == "restarted, waiting for a good result");
  SECTION("it helps") {
    daemon.signal_checker(SIGUSR1);
    REQUIRE(daemon.waits_for("check nginx: down -> up"));
    run_for(daemon.loop, 2500ms);
    CHECK(daemon.count("vrrp: set") == 1);
  }
  SECTION("it does not help") { CHECK(daemon.waits_for("vrrp: set 1 priority 100: check nginx is down")); }
  CHECK(daemon.status()["checks"][0]["restarts"] == 1);
}

TEST_CASE("a restart that fails fails over at once") {
  Config config = tutorial();
  config.checks[0].restart = RestartConfig{};
  config.checks[0].restart->command = {"false"};
  config.checks[0].restart->before_failover = std::chrono::minutes(10);
  Daemon daemon(config);
  REQUIRE(daemon.runs());
  daemon.signal_checker(SIGUSR1);
  REQUIRE(daemon.waits_for("priority 102"));
  daemon.signal_checker(SIGUSR2);
  CHECK(daemon.waits_for("check nginx: could not restart 'false': exited with status 1"));
  CHECK(daemon.waits_for("vrrp: set 1 priority 100: check nginx is down"));
}

TEST_CASE("a configuration that is broken costs no waiting and no restart") {
  const TempFolder folder;
  const std::string started = folder.file("started");
  Config config = tutorial();
  config.checks[0].restart = RestartConfig{};
  config.checks[0].restart->command = {"touch", started};
  config.checks[0].restart->config_test = {
      "sh", "-c", "echo '[warn] old'; echo \"$(date) [emerg] $$#0: line 3 makes no sense\"; exit 1"};
  config.checks[0].restart->before_failover = std::chrono::minutes(10);
  Daemon daemon(config);
  REQUIRE(daemon.runs());
  daemon.signal_checker(SIGUSR1);
  REQUIRE(daemon.waits_for("priority 102"));
  daemon.signal_checker(SIGUSR2);
  REQUIRE(daemon.waits_for("check nginx: not restarting 'touch " + started +
                           "': the configuration is broken: line 3 makes no sense"));
  CHECK(daemon.waits_for("vrrp: set 1 priority 100: check nginx is down"));
  CHECK_FALSE(std::filesystem::exists(started));
  const auto check = daemon.status()["checks"][0];
  CHECK_THAT(check["restart"].get<std::string>(), Catch::Contains("line 3 makes no sense; looked at again in"));
  CHECK(check["restarts"] == 0);
}

TEST_CASE("a configuration test that passes, or can't be run, does not keep from a restart") {
  Config config = tutorial();
  config.checks[0].restart = RestartConfig{};
  config.checks[0].restart->command = {"true"};
  config.checks[0].restart->config_test = {GENERATE("true", "/no/such/program")};
  Daemon daemon(config);
  REQUIRE(daemon.runs());
  daemon.signal_checker(SIGUSR2);
  CHECK(daemon.waits_for("check nginx: restarted 'true'"));
}

TEST_CASE("a check that flaps is held down, and says why") {
  Daemon daemon;
  REQUIRE(daemon.runs());
  for (int i = 1; i <= FlapDamping::free_falls + 1; ++i) {
    daemon.signal_checker(SIGUSR1);
    REQUIRE(daemon.waits_for("check nginx: down -> up", i - 1));
    REQUIRE(daemon.waits_for("priority 102: check nginx is up", i));
    daemon.signal_checker(SIGUSR2);
    REQUIRE(daemon.waits_for("check nginx: up -> down", i));
  }
  daemon.signal_checker(SIGUSR1);
  run_for(daemon.loop, 100ms);
  const auto check = daemon.status()["checks"][0];
  CHECK(check["status"] == "down");
  CHECK(check["held_down_until"].is_string());
  CHECK_THAT(
      check["detail"].get<std::string>(),
      Catch::StartsWith("it runs, but it went down 5 times, each time after less than 1m; held down for another"));
  CHECK(daemon.waits_for("check nginx: down -> up", FlapDamping::free_falls + 1));  // once the time has passed
  CHECK(daemon.status()["checks"][0]["held_down_until"] == nullptr);
}

TEST_CASE("a status is answered also when a child does not") {
  Daemon daemon(tutorial(), "silent");
  REQUIRE(daemon.runs());
  CHECK(daemon.status()["instances"][0]["name"] == "VI_1");
}
