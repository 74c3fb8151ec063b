#include "parent/tracking.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace holdfast;

namespace {

using Health = CheckView::Health;
using Effect = TrackConfig::Effect;

InstanceConfig instance(int priority, std::vector<TrackConfig> tracks) {
  InstanceConfig config;
  config.router.name = "VI_1";
  config.router.priority = Priority{static_cast<std::uint8_t>(priority)};
  config.tracks = std::move(tracks);
  return config;
}

Standing standing(const InstanceConfig& config, const std::map<std::string, CheckView>& views) {
  return standing_of(
      config, [&](const TrackConfig& track) { return views.at(track.check.empty() ? track.interface : track.check); });
}

TrackConfig weight(const char* check, int w) { return {check, "", Effect::weight, w}; }
TrackConfig demote(const char* check) { return {check, "", Effect::demote, 0}; }
TrackConfig fault(const char* check) { return {check, "", Effect::fault, 0}; }

int weighed(int base, int w, Health health) {
  return standing(instance(base, {weight("nginx", w)}), {{"nginx", {health, ""}}}).priority.value;
}

}  // namespace

TEST_CASE("an instance without tracks stands as configured") {
  CHECK(standing(instance(100, {}), {}) == Standing{Priority{100}, Fitness::fit, ""});
}

TEST_CASE("a positive weight is added while its check is up") {
  CHECK(weighed(100, 2, Health::up) == 102);
  CHECK(weighed(100, 2, Health::held) == 102);
  CHECK(weighed(100, 2, Health::down) == 100);
  CHECK(weighed(100, 2, Health::unknown) == 100);
  CHECK(weighed(100, 2, Health::neutral) == 100);
}

TEST_CASE("a negative weight is subtracted while its check is not up") {
  CHECK(weighed(100, -20, Health::up) == 100);
  CHECK(weighed(100, -20, Health::held) == 100);
  CHECK(weighed(100, -20, Health::down) == 80);
  CHECK(weighed(100, -20, Health::unknown) == 80);
  CHECK(weighed(100, -20, Health::neutral) == 100);
}

TEST_CASE("the sum stays between 1 and 254, clamped once and not in between") {
  CHECK(weighed(250, 20, Health::up) == 254);
  CHECK(weighed(10, -253, Health::down) == 1);
  const auto both = instance(200, {weight("a", 100), weight("b", -60)});
  CHECK(standing(both, {{"a", {Health::up, ""}}, {"b", {Health::down, ""}}}).priority == Priority{240});
}

TEST_CASE("priority 255 never changes") {
  CHECK(weighed(255, -20, Health::down) == 255);
  CHECK(standing(instance(255, {demote("nginx")}), {{"nginx", {Health::down, ""}}}).fitness == Fitness::fit);
  const Standing faulted = standing(instance(255, {fault("nginx")}), {{"nginx", {Health::down, "gone"}}});
  CHECK(faulted == Standing{Priority{255}, Fitness::faulted, "check nginx is down: gone"});
}

TEST_CASE("demote: anything but up means priority 1, with the reason") {
  const auto config = instance(100, {demote("nginx")});
  CHECK(standing(config, {{"nginx", {Health::up, ""}}}) == Standing{Priority{100}, Fitness::fit, ""});
  CHECK(standing(config, {{"nginx", {Health::held, ""}}}).fitness == Fitness::fit);
  CHECK(standing(config, {{"nginx", {Health::neutral, ""}}}).fitness == Fitness::fit);
  CHECK(standing(config, {{"nginx", {Health::down, "process 4711 of /run/nginx.pid has exited"}}}) ==
        Standing{Priority{1}, Fitness::demoted, "check nginx is down: process 4711 of /run/nginx.pid has exited"});
  CHECK(standing(config, {{"nginx", {Health::unknown, "no result yet"}}}) ==
        Standing{Priority{1}, Fitness::demoted, "check nginx is unknown: no result yet"});
}

TEST_CASE("fault: down faults, unknown only demotes") {
  const auto config = instance(100, {fault("nginx")});
  CHECK(standing(config, {{"nginx", {Health::down, ""}}}) ==
        Standing{Priority{100}, Fitness::faulted, "check nginx is down"});
  CHECK(standing(config, {{"nginx", {Health::unknown, ""}}}) ==
        Standing{Priority{1}, Fitness::demoted, "check nginx is unknown"});
  CHECK(standing(config, {{"nginx", {Health::neutral, ""}}}).fitness == Fitness::fit);
}

TEST_CASE("the worst effect wins and names its own reason") {
  const auto config = instance(100, {weight("w", -5), demote("d"), fault("f")});
  std::map<std::string, CheckView> views{
      {"w", {Health::down, "slow"}}, {"d", {Health::down, ""}}, {"f", {Health::down, ""}}};
  CHECK(standing(config, views) == Standing{Priority{95}, Fitness::faulted, "check f is down"});
  views["f"].health = Health::up;
  CHECK(standing(config, views) == Standing{Priority{1}, Fitness::demoted, "check d is down"});
  views["d"].health = Health::up;
  CHECK(standing(config, views) == Standing{Priority{95}, Fitness::fit, "check w is down: slow"});
}

TEST_CASE("several reasons of one kind are all told") {
  const auto config = instance(100, {demote("a"), demote("b")});
  CHECK(standing(config, {{"a", {Health::down, "x"}}, {"b", {Health::unknown, "y"}}}).reason ==
        "check a is down: x; check b is unknown: y");
}

TEST_CASE("a priority above the configured one says which check earned it") {
  CHECK(standing(instance(100, {weight("nginx", 2)}), {{"nginx", {Health::up, "runs"}}}).reason == "check nginx is up");
}

TEST_CASE("a link counts like a check, and says what is wrong with it once") {
  const auto config = instance(100, {{"", "eth1", Effect::demote, 0}, {"", "eth2", Effect::weight, -10}});
  std::map<std::string, CheckView> views{{"eth1", {Health::up, ""}}, {"eth2", {Health::up, ""}}};
  CHECK(standing(config, views) == Standing{Priority{100}, Fitness::fit, ""});
  views["eth2"] = {Health::down, "interface eth2 has no carrier: is the cable in?"};
  CHECK(standing(config, views) ==
        Standing{Priority{90}, Fitness::fit, "interface eth2 has no carrier: is the cable in?"});
  views["eth1"] = {Health::down, "there is no interface eth1 on this host"};
  CHECK(standing(config, views) ==
        Standing{Priority{1}, Fitness::demoted, "interface eth1 is down: there is no interface eth1 on this host"});
  views["eth1"] = {Health::unknown, "not reported yet"};
  CHECK(standing(config, views).reason == "interface eth1 is unknown: not reported yet");
  CHECK(standing(instance(100, {{"", "eth1", Effect::weight, 5}}), {{"eth1", {Health::up, ""}}}).reason ==
        "interface eth1 is up");
  CHECK(standing(instance(100, {{"", "eth1", Effect::fault, 0}}), {{"eth1", {Health::unknown, ""}}}).fitness ==
        Fitness::demoted);
}

TEST_CASE("who flaps stands back behind all but those that are really down") {
  const std::map<std::string, CheckView> flaps{{"nginx", {Health::flapping, "answered 200"}}};
  for (const TrackConfig& track : {demote("nginx"), fault("nginx")}) {
    CHECK(standing(instance(100, {track}), flaps) ==
          Standing{flapping_priority, Fitness::fit, "check nginx flaps: answered 200"});
  }
  CHECK(flapping_priority > demoted_priority);
  CHECK(weighed(100, 20, Health::flapping) == 100);
  CHECK(weighed(100, -20, Health::flapping) == 80);
  CHECK(standing(instance(100, {demote("nginx"), demote("db")}),
                 {{"nginx", {Health::flapping, ""}}, {"db", {Health::down, ""}}})
            .fitness == Fitness::demoted);
}
