// What journal entries tell people and programs.
#include "parent/news.hpp"

#include "parent/message_ids.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace holdfast;

namespace {

const TimePoint now{std::chrono::hours(1)};
using Fields = std::vector<std::pair<const char*, std::string>>;
using Words = std::vector<std::string>;

Config two_instances() {
  Config config;
  config.node = "web-1";
  for (const char* name : {"VI_1", "VI_2"}) {
    InstanceConfig instance;
    instance.router.name = name;
    instance.router.interface = "eth0";
    instance.router.vrid = Vrid{66};
    instance.router.priority = Priority{100};
    instance.router.addresses = {{{IpAddr::v4(10, 0, 0, 5), 32}, "eth0", "", AddressScope::global, true},
                                 {{IpAddr::v4(10, 0, 0, 6), 24}, "eth0", "", AddressScope::global, true}};
    instance.tracks.push_back({"nginx", "", TrackConfig::Effect::demote, 0});
    config.instances.push_back(instance);
  }
  return config;
}

struct Reader {
  News news;
  Reader() { news.configure(two_instances()); }

  std::vector<Notification> read(const char* id, Fields fields, const std::string& text = "") {
    return news.of({LogLevel::notice, text, id, std::move(fields)}, now);
  }
  Notification transition(const std::string& from, const std::string& to, const std::string& priority = "102") {
    return read(message_id::transition, {{"HOLDFAST_INSTANCE", "VI_1"},
                                         {"HOLDFAST_FROM", from},
                                         {"HOLDFAST_TO", to},
                                         {"HOLDFAST_REASON", "nobody was heard"},
                                         {"HOLDFAST_PRIORITY", priority},
                                         {"HOLDFAST_VRID", "66"}})
        .at(0);
  }
  std::vector<Notification> health(const std::string& from, const std::string& to) {
    return read(message_id::health_changed, {{"HOLDFAST_CHECK", "nginx"},
                                             {"HOLDFAST_FROM", from},
                                             {"HOLDFAST_TO", to},
                                             {"HOLDFAST_REASON", "it has exited"}});
  }
};

bool has(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

TEST_CASE("a transition has keepalived's arguments and everything else in the environment") {
  Reader reader;
  const Notification active = reader.transition("backup", "active");
  CHECK(active.kind == NotifyEvent::active);
  CHECK(active.text == "VI_1: backup -> active: nobody was heard");
  CHECK(active.title == "VI_1 is active");
  CHECK(arguments_of(active) == Words{"INSTANCE", "VI_1", "MASTER", "102"});
  const Words environment = environment_of(active);
  for (const char* variable :
       {"HOLDFAST_INSTANCE=VI_1", "HOLDFAST_FROM=backup", "HOLDFAST_TO=active", "HOLDFAST_REASON=nobody was heard",
        "HOLDFAST_PRIORITY=102", "HOLDFAST_VRID=66", "HOLDFAST_NODE=web-1", "HOLDFAST_EVENT=active",
        "HOLDFAST_ADDRESSES=10.0.0.5 10.0.0.6", "HOLDFAST_INTERFACE=eth0"}) {
    CAPTURE(variable);
    CHECK(has(environment, variable));
  }
  CHECK(std::any_of(environment.begin(), environment.end(),
                    [](const std::string& variable) { return variable.starts_with("HOLDFAST_TIME=20"); }));
  CHECK(arguments_of(reader.transition("active", "backup")) == Words{"INSTANCE", "VI_1", "BACKUP", "102"});
  CHECK(arguments_of(reader.transition("active", "fault")) == Words{"INSTANCE", "VI_1", "FAULT", "102"});
  CHECK(reader.transition("active", "fault").status == Notification::Status::problem);
  // A router that leaves says 0; scripts want the priority that it has.
  CHECK(arguments_of(reader.transition("active", "initialize", "0")) == Words{"INSTANCE", "VI_1", "STOP", "100"});
}

TEST_CASE("checks concern those who track them") {
  Reader reader;
  const auto down = reader.health("up", "down");
  REQUIRE(down.size() == 1);
  CHECK(down[0].kind == NotifyEvent::check_down);
  CHECK(down[0].instances == Words{"VI_1", "VI_2"});
  CHECK(down[0].text == "check nginx: up -> down: it has exited");
  CHECK(arguments_of(down[0]) == Words{"CHECK", "nginx", "DOWN", "0"});
  CHECK(reader.health("up", "unknown").at(0).kind == NotifyEvent::check_down);
  CHECK(reader.health("unknown", "down").at(0).kind == NotifyEvent::check_down);
  CHECK(reader.health("down", "unknown").empty());
  CHECK(reader.health("down", "up").at(0).kind == NotifyEvent::check_up);
  // For those only who were told that it was not up.
  CHECK_FALSE(reader.health("unknown", "up").at(0).kind);
  CHECK(reader.health("unknown", "up").at(0).status == Notification::Status::recovery);
}

TEST_CASE("restarts that fail") {
  Reader reader;
  for (const char* id : {message_id::restart_failed, message_id::restarts_exhausted}) {
    const auto news = reader.read(id, {{"HOLDFAST_CHECK", "nginx"}}, "check nginx: could not restart nginx.service");
    REQUIRE(news.size() == 1);
    CHECK(news[0].kind == NotifyEvent::restart_failed);
    CHECK(news[0].topic == reader.health("up", "down").at(0).topic);
    CHECK(arguments_of(news[0]) == Words{"CHECK", "nginx", "RESTART_FAILED", "0"});
  }
}

TEST_CASE("a restart is refused for a broken configuration, which is a problem, or for what was stopped on purpose") {
  Reader reader;
  const Fields fields{{"HOLDFAST_CHECK", "nginx"}};
  CHECK(reader.news.of({LogLevel::error, "nginx -t", message_id::restart_refused, fields}, now).size() == 1);
  CHECK(reader.news.of({LogLevel::notice, "on purpose", message_id::restart_refused, fields}, now).empty());
}

TEST_CASE("a conflict is told once, and its winner says that it is still active") {
  Reader reader;
  reader.transition("backup", "active");
  const auto began = reader.read(message_id::conflict, {{"HOLDFAST_INSTANCE", "VI_1"},
                                                        {"HOLDFAST_PEER", "10.0.0.9"},
                                                        {"HOLDFAST_REASON", "two"},
                                                        {"HOLDFAST_REPEATED", "no"}});
  REQUIRE(began.size() == 1);
  CHECK(began[0].kind == NotifyEvent::conflict);
  CHECK(has(environment_of(began[0]), "HOLDFAST_PEER=10.0.0.9"));
  CHECK(reader.read(message_id::conflict, {{"HOLDFAST_INSTANCE", "VI_1"}, {"HOLDFAST_REPEATED", "yes"}}).empty());
  CHECK(reader.read(message_id::conflict_over, {{"HOLDFAST_INSTANCE", "VI_1"}, {"HOLDFAST_RESULT", "over"}}).size() ==
        1);
  const auto won = reader.read(message_id::conflict_over, {{"HOLDFAST_INSTANCE", "VI_1"}, {"HOLDFAST_RESULT", "won"}});
  REQUIRE(won.size() == 2);
  CHECK(won[0].kind == NotifyEvent::conflict_over);
  CHECK(won[0].topic == began[0].topic);
  CHECK(won[1].kind == NotifyEvent::active);
  CHECK(has(environment_of(won[1]), "HOLDFAST_EVENT=still_active"));
  CHECK(arguments_of(won[1]) == Words{"INSTANCE", "VI_1", "MASTER", "102"});
}

TEST_CASE("a test tells the present state") {
  Reader reader;
  CHECK(arguments_of(reader.news.test({}, now)) == Words{"INSTANCE", "VI_1", "STOP", "100"});
  reader.transition("backup", "active");
  const Notification test = reader.news.test({"VI_1"}, now);
  CHECK(arguments_of(test) == Words{"INSTANCE", "VI_1", "MASTER", "102"});
  CHECK(has(environment_of(test), "HOLDFAST_EVENT=test"));
  CHECK(arguments_of(reader.news.test({"VI_2"}, now)) == Words{"INSTANCE", "VI_2", "STOP", "100"});
}

TEST_CASE("other entries are no news") {
  Reader reader;
  CHECK(reader.read(nullptr, {}).empty());
  CHECK(reader.read(message_id::started, {}).empty());
}

TEST_CASE("an instance that a reload removes may still say that it stops") {
  Reader reader;
  Config fewer = two_instances();
  fewer.instances.erase(fewer.instances.begin());
  reader.news.configure(fewer);
  CHECK(arguments_of(reader.transition("active", "initialize")) == Words{"INSTANCE", "VI_1", "STOP", "102"});
}
