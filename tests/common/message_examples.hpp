// One message of every kind, each field different from its default.
#pragma once

#include "common/messages.hpp"

#include <vector>

namespace holdfast::test {

using namespace std::chrono_literals;

inline const IpAddr example_v6 =
    IpAddr::from_bytes(std::vector<std::uint8_t>{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8});

inline VirtualAddress example_address() {
  return {.prefix = {IpAddr::v4(192, 0, 2, 1), 24},
          .interface = "eth1",
          .label = "eth1:vip",
          .scope = AddressScope::link,
          .advertised = false};
}

inline VirtualRouterConfig example_router() {
  VirtualRouterConfig router;
  router.name = "VI_1";
  router.interface = "eth0";
  router.vrid = Vrid{66};
  router.version = VrrpVersion::v2;
  router.family = IpFamily::ipv6;
  router.priority = Priority{101};
  router.advert_interval = 10ms;
  router.mixed_versions = true;
  router.password = "1111";
  router.checksum = ChecksumForm::rfc9568;
  router.preempt = false;
  router.preempt_delay = 7s;
  router.return_after = 8s;
  router.timers = TimerMode::rfc;
  router.lease = 9s;
  router.announce = {.count = 1, .repeat_after = 2s, .refresh = 3s};
  router.peers = {example_v6, IpAddr::v4(192, 0, 2, 9)};
  router.source = example_v6;
  router.virtual_mac = true;
  router.require_link_local_first = true;
  router.addresses = {example_address(), {.prefix = {example_v6, 64}, .interface = "eth0", .label = ""}};
  return router;
}

inline InstanceStatistics example_statistics() {
  InstanceStatistics statistics;
  std::uint64_t value = 0x0102030405060708;
#define X(name) statistics.name = value++;
  HOLDFAST_INSTANCE_COUNTERS(X)
#undef X
  return statistics;
}

inline GlobalStatistics example_global_statistics() {
  GlobalStatistics statistics;
  std::uint64_t value = 0x1112131415161718;
#define X(name) statistics.name = value++;
  HOLDFAST_GLOBAL_COUNTERS(X)
#undef X
  return statistics;
}

inline CheckSpec example_check(Probe probe) {
  return {.name = "nginx", .probe = std::move(probe), .interval = 2s, .timeout = 300ms, .rise = 4, .fall = 5};
}

inline std::vector<ParentToVrrp> examples_of(const ParentToVrrp&) {
  const Standing standing{Priority{99}, Fitness::faulted, "check nginx is down"};
  return {BeginConfig{0x01020304},
          ConfigureInstance{InstanceId{5}, example_router(), standing, TimePoint(123456789us), InstanceId{4}},
          ConfigureInstance{InstanceId{6}, VirtualRouterConfig{}, Standing{}, std::nullopt, std::nullopt},
          WatchInterface{"eth1"},
          CommitConfig{0x05060708},
          SetPriority{InstanceId{7}, standing},
          RequestReports{0x0102030405060708},
          Ping{0xffffffffffffffff},
          Shutdown{}};
}

inline std::vector<VrrpToParent> examples_of(const VrrpToParent&) {
  return {ChildReady{{"cap_net_admin", "cap_net_raw"}},
          ConfigApplied{9},
          StateChanged{InstanceId{1}, InstanceState::backup, InstanceState::active, "no advert for 3.6 s",
                       Priority{102}, TimePoint(-1us)},
          DrainEnded{InstanceId{2}, true},
          ConflictSeen{InstanceId{2}, example_v6, "192.0.2.9 claims to be active too"},
          InterfaceChanged{"eth1", true, "as it should be"},
          InstanceReport{InstanceId{3},
                         InstanceState::fault,
                         TimePoint(1h),
                         "eth0 is down",
                         Priority{1},
                         example_v6,
                         Priority{2},
                         true,
                         {{example_address(), true, "somebody else has it"}},
                         {{"two_actives", example_v6, TimePoint(1s), TimePoint(2s), 3, "both are active"}},
                         example_v6,
                         TimePoint(3s),
                         4s,
                         5ms,
                         "master-timeout",
                         "no-response",
                         example_statistics()},
          GlobalReport{example_global_statistics()},
          ReportsDone{10},
          Pong{11},
          Logged{LogLevel::warning, std::string("zero \0 and \xff", 10)}};
}

inline std::vector<ParentToChecker> examples_of(const ParentToChecker&) {
  return {BeginConfig{1},
          ConfigureCheck{CheckId{2}, example_check(ProcessProbe{.pid_file = "/run/nginx.pid", .name = "nginx"})},
          ConfigureCheck{CheckId{3},
                         example_check(TcpProbe{.host = "localhost", .port = 0x1234, .send = "a\r\n", .expect = "b"})},
          ConfigureCheck{CheckId{4}, example_check(HttpProbe{.url = "https://[::1]/",
                                                             .host = "example.org",
                                                             .status = {{200, 204}, {301, 301}},
                                                             .body = "ok",
                                                             .tls_verify = false,
                                                             .tls_ca = "/etc/ca.pem",
                                                             .tls_expiry_warning = 48h,
                                                             .http2 = true,
                                                             .unix_socket = "/run/app.sock",
                                                             .proxy_protocol = true})},
          ConfigureCheck{CheckId{5}, example_check(ScriptProbe{})},
          ConfigureCheck{CheckId{13}, example_check(NginxProbe{.pid_file = "/run/nginx.pid",
                                                               .page = {.url = "http://[::1]/"},
                                                               .stub_status = "http://[::1]/stub_status"})},
          ConfigureCheck{CheckId{14}, example_check(FileProbe{.path = "/etc/maintenance", .invert = true})},
          CommitConfig{6},
          ProbeNow{CheckId{7}},
          ScriptFinished{CheckId{8}, 9, true, "exited with status 0", 10ms},
          RequestReports{11},
          Ping{12},
          Shutdown{}};
}

inline std::vector<CheckerToParent> examples_of(const CheckerToParent&) {
  return {ChildReady{},
          ConfigApplied{1},
          HealthChanged{CheckId{2}, CheckStatus::down, "process 4711 has exited", TimePoint(3s)},
          RunScript{CheckId{4}, 5},
          CheckReport{CheckId{6}, CheckStatus::up, TimePoint(7s), "answered 200", 8, 9, 10us},
          ReportsDone{11},
          Pong{12},
          Logged{LogLevel::debug, ""}};
}

}  // namespace holdfast::test
