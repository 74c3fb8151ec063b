#include "parent/drains.hpp"

#include "tests/parent/loop_support.hpp"
#include "tests/parent/temp_folder.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace holdfast::testing;

namespace {

struct Subject {
  TempFolder folder;
  EventLoop loop;
  int changes = 0;
  std::string path = folder.file("drained.json");
  Drains drains{loop, path, {}, {[this] { ++changes; }, [](const JournalEntry&) {}}};
  std::optional<DrainAnswer> answer;

  Drains::Answer taker() {
    answer.reset();
    return [this](const DrainAnswer& result) { answer = result; };
  }
  void drain(const std::vector<DrainGroup>& groups, bool force = false) { drains.drain(groups, force, taker()); }
  void resume(const std::set<std::string>& names) { drains.resume(names, taker()); }
  DrainAnswer waits() {
    REQUIRE(run_until(loop, [this] { return answer.has_value(); }));
    return *answer;
  }
  std::set<std::string> recorded() const {
    const auto names = Drains::read_record(path);
    REQUIRE(names);
    return *names;
  }
};

const DrainGroup web{"web", {"web"}};
const DrainGroup pair{"v4", {"v4", "v6"}};

}  // namespace

TEST_CASE_METHOD(Subject, "a drain is answered when the address is away and that is recorded") {
  drain({web, pair});
  CHECK(changes == 1);
  CHECK(drains.fitness("web") == Fitness::draining);
  CHECK(drains.fitness("v6") == Fitness::draining);
  CHECK_FALSE(drains.fitness("other"));
  CHECK(recorded().empty());

  drains.ended("web", true, "handed over to 192.0.2.2 (drained)");
  CHECK(drains.fitness("web") == Fitness::drained);
  run_for(loop, std::chrono::milliseconds(50));
  CHECK_FALSE(answer);  // the other one is still to come
  drains.ended("v4", true, "drained");
  const DrainAnswer result = waits();
  CHECK(result.ok);
  CHECK(result.lines == std::vector<std::string>{"web: handed over to 192.0.2.2 (drained)", "v4, v6: drained"});
  CHECK(recorded() == std::set<std::string>{"v4", "v6", "web"});

  drain({web});
  CHECK(waits().lines == std::vector<std::string>{"web: drained already"});
  resume({"web"});
  CHECK(waits().ok);
  CHECK_FALSE(drains.fitness("web"));
  CHECK(recorded() == std::set<std::string>{"v4", "v6"});
  resume({});
  waits();
  CHECK(recorded().empty());
  resume({});
  CHECK(waits().lines == std::vector<std::string>{"nothing was drained"});
}

TEST_CASE_METHOD(Subject, "a drain that nobody answers changes nothing") {
  drain({web});
  drains.ended("web", false, "");
  const DrainAnswer result = waits();
  CHECK_FALSE(result.ok);
  CHECK_THAT(result.lines.at(0), Catch::Contains("no other router answered") && Catch::Contains("--force web"));
  CHECK_FALSE(drains.fitness("web"));
  CHECK(recorded().empty());
}

TEST_CASE_METHOD(Subject, "a forced one gives the address up all the same") {
  drain({web}, true);
  CHECK(drains.fitness("web") == Fitness::draining);  // a successor is asked for first
  drains.ended("web", false, "");
  CHECK(drains.fitness("web") == Fitness::drained);
  CHECK(waits().ok);
  CHECK(recorded() == std::set<std::string>{"web"});
}

TEST_CASE_METHOD(Subject, "a drain under way ends when it is resumed, or the VRRP process dies") {
  drain({web});
  std::optional<DrainAnswer> second;
  drains.drain({web}, false, [&](const DrainAnswer& result) { second = result; });
  CHECK_FALSE(second.value().ok);
  SECTION("resumed") {
    drains.resume({"web"}, [](const DrainAnswer& result) { CHECK(result.ok); });
    CHECK_THAT(waits().lines.at(0), Catch::Contains("resumed before"));
  }
  SECTION("died") {
    drains.cancel("the VRRP process died meanwhile");
    CHECK_THAT(waits().lines.at(0), Catch::Contains("died meanwhile"));
  }
  CHECK_FALSE(answer->ok);
  CHECK_FALSE(drains.fitness("web"));
  drains.ended("web", true, "too late");
  CHECK_FALSE(drains.fitness("web"));
}

TEST_CASE_METHOD(Subject, "what can't be recorded is done, and said") {
  std::filesystem::create_directory(path + ".new");
  drain({web});
  drains.ended("web", true, "handed over");
  const DrainAnswer result = waits();
  CHECK_FALSE(result.ok);
  CHECK_THAT(result.lines.at(1), Catch::Contains("cannot write") && Catch::Contains("forgets it"));
  CHECK(drains.fitness("web") == Fitness::drained);
}

TEST_CASE("a record that makes no sense is an error that says what follows from it") {
  TempFolder folder;
  CHECK(Drains::read_record(folder.file("missing"))->empty());
  for (const char* text : {"", "{", "[]", "{\"drained\": 7}", "{\"drained\": [7]}"}) {
    folder.write("drained.json", text, 0600);
    const auto names = Drains::read_record(folder.file("drained.json"));
    REQUIRE_FALSE(names);
    CHECK_THAT(names.error().text, Catch::Contains("makes no sense") && Catch::Contains("until `holdfast resume`"));
  }
  folder.write("drained.json", "{\"drained\":[\"web\"]}\n", 0600);
  CHECK(*Drains::read_record(folder.file("drained.json")) == std::set<std::string>{"web"});
}

TEST_CASE_METHOD(Subject, "a group of which one is drained is away as a whole") {
  drain({web});
  drains.ended("web", true, "handed over");
  waits();
  drain({{"v4", {"v4", "web"}}});  // as a reload has put it together
  CHECK(waits().lines == std::vector<std::string>{"v4, web: drained already"});
  CHECK(recorded() == std::set<std::string>{"v4", "web"});
}
