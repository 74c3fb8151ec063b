#include "parent/status_document.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

const WallClock clock_at_noon(WallTime(1795348800s), TimePoint(1000s));

struct Example {
  InstanceConfig instance;
  CheckConfig check;
  InstanceReport report;
  DaemonStatus daemon;

  Example() {
    instance.router.name = "VI_1";
    instance.router.interface = "ens33";
    instance.router.vrid = Vrid{66};
    instance.router.version = VrrpVersion::v2;
    VirtualAddress address;
    address.prefix = {IpAddr::v4(192, 168, 16, 130), 32};
    address.interface = "ens33";
    instance.router.addresses.push_back(address);
    instance.tracks = {{"nginx", "", TrackConfig::Effect::weight, 2},
                       {"nginx", "", TrackConfig::Effect::demote, 0},
                       {"", "eth1", TrackConfig::Effect::fault, 0}};
    instance.router.peers = {IpAddr::v4(192, 168, 16, 129)};
    instance.sync_group = "web";
    instance.leader = "VI_0";
    check.spec.name = "nginx";
    report.active_router = IpAddr::v4(192, 168, 16, 128);
    report.active_priority = Priority{102};
    report.addresses = {{address, true, ""}};
    report.last_advert_source = IpAddr::v4(192, 168, 16, 129);
    report.up_since = TimePoint(900s);
    report.active_down_interval = 3609375us;
    report.skew_time = 609375us;
    report.last_event = "master-timeout";
    report.statistics.advertisement_sent = 7;

    daemon.node = "web-1";
    daemon.started = TimePoint(940s);
    daemon.config_file = "/etc/holdfast/holdfast.yaml";
    daemon.config_loaded = TimePoint(940s);
    daemon.processes = {{"parent", "root", {1, {"cap_kill"}, 0, "running"}}};
    daemon.instances = {
        {&instance, {Priority{102}, Fitness::fit, ""}, InstanceState::active, TimePoint(990s), "why", false, &report}};
    Health::Summary summary;
    summary.status = CheckStatus::up;
    summary.since = TimePoint(950s);
    summary.detail = "runs";
    summary.latency = 100us;
    daemon.checks = {{&check, summary}};
    daemon.interfaces = {{"eth1", CheckStatus::down}};
    NotificationQueue::Counters counters;
    counters.queued = 1;
    counters.failed = 2;
    counters.last_error = "refused";
    daemon.notifications = {{"mail", "email", counters}};
    daemon.counting_since = TimePoint(910s);
    daemon.statistics.vrid_errors = 4;
  }
};

}  // namespace

TEST_CASE("the document has the contract's shape") {
  const Example example;
  const auto json = status_document(example.daemon, clock_at_noon);
  CHECK(json["node"] == "web-1");
  CHECK(json["version"] == HOLDFAST_VERSION);
  CHECK(json["started"] == "2026-11-22T11:59:00.000Z");
  CHECK(json["config"].dump() ==
        R"({"file":"/etc/holdfast/holdfast.yaml","loaded":"2026-11-22T11:59:00.000Z","error":null})");
  CHECK(json["processes"].dump() ==
        R"([{"role":"parent","pid":1,"user":"root","capabilities":["cap_kill"],"restarts":0,"state":"running"}])");
  auto instance = json["instances"][0];
  CHECK(instance["statistics"]["advertisement_sent"] == 7);
  CHECK(instance["statistics"]["checksum_errors"] == 0);
  instance.erase("statistics");
  CHECK(
      instance.dump() ==
      R"({"name":"VI_1","state":"active","since":"2026-11-22T11:59:50.000Z","reason":"why","interface":"ens33",)"
      R"("vrid":66,"family":"ipv4","version":2,"priority":{"configured":100,"effective":102,"reason":null},)"
      R"("advert_interval_ms":1000,"peers":["192.168.16.129"],"virtual_mac":false,"sync_group":"web","leader":"VI_0",)"
      R"("drained":false,"handing_over":false,"active_router":{"address":"192.168.16.128","priority":102},)"
      R"("addresses":[{"address":"192.168.16.130/32","interface":"ens33","present":true,"problem":null}],)"
      R"("conflicts":[],"move":null,"tracks":[{"check":"nginx","status":"up","weight":2},)"
      R"({"check":"nginx","status":"up","while_down":"demote"},)"
      R"({"interface":"eth1","status":"down","while_down":"fault"}],)"
      R"("is_owner":false,"last_adv_source":"192.168.16.129","up_datetime":"2026-11-22T11:58:20.000Z",)"
      R"("master_down_interval":361,"skew_time":609375,"last_event":"master-timeout","new_master_reason":null})");
  auto global = json["statistics"];
  CHECK(global["virtual_routers"] == 1);
  CHECK(global["interfaces"] == 1);
  CHECK(global["discontinuity_datetime"] == "2026-11-22T11:58:30.000Z");
  CHECK(global["vrid_errors"] == 4);
  CHECK(json["checks"].dump() ==
        R"([{"name":"nginx","type":"process","status":"up","since":"2026-11-22T11:59:10.000Z","detail":"runs",)"
        R"("restart":null,"held_down_until":null,"runs":0,"failures":0,"restarts":0,"latency_ms":0.1}])");
  CHECK(json["notifications"].dump() ==
        R"([{"name":"mail","type":"email","queued":1,"sent":0,"failed":2,"dropped":0,"last_error":"refused"}])");
}

TEST_CASE("how the move of an instance goes") {
  Example example;
  example.daemon.instances[0].move = MoveStatus{MoveQueue::State::waiting, 3, "no"};
  CHECK(status_document(example.daemon, clock_at_noon)["instances"][0]["move"].dump() ==
        R"({"state":"waiting","failed":3,"last_error":"no"})");
}

TEST_CASE("conflicts are told; times that can't be are not believed") {
  Example example;
  ConflictReport conflict;
  conflict.kind = "two_actives";
  conflict.peer = IpAddr::v4(192, 168, 16, 7);
  conflict.since = TimePoint(970s);
  conflict.last = TimePoint::max();
  conflict.count = 3;
  conflict.text = "another router is active";
  example.report.conflicts = {conflict};
  CHECK(status_document(example.daemon, clock_at_noon)["instances"][0]["conflicts"].dump() ==
        R"([{"kind":"two_actives","address":"192.168.16.7","since":"2026-11-22T11:59:30.000Z",)"
        R"("last":"2026-11-22T12:00:00.000Z","count":3,"text":"another router is active"}])");
  example.report.conflicts[0].since = TimePoint::min();
  CHECK_NOTHROW(status_document(example.daemon, clock_at_noon));
}

TEST_CASE("what is wrong with an address is told") {
  Example example;
  example.report.addresses[0].problem = "somebody else has it";
  CHECK(status_document(example.daemon, clock_at_noon)["instances"][0]["addresses"][0]["problem"] ==
        "somebody else has it");
}

TEST_CASE("several virtual routers may share an interface") {
  Example example;
  InstanceConfig other = example.instance;
  example.daemon.instances.push_back(example.daemon.instances[0]);
  other.router.interface = "eth7";
  example.daemon.instances.push_back({&other, {}, InstanceState::backup, TimePoint(990s), "why", true, nullptr});
  const auto json = status_document(example.daemon, clock_at_noon)["statistics"];
  CHECK(json["virtual_routers"] == 3);
  CHECK(json["interfaces"] == 2);
}

TEST_CASE("without a report nothing is claimed") {
  Example example;
  example.daemon.instances[0].report = nullptr;
  example.daemon.config_error = "line 3";
  const auto json = status_document(example.daemon, clock_at_noon);
  CHECK(json["instances"][0]["active_router"] == nullptr);
  CHECK(json["instances"][0]["addresses"][0]["present"] == false);
  CHECK(json["instances"][0]["up_datetime"] == nullptr);
  CHECK(json["instances"][0]["last_adv_source"] == nullptr);
  CHECK(json["instances"][0]["last_event"] == nullptr);
  CHECK(json["config"]["error"] == "line 3");
}
