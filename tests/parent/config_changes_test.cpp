#include "parent/config_changes.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Config tutorial() {
  Config config;
  config.node = "web-1";
  CheckConfig check;
  check.spec.name = "nginx";
  check.spec.probe = ProcessProbe{"/run/nginx.pid", ""};
  config.checks.push_back(check);
  InstanceConfig instance;
  instance.router.name = "VI_1";
  instance.router.interface = "ens33";
  instance.router.vrid = Vrid{66};
  instance.router.password = "1111";
  config.instances.push_back(instance);
  return config;
}

}  // namespace

TEST_CASE("nothing changed, nothing said") { CHECK(describe_changes(tutorial(), tutorial()).empty()); }

TEST_CASE("what changed in an instance is named with both values") {
  Config after = tutorial();
  VirtualRouterConfig& router = after.instances[0].router;
  router.priority = Priority{90};
  router.advert_interval = 100ms;
  router.preempt = false;
  CHECK(describe_changes(tutorial(), after) == Lines{"instance VI_1: priority 100 -> 90",
                                                     "instance VI_1: advert_interval 1s -> 100ms",
                                                     "instance VI_1: preempt true -> false"});
}

TEST_CASE("a password is never shown") {
  Config after = tutorial();
  after.instances[0].router.password = "hunter2";
  CHECK(describe_changes(tutorial(), after) == Lines{"instance VI_1: password changed"});
}

TEST_CASE("checks and instances come and go") {
  Config after = tutorial();
  after.checks[0].spec.name = "haproxy";
  after.instances.clear();
  CHECK(describe_changes(tutorial(), after) ==
        Lines{"check nginx: removed", "check haproxy: added", "instance VI_1: removed"});
}

TEST_CASE("what changed in a check") {
  Config after = tutorial();
  after.checks[0].spec.probe = TcpProbe{"127.0.0.1", 80, "", ""};
  after.checks[0].spec.fall = 2;
  after.checks[0].restart = RestartConfig{};
  CHECK(describe_changes(tutorial(), after) ==
        Lines{"check nginx: type process -> tcp", "check nginx: fall 1 -> 2", "check nginx: restart changed"});
}

TEST_CASE("every key of an instance is told") {
  Config after = tutorial();
  VirtualRouterConfig& router = after.instances[0].router;
  router.family = IpFamily::ipv6;
  router.mixed_versions = true;
  router.source = IpAddr::v4(10, 0, 0, 9);
  router.virtual_mac = true;
  router.require_link_local_first = true;
  router.announce.refresh = 1min;
  after.instances[0].sync_group = "G1";
  after.instances[0].leader = "VI_0";
  CHECK(describe_changes(tutorial(), after) ==
        Lines{"instance VI_1: family IPv4 -> IPv6", "instance VI_1: mixed_versions false -> true",
              "instance VI_1: announce refresh 10s -> 1m", "instance VI_1: source none -> 10.0.0.9",
              "instance VI_1: virtual_mac false -> true", "instance VI_1: require_link_local_first false -> true",
              "instance VI_1: sync_group none -> G1", "instance VI_1: leader none -> VI_0"});
}

TEST_CASE("targets and moves") {
  Config before = tutorial();
  before.notify = {{"mail", {NotifyEvent::fault}, {}, 30s, NotifyEmail{}},
                   {"pager", {NotifyEvent::fault}, {}, 30s, NotifyCommand{{"/bin/page"}, ""}}};
  Config after = before;
  std::get<NotifyEmail>(after.notify[0].how).password = "other";
  after.notify[0].timeout = 10s;
  after.notify[1] = {"hook", {NotifyEvent::fault}, {}, 10s, NotifyWebhook{}};
  after.instances[0].move = MoveConfig{};
  CHECK(describe_changes(before, after) == Lines{"instance VI_1: move changed", "target mail: how it is told changed",
                                                 "target mail: timeout 30s -> 10s", "target pager: removed",
                                                 "target hook: added"});
}

TEST_CASE("lists say what came and went") {
  const auto address = [](std::uint8_t last, const char* label = "") {
    return VirtualAddress{{IpAddr::v4(10, 0, 0, last), 32}, "eth0", label, AddressScope::global, true};
  };
  Config before = tutorial();
  before.instances[0].router.addresses = {address(5), address(7)};
  before.instances[0].router.peers = {IpAddr::v4(10, 0, 0, 2), IpAddr::v4(10, 0, 0, 3)};
  before.instances[0].tracks = {{"nginx", "", TrackConfig::Effect::demote, 0}};
  Config after = before;
  after.instances[0].router.addresses = {address(6), address(7, "eth0:vip")};
  after.instances[0].router.peers = {IpAddr::v4(10, 0, 0, 3), IpAddr::v4(10, 0, 0, 2)};
  after.instances[0].tracks = {{"", "eth1", TrackConfig::Effect::demote, 0}};
  CHECK(describe_changes(before, after) ==
        Lines{"instance VI_1: peers: another order",
              "instance VI_1: addresses: 10.0.0.5/32 removed, 10.0.0.7/32 changed, 10.0.0.6/32 added",
              "instance VI_1: track: check nginx removed, interface eth1 added"});
}
