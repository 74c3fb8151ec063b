// The restarter against a bus of our own with a systemd of our own on it: what the real one answers is
// tested on a real one, in tests/system.
#include "parent/systemd_units.hpp"

#include "tests/parent/loop_support.hpp"
#include "tests/parent/temp_folder.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <csignal>
#include <cstring>
#include <optional>

using namespace holdfast;
using namespace holdfast::testing;
using namespace std::chrono_literals;

namespace {

const char* const bus_config = R"(<busconfig><type>system</type><listen>unix:path=@</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>)";

// Answers RestartUnit: the unit's name says how.
class FakeSystemd {
 public:
  FakeSystemd(EventLoop& loop, const std::string& address) {
    REQUIRE(sd_bus_new(&bus_) >= 0);
    REQUIRE(sd_bus_set_address(bus_, address.c_str()) >= 0);
    REQUIRE(sd_bus_set_bus_client(bus_, 1) >= 0);
    REQUIRE(sd_bus_start(bus_) >= 0);
    REQUIRE(sd_bus_request_name(bus_, "org.freedesktop.systemd1", 0) >= 0);
    REQUIRE(sd_bus_add_object(bus_, nullptr, "/org/freedesktop/systemd1", on_call, this) >= 0);
    REQUIRE(sd_bus_attach_event(bus_, loop.raw(), 0) >= 0);
  }
  ~FakeSystemd() { sd_bus_flush_close_unref(bus_); }

  int subscribed = 0;
  int contradictions = 0;  // how often stopping.service still has another job

 private:
  static int on_call(sd_bus_message* message, void* userdata, sd_bus_error*) {
    auto& self = *static_cast<FakeSystemd*>(userdata);
    if (sd_bus_message_is_method_call(message, nullptr, "Subscribe")) {
      ++self.subscribed;
      return sd_bus_reply_method_return(message, "");
    }
    const char *unit = nullptr, *mode = nullptr;
    if (sd_bus_message_read(message, "ss", &unit, &mode) < 0) return 0;
    if (std::strcmp(unit, "missing.service") == 0) {
      return sd_bus_reply_method_errorf(message, "org.freedesktop.systemd1.NoSuchUnit", "Unit %s not found.", unit);
    }
    if (std::strcmp(unit, "stopping.service") == 0 && self.contradictions > 0) {
      --self.contradictions;
      return sd_bus_reply_method_errorf(message, "org.freedesktop.systemd1.TransactionIsDestructive",
                                        "Transaction for %s/restart is destructive", unit);
    }
    const std::string path = "/org/freedesktop/systemd1/job/" + std::to_string(++self.jobs_);
    sd_bus_reply_method_return(message, "o", path.c_str());
    if (std::strcmp(unit, "slow.service") == 0) return 1;
    // Somebody else's job first: it must not be taken for ours.
    self.emit("/org/freedesktop/systemd1/job/999", "other.service", "failed");
    self.emit(path, unit, std::strcmp(unit, "broken.service") == 0 ? "failed" : "done");
    return 1;
  }
  void emit(const std::string& path, const char* unit, const char* result) {
    sd_bus_emit_signal(bus_, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobRemoved", "uoss", 1u,
                       path.c_str(), unit, result);
  }

  sd_bus* bus_ = nullptr;
  unsigned jobs_ = 0;
};

struct Bus {
  TempFolder folder;
  std::string address = "unix:path=" + folder.file("bus");
  pid_t daemon = -1;
  EventLoop loop;

  Bus() {
    std::string config = bus_config;
    config.replace(config.find('@'), 1, folder.file("bus"));
    const std::string file = "--config-file=" + folder.write("bus.conf", config, 0644);
    daemon = fork();
    if (daemon == 0) {
      execlp("dbus-daemon", "dbus-daemon", file.c_str(), "--nofork", "--nopidfile", nullptr);
      _exit(127);
    }
    REQUIRE(run_until(loop, [&] { return std::filesystem::exists(folder.file("bus")); }));
  }
  ~Bus() {
    kill(daemon, SIGKILL);
    waitpid(daemon, nullptr, 0);
  }

  std::string restart(SystemdUnits& restarter, const std::string& unit, Duration timeout = 20s) {
    std::optional<std::string> outcome;
    restarter.restart(unit, timeout, [&](const Status& status) { outcome = status ? "done" : status.error().text; });
    CHECK_FALSE(outcome);  // never from inside restart()
    REQUIRE(run_until(loop, [&] { return outcome.has_value(); }));
    return *outcome;
  }
};

}  // namespace

TEST_CASE_METHOD(Bus, "a restart ends when systemd's job does") {
  FakeSystemd systemd(loop, address);
  SystemdUnits restarter(loop, address);
  CHECK(restart(restarter, "nginx.service") == "done");
  CHECK(restart(restarter, "nginx.service") == "done");
  CHECK(systemd.subscribed == 1);  // one connection for both
  CHECK(restart(restarter, "broken.service") ==
        "systemd's job ended as 'failed' (see: systemctl status broken.service)");
  CHECK(restart(restarter, "missing.service") == "systemd refused: Unit missing.service not found.");
  systemd.contradictions = 2;
  CHECK(restart(restarter, "stopping.service") == "done");
  CHECK(systemd.contradictions == 0);
  systemd.contradictions = 1000;
  CHECK_THAT(restart(restarter, "stopping.service", 300ms), Catch::Contains("within 300ms"));
  CHECK(restart(restarter, "slow.service", 200ms) ==
        "systemd has not finished within 200ms (see: systemctl status slow.service)");
}

TEST_CASE_METHOD(Bus, "without systemd on the bus the restart fails and says so") {
  SystemdUnits restarter(loop, address);
  CHECK_THAT(restart(restarter, "nginx.service"), Catch::StartsWith("systemd refused: "));
}

TEST_CASE_METHOD(Bus, "a bus that goes away fails what is under way; the next restart connects anew") {
  SystemdUnits restarter(loop, address);
  {
    FakeSystemd systemd(loop, address);
    CHECK(restart(restarter, "nginx.service") == "done");
    std::optional<std::string> outcome;
    restarter.restart("slow.service", 60s,
                      [&](const Status& status) { outcome = status ? "done" : status.error().text; });
    run_for(loop, 100ms);
    kill(daemon, SIGKILL);
    waitpid(daemon, nullptr, 0);
    REQUIRE(run_until(loop, [&] { return outcome.has_value(); }));
    CHECK_THAT(*outcome, Catch::Contains("the connection was lost"));
  }
  std::filesystem::remove(folder.file("bus"));
  CHECK_THAT(restart(restarter, "nginx.service"), Catch::Contains("the system bus cannot be reached: "));
}

TEST_CASE("no bus at all") {
  EventLoop loop;
  SystemdUnits restarter(loop, "unix:path=/nonexistent/bus");
  std::optional<std::string> outcome;
  restarter.restart("nginx.service", 5s,
                    [&](const Status& status) { outcome = status ? "done" : status.error().text; });
  REQUIRE(run_until(loop, [&] { return outcome.has_value(); }));
  CHECK_THAT(*outcome,
             Catch::Contains("the system bus cannot be reached: ") && Catch::Contains("restart: {command: [...]}"));
}
