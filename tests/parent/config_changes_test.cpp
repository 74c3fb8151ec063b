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
