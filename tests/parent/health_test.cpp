#include "parent/health.hpp"

#include "parent/unit_commands.hpp"
#include "tests/parent/fake_systemd.hpp"

#include <fcntl.h>
#include <catch2/catch.hpp>

#include <optional>
#include <variant>

using namespace holdfast;
using namespace holdfast::testing;
using namespace std::chrono_literals;

namespace {

constexpr CheckId id{1};

// A check by a script, on a host with systemd.
struct Scripts : PrivateBus {
  SystemBus bus{loop, address};
  UnitCommands units{loop, bus, Fd(open(HOLDFAST_COMMAND, O_RDONLY | O_CLOEXEC))};
  std::vector<ScriptFinished> told;
  Health health{loop,
                bus,
                &units,
                Account{},
                {[this](const ParentToChecker& message) { told.push_back(std::get<ScriptFinished>(message)); }, [] {},
                 [](JournalEntry) {}}};

  void configure(const std::string& script) {
    CheckConfig check;
    check.spec.name = "script";
    check.spec.probe = ScriptProbe{};
    check.spec.timeout = 20s;
    check.script = CommandConfig{{"/bin/sh", "-c", script}, "", Duration{}};
    health.configure({{id, check}}, false);
  }
};

}  // namespace

TEST_CASE_METHOD(Scripts, "a script that nobody can say anything of is no bad result: it is run again") {
  std::optional<FakeSystemd> systemd;
  SECTION("systemd is not there yet") {
    configure("exit 0");
    health.on(RunScript{id, 7});
    run_for(loop, 1s);
  }
  SECTION("it goes before it has answered") {
    configure("exit 0");
    systemd.emplace(loop, address);
    systemd->deaf = true;
    health.on(RunScript{id, 7});
    run_for(loop, 500ms);
    systemd.reset();
    run_for(loop, 500ms);
  }
  CHECK(told.empty());
  systemd.emplace(loop, address);
  REQUIRE(run_until(loop, [&] { return !told.empty(); }));
  CHECK(told.front().run == 7);
  CHECK(told.front().ok);
  run_for(loop, 500ms);
  CHECK(told.size() == 1);
}

TEST_CASE_METHOD(Scripts, "a script that nobody can say anything of for long is a bad result") {
  configure("exit 0");
  health.on(RunScript{id, 7});
  end();  // no bus at all
  REQUIRE(run_until(loop, [&] { return !told.empty(); }));
  CHECK_FALSE(told.front().ok);
  CHECK_THAT(told.front().detail, Catch::StartsWith("the system bus cannot be reached: "));
}
