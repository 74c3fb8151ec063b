// The whole checker, driven as the parent drives it, over a socketpair on one loop.
#include "checker_child/checker_process.hpp"

#include "common/log.hpp"
#include "common/privileges.hpp"
#include "tests/checker_child/support.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <variant>

using namespace holdfast;
using namespace holdfast::test;

namespace {

class Parent {
 public:
  Parent() {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    channel_.emplace(loop, Fd(ends[0]),
                     Talk::Handlers{.message = [this](CheckerToParent&& m) { heard.push_back(std::move(m)); },
                                    .closed = [](const std::string&) {}});
    raw_ = ends[0];
    checker.emplace(loop, Fd(ends[1]), [this](const CheckerRights& rights) -> Status {
      confined_to = rights;
      return {};
    });
    set_log_sink([this](LogLevel, std::string_view text) { logged += text; });
  }
  ~Parent() {
    set_log_sink([](LogLevel, std::string_view) {});
  }

  void send(const ParentToChecker& message) { channel_->send(message); }
  void send_raw(const std::string& bytes) { ::send(raw_, bytes.data(), bytes.size(), 0); }
  void hang_up() { channel_.reset(); }

  void configure(const std::vector<std::pair<CheckId, CheckSpec>>& checks) {
    send(BeginConfig{++generation});
    for (const auto& [id, check] : checks) send(ConfigureCheck{id, check});
    send(CommitConfig{generation});
    const auto applied = wait_for<ConfigApplied>([&](const auto& m) { return m.generation == generation; });
    REQUIRE(applied);
  }

  // The first message of this kind that `wanted` accepts, among those not yet waited for.
  template <class Message, class Wanted>
  std::optional<Message> wait_for(Wanted wanted, Duration limit = patience) {
    std::optional<Message> found;
    run_until(
        loop,
        [&] {
          for (auto it = heard.begin(); it != heard.end(); ++it) {
            const auto* message = std::get_if<Message>(&*it);
            if (!message || !wanted(*message)) continue;
            found = *message;
            heard.erase(it);
            return true;
          }
          return false;
        },
        limit);
    return found;
  }
  template <class Message>
  std::optional<Message> wait_for() {
    return wait_for<Message>([](const Message&) { return true; });
  }

  std::optional<HealthChanged> health(CheckId id, CheckStatus status) {
    return wait_for<HealthChanged>([&](const auto& m) { return m.id == id && m.status == status; });
  }
  std::vector<CheckReport> reports() {
    send(RequestReports{++serial});
    REQUIRE(wait_for<ReportsDone>([&](const auto& m) { return m.serial == serial; }));
    std::vector<CheckReport> all;
    for (const auto& message : heard) {
      if (const auto* report = std::get_if<CheckReport>(&message)) all.push_back(*report);
    }
    std::erase_if(heard, [](const auto& m) { return std::holds_alternative<CheckReport>(m); });
    return all;
  }
  // Lets the loop run to its end.
  int exit_code() {
    const TimePoint end = loop.now() + patience;
    while (sd_event_get_state(loop.raw()) != SD_EVENT_FINISHED && loop.now() < end) sd_event_run(loop.raw(), 5000);
    int code = -1;
    sd_event_get_exit_code(loop.raw(), &code);
    return code;
  }

  EventLoop loop;
  std::vector<CheckerToParent> heard;
  std::string logged;
  std::uint32_t generation = 0;
  std::uint64_t serial = 0;
  std::optional<CheckerRights> confined_to;
  std::optional<CheckerProcess> checker;

 private:
  using Talk = Channel<ParentToChecker, CheckerToParent>;
  std::optional<Talk> channel_;
  int raw_ = -1;
};

CheckSpec spec(std::string name, Probe probe, Duration interval = 20ms, Duration timeout = 10s) {
  CheckSpec check;
  check.name = std::move(name);
  check.probe = std::move(probe);
  check.interval = interval;
  check.timeout = timeout;
  return check;
}

Probe pid_file(const std::string& path) { return ProcessProbe{.pid_file = path, .name = ""}; }

constexpr CheckId first{1};
constexpr CheckId second{2};

}  // namespace

TEST_CASE("the checker says that it is ready, and answers pings") {
  Parent parent;
  const auto ready = parent.wait_for<ChildReady>();
  REQUIRE(ready);
  CHECK(ready->capabilities == effective_capabilities());
  parent.send(Ping{42});
  const auto pong = parent.wait_for<Pong>();
  REQUIRE(pong);
  CHECK(pong->serial == 42);
}

TEST_CASE("the first result is told once, then only changes are") {
  Parent parent;
  TempFolder folder;
  Sleeper nginx;
  write_file(folder.file("pid"), std::to_string(nginx.pid()));
  parent.configure({{first, spec("nginx", pid_file(folder.file("pid")))}});
  const auto up = parent.health(first, CheckStatus::up);
  REQUIRE(up);
  CHECK(up->detail.find(" is running") != std::string::npos);

  run_until(
      parent.loop, [] { return false; }, 100ms);
  const auto reports = parent.reports();
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].status == CheckStatus::up);
  CHECK(reports[0].runs >= 2);
  CHECK(reports[0].failures == 0);
  CHECK(reports[0].since <= up->at);
  CHECK(std::none_of(parent.heard.begin(), parent.heard.end(),
                     [](const auto& m) { return std::holds_alternative<HealthChanged>(m); }));

  nginx.kill_and_reap();
  const auto down = parent.health(first, CheckStatus::down);
  REQUIRE(down);
  CHECK(down->detail.find(" has exited") != std::string::npos);

  Sleeper restarted;
  write_file(folder.file("pid"), std::to_string(restarted.pid()));
  CHECK(parent.health(first, CheckStatus::up));
}

TEST_CASE("death and restart are seen without waiting for the interval") {
  Parent parent;
  TempFolder folder;
  Sleeper nginx;
  write_file(folder.file("pid"), std::to_string(nginx.pid()));
  CheckSpec check = spec("nginx", pid_file(folder.file("pid")), 1h);
  check.fall = 5;
  parent.configure({{first, check}});
  REQUIRE(parent.health(first, CheckStatus::up));
  nginx.kill_and_reap();
  REQUIRE(parent.health(first, CheckStatus::down));
  Sleeper restarted;
  write_file(folder.file("pid"), std::to_string(restarted.pid()));
  CHECK(parent.health(first, CheckStatus::up));
}

TEST_CASE("tcp and http checks") {
  Parent parent;
  Server server([](int connection) {
    read_until(connection, "\r\n\r\n");
    write_all(connection, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  });
  HttpProbe http;
  http.url = "http://" + server.text() + "/";
  const TcpProbe tcp{.host = "127.0.0.1", .port = server.port(), .send = "\r\n\r\n", .expect = "^HTTP"};
  CheckSpec twice = spec("tcp", tcp);
  twice.fall = 2;
  parent.configure({{first, twice}, {second, spec("http", http)}});
  CHECK(parent.health(first, CheckStatus::up));
  const auto up = parent.health(second, CheckStatus::up);
  REQUIRE(up);
  CHECK(up->detail == "answered 204");
  server.stop();
  CHECK(parent.health(first, CheckStatus::down));
  CHECK(parent.health(second, CheckStatus::down));
  for (const auto& report : parent.reports()) CHECK(report.detail.find("Connection refused") != std::string::npos);
}

TEST_CASE("a server that never answers is down after the timeout, and is let go") {
  Parent parent;
  std::atomic<bool> let_go = false;
  Server silent([&](int connection) {
    wait_for_close(connection);
    let_go = true;
  });
  HttpProbe http;
  http.url = "http://" + silent.text() + "/";
  const TcpProbe tcp{.host = "127.0.0.1", .port = silent.port(), .send = "", .expect = "ready"};
  const bool by_http = GENERATE(true, false);
  parent.configure({{first, spec("silent", by_http ? Probe(http) : Probe(tcp), 1h, 50ms)}});
  const auto down = parent.health(first, CheckStatus::down);
  REQUIRE(down);
  if (by_http)
    CHECK(down->detail == "no answer within 50 ms: GET " + http.url);
  else
    CHECK(down->detail == "no answer within 50 ms: connected to " + silent.text() + ", but no 'ready' came");
  CHECK(run_until(parent.loop, [&] { return let_go.load(); }));
}

TEST_CASE("a script is run by the parent") {
  Parent parent;
  parent.configure({{first, spec("script", ScriptProbe{}, 1h, 1h)}});
  const auto asked = parent.wait_for<RunScript>();
  REQUIRE(asked);
  CHECK(asked->id == first);
  SECTION("a foreign answer is ignored, the right one counts") {
    parent.send(ScriptFinished{first, asked->run + 1, true, "exited with status 0", 5ms});
    parent.send(ScriptFinished{second, asked->run, true, "exited with status 0", 5ms});
    CHECK(parent.reports().at(0).status == CheckStatus::unknown);
    parent.send(ScriptFinished{first, asked->run, false, "exited with status 1", 5ms});
    const auto down = parent.health(first, CheckStatus::down);
    REQUIRE(down);
    CHECK(down->detail == "exited with status 1");
    CHECK(parent.reports().at(0).latency == 5ms);
    parent.send(ScriptFinished{first, asked->run, true, "exited with status 0", 5ms});
    CHECK(parent.reports().at(0).status == CheckStatus::down);
  }
  SECTION("an answer to the check before a reload is ignored") {
    parent.configure({{first, spec("script", ScriptProbe{}, 2h, 1h)}});
    const auto again = parent.wait_for<RunScript>();
    REQUIRE(again);
    CHECK(again->run != asked->run);
    parent.send(ScriptFinished{first, asked->run, true, "", 5ms});
    CHECK(parent.reports().at(0).status == CheckStatus::unknown);
  }
  SECTION("probe now during the run asks once more after it") {
    parent.send(ProbeNow{first});
    parent.send(ScriptFinished{first, asked->run, false, "", 5ms});
    const auto again = parent.wait_for<RunScript>();
    REQUIRE(again);
    parent.send(ScriptFinished{first, again->run, true, "", 5ms});
    CHECK(parent.health(first, CheckStatus::up));
  }
}

TEST_CASE("a reload leaves unchanged checks alone, stops removed ones, starts changed ones anew") {
  Parent parent;
  const CheckSpec kept = spec("kept", ScriptProbe{}, 1h, 1h);
  const CheckSpec changed = spec("changed", ScriptProbe{}, 1h, 1h);
  const CheckSpec removed = spec("removed", ScriptProbe{}, 1h, 1h);
  parent.configure({{CheckId{1}, kept}, {CheckId{2}, changed}, {CheckId{3}, removed}});
  std::map<CheckId, std::uint64_t> runs;
  for (int i = 0; i < 3; ++i) {
    const auto asked = parent.wait_for<RunScript>();
    REQUIRE(asked);
    runs[asked->id] = asked->run;
  }
  for (const auto& [id, run] : runs) parent.send(ScriptFinished{id, run, true, "fine", 1ms});
  for (const auto& [id, run] : runs) REQUIRE(parent.health(id, CheckStatus::up));
  const auto before = parent.reports();

  CheckSpec faster = changed;
  faster.interval = 30min;
  parent.configure({{CheckId{1}, kept}, {CheckId{2}, faster}});
  const auto asked = parent.wait_for<RunScript>();
  REQUIRE(asked);
  CHECK(asked->id == CheckId{2});
  const auto after = parent.reports();
  REQUIRE(after.size() == 2);
  CHECK(after[0] == before[0]);
  CHECK(after[1].status == CheckStatus::up);
  CHECK(after[1].since == before[1].since);
  CHECK(after[1].runs == 0);

  SECTION("its first result is told, although it is the same") {
    parent.send(ScriptFinished{CheckId{2}, asked->run, true, "fine", 1ms});
    CHECK(parent.health(CheckId{2}, CheckStatus::up));
  }
  SECTION("another check under the same number inherits nothing") {
    parent.configure({{CheckId{1}, kept}, {CheckId{2}, spec("other", ScriptProbe{}, 1h, 1h)}});
    CHECK(parent.reports().at(1).status == CheckStatus::unknown);
  }
  SECTION("nothing left") {
    parent.configure({});
    CHECK(parent.reports().empty());
    parent.send(ProbeNow{CheckId{1}});  // was under way when the check went
    parent.send(Ping{1});
    CHECK(parent.wait_for<Pong>());
  }
}

TEST_CASE("a thousand checks at once") {
  Parent parent;
  std::vector<std::pair<CheckId, CheckSpec>> checks;
  for (std::uint32_t id = 0; id < 1000; ++id) {
    checks.emplace_back(CheckId{id}, spec("check" + std::to_string(id), pid_file("/proc/self/nothing"), 200ms));
  }
  parent.configure(checks);
  for (const auto& [id, check] : checks) REQUIRE(parent.health(id, CheckStatus::down));
  CHECK(parent.reports().size() == 1000);
  parent.configure({});
}

TEST_CASE("the end") {
  Parent parent;
  SECTION("on Shutdown") { parent.send(Shutdown{}); }
  SECTION("when the parent is gone") { parent.hang_up(); }
  CHECK(parent.exit_code() == 0);
}

TEST_CASE("a parent that makes no sense ends the checker with an error") {
  Parent parent;
  const CheckSpec check = spec("x", ScriptProbe{});
  SECTION("a check outside of a configuration") {
    parent.send(ConfigureCheck{first, check});
    CHECK(parent.exit_code() == 1);
    CHECK(parent.logged == "stopping: check x is configured outside of a configuration");
  }
  SECTION("a commit without a begin") {
    parent.send(CommitConfig{1});
    CHECK(parent.exit_code() == 1);
  }
  SECTION("a commit of another configuration") {
    parent.send(BeginConfig{1});
    parent.send(CommitConfig{2});
    CHECK(parent.exit_code() == 1);
  }
  SECTION("two begins") {
    parent.send(BeginConfig{1});
    parent.send(BeginConfig{2});
    CHECK(parent.exit_code() == 1);
  }
  SECTION("a number twice") {
    parent.send(BeginConfig{1});
    parent.send(ConfigureCheck{first, check});
    parent.send(ConfigureCheck{first, check});
    CHECK(parent.exit_code() == 1);
  }
  SECTION("no interval") {
    parent.send(BeginConfig{1});
    parent.send(ConfigureCheck{first, spec("x", ScriptProbe{}, 0ms)});
    CHECK(parent.exit_code() == 1);
  }
  SECTION("no timeout") {
    parent.send(BeginConfig{1});
    parent.send(ConfigureCheck{first, spec("x", ScriptProbe{}, 1s, 0ms)});
    CHECK(parent.exit_code() == 1);
  }
  SECTION("garbage") {
    parent.send_raw("\xff\xff");
    CHECK(parent.exit_code() == 1);
    CHECK(parent.logged == "stopping: the channel to holdfastd failed: it sent a malformed message");
  }
  CHECK_FALSE(parent.logged.empty());
}

TEST_CASE("log lines go to the parent") {
  Parent parent;
  parent.checker->say(LogLevel::notice, "hello");
  const auto line = parent.wait_for<Logged>();
  REQUIRE(line);
  CHECK(line->level == LogLevel::notice);
  CHECK(line->text == "hello");
}
