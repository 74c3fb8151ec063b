#include "parent/systemd_units.hpp"

#include "tests/parent/fake_systemd.hpp"

#include <optional>

using namespace holdfast;
using namespace holdfast::testing;
using namespace std::chrono_literals;

namespace {

struct Bus : PrivateBus {
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
  SystemBus bus(loop, address);
  SystemdUnits restarter(loop, bus);
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
  SystemBus bus(loop, address);
  SystemdUnits restarter(loop, bus);
  CHECK_THAT(restart(restarter, "nginx.service"), Catch::StartsWith("systemd refused: "));
}

TEST_CASE_METHOD(Bus, "a bus that goes away fails what is under way; the next restart connects anew") {
  SystemBus bus(loop, address);
  SystemdUnits restarter(loop, bus);
  {
    FakeSystemd systemd(loop, address);
    CHECK(restart(restarter, "nginx.service") == "done");
    std::optional<std::string> outcome;
    restarter.restart("slow.service", 60s,
                      [&](const Status& status) { outcome = status ? "done" : status.error().text; });
    run_for(loop, 100ms);
    end();
    REQUIRE(run_until(loop, [&] { return outcome.has_value(); }));
    CHECK_THAT(*outcome, Catch::Contains("the connection was lost"));
  }
  std::filesystem::remove(folder.file("bus"));
  CHECK_THAT(restart(restarter, "nginx.service"), Catch::Contains("the system bus cannot be reached: "));
}

TEST_CASE("no bus at all") {
  EventLoop loop;
  SystemBus bus(loop, "unix:path=/nonexistent/bus");
  SystemdUnits restarter(loop, bus);
  std::optional<std::string> outcome;
  restarter.restart("nginx.service", 5s,
                    [&](const Status& status) { outcome = status ? "done" : status.error().text; });
  REQUIRE(run_until(loop, [&] { return outcome.has_value(); }));
  CHECK_THAT(*outcome,
             Catch::Contains("the system bus cannot be reached: ") && Catch::Contains("restart: {command: [...]}"));
}
