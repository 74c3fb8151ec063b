// What valid configurations mean: every value and every default.
#include "common/config/load.hpp"

#include "common/ip_text.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

Config load(const std::string& text) {
  const auto loaded = parse_config(text, "f", {.node = "", .default_node = "host"});
  for (const Diagnostic& diagnostic : loaded.diagnostics) FAIL_CHECK(to_string(diagnostic));
  REQUIRE(loaded.config);
  return *loaded.config;
}

// One check, tracked by one instance.
CheckConfig load_check(const std::string& body) {
  return load("checks:\n  c: " + body +
              "\ninstances:\n  w: {interface: eth0, vrid: 1, addresses: [192.0.2.1], track: [c]}\n")
      .checks.at(0);
}

// Readable by us alone; gone with the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    ::close(::mkstemp(path_.data()));
    write(text);
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }
  void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }
  void set_mode(mode_t mode) const { ::chmod(path_.c_str(), mode); }

 private:
  std::string path_ = "/tmp/holdfast-test-XXXXXX";
};

InstanceConfig load_instance(const std::string& body) {
  return load("instances:\n  w: {interface: eth0, vrid: 1, addresses: [192.0.2.1], " + body + "}\n").instances.at(0);
}

}  // namespace

TEST_CASE("the minimal configuration has every default") {
  const Config config = load(R"(instances:
  web:
    interface: eth0
    vrid: 66
    addresses: [192.168.16.130]
)");
  Config expected;
  expected.node = "host";
  VirtualRouterConfig router;
  router.name = "web";
  router.interface = "eth0";
  router.vrid = Vrid{66};
  router.addresses = {{{IpAddr::v4(192, 168, 16, 130), 32}, "eth0", "", AddressScope::global, true}};
  expected.instances = {{router, {}, "", ""}};
  CHECK(config == expected);
  CHECK(router.version == VrrpVersion::v3);
  CHECK(router.priority == Priority{100});
  CHECK(router.preempt);
}

TEST_CASE("the tutorial's master") {
  const Config config = load(R"(node: web-1
checks:
  nginx:
    type: process
    pid_file: /run/nginx.pid
    interval: 2s
    restart:
      unit: nginx.service
      before_failover: 3s
instances:
  VI_1:
    interface: ens33
    vrid: 66
    version: 2
    priority: 100
    advert_interval: 1s
    password: "1111"
    preempt: true
    preempt_delay: 0s
    addresses:
      - 192.168.16.130
    track:
      - {check: nginx, weight: 2}
)");
  CHECK(config.node == "web-1");
  REQUIRE(config.checks.size() == 1);
  const CheckConfig& check = config.checks[0];
  CHECK(check.spec == CheckSpec{"nginx", ProcessProbe{"/run/nginx.pid", ""}, 2s, 2s, 1, 1});
  REQUIRE(check.restart);
  RestartConfig restart;
  restart.unit = "nginx.service";
  restart.config_test = {"nginx", "-t", "-q"};
  restart.before_failover = 3s;
  CHECK(*check.restart == restart);
  REQUIRE(config.instances.size() == 1);
  const VirtualRouterConfig& router = config.instances[0].router;
  CHECK(router.version == VrrpVersion::v2);
  CHECK(router.advert_interval == 1s);
  CHECK(router.password == "1111");
  CHECK(config.instances[0].tracks == std::vector<TrackConfig>{{"nginx", "", TrackConfig::Effect::weight, 2}});
}

TEST_CASE("text needs no quotes") {
  CHECK(load_instance("version: 2, password: 1111").router.password == "1111");
  CHECK(load_instance("version: 2, password: 0x1F").router.password == "0x1F");
  CHECK(load_instance("version: 2, password: no").router.password == "no");
  CHECK(load("node: 1\ninstances:\n  7: {interface: 2, vrid: 1, addresses: [192.0.2.1]}\n").node == "1");
  CHECK(
      load("node: 010\ninstances:\n  7: {interface: 2, vrid: 1, addresses: [192.0.2.1]}\n").instances[0].router.name ==
      "7");
}

TEST_CASE("every key of an instance") {
  const auto router =
      load_instance(
          "version: 3, priority: 254, advert_interval: 40.95s, preempt: false, checksum: rfc9568, "
          "timers: rfc, lease: 10s, return_after: 0s, announce: {count: 5, repeat_after: 2s, refresh: 1m}")
          .router;
  CHECK(router.version == VrrpVersion::v3);
  CHECK(router.priority == Priority{254});
  CHECK(router.advert_interval == 40950ms);
  CHECK_FALSE(router.preempt);
  CHECK(router.checksum == ChecksumForm::rfc9568);
  CHECK(router.timers == TimerMode::rfc);
  CHECK(router.lease == 10s);
  CHECK(router.return_after == 0s);
  CHECK(router.announce == AnnounceConfig{5, 2s, 1min});
  CHECK(load_instance("advert_interval: 10ms").router.advert_interval == 10ms);
  CHECK(load_instance("version: 2, advert_interval: 255s").router.advert_interval == 255s);
  CHECK(load_instance("preempt_delay: 1m").router.preempt_delay == 1min);
}

TEST_CASE("every form of an address") {
  const auto config = load(R"(instances:
  w:
    interface: eth0
    vrid: 1
    addresses:
      - 192.0.2.1
      - 192.0.2.2/24
      - address: 192.0.2.3/31
        interface: eth1
        label: eth1:vip
        scope: link
        advertised: false
)");
  const std::vector<VirtualAddress> expected{
      {{IpAddr::v4(192, 0, 2, 1), 32}, "eth0", "", AddressScope::global, true},
      {{IpAddr::v4(192, 0, 2, 2), 24}, "eth0", "", AddressScope::global, true},
      {{IpAddr::v4(192, 0, 2, 3), 31}, "eth1", "eth1:vip", AddressScope::link, false},
  };
  CHECK(config.instances[0].router.addresses == expected);
}

TEST_CASE("255 addresses fit") {
  std::string list;
  for (int i = 0; i < 255; ++i) list += (i > 0 ? ", " : "") + ("10.0.0." + std::to_string(i));
  CHECK(load("instances:\n  w: {interface: eth0, vrid: 1, addresses: [" + list + "]}\n")
            .instances[0]
            .router.addresses.size() == 255);
}

TEST_CASE("every form of a track entry") {
  const auto config = load(R"(checks:
  a: {type: process, name: nginx}
  b: {type: process, name: nginx}
  c: {type: process, name: nginx}
  d: {type: process, name: nginx}
instances:
  w:
    interface: eth0
    vrid: 1
    addresses: [192.0.2.1]
    track:
      - a
      - {check: b, while_down: demote}
      - {check: c, while_down: fault}
      - {check: d, weight: -20}
      - {interface: eth1}
      - {interface: eth2, weight: 5}
)");
  using Effect = TrackConfig::Effect;
  CHECK(config.instances[0].tracks == std::vector<TrackConfig>{{"a", "", Effect::demote, 0},
                                                               {"b", "", Effect::demote, 0},
                                                               {"c", "", Effect::fault, 0},
                                                               {"d", "", Effect::weight, -20},
                                                               {"", "eth1", Effect::demote, 0},
                                                               {"", "eth2", Effect::weight, 5}});
}

// V3-PK-04, PX-01
TEST_CASE("IPv6: the family follows the addresses, and a link-local one comes first") {
  const auto router = load(R"(instances:
  w:
    interface: eth0
    vrid: 66
    require_link_local_first: true
    addresses:
      - 2001:db8::80/64
      - {address: "fe80::1", advertised: false}
      - 2001:db8::81
      - fe80::42
)")
                          .instances[0]
                          .router;
  CHECK(router.family == IpFamily::ipv6);
  CHECK(router.version == VrrpVersion::v3);
  CHECK(router.require_link_local_first);
  std::vector<std::string> order;
  for (const VirtualAddress& address : router.addresses) order.push_back(to_string(address.prefix));
  CHECK(order == std::vector<std::string>{"fe80::42/128", "2001:db8::80/64", "fe80::1/128", "2001:db8::81/128"});
}

TEST_CASE("each link has its own link-local addresses, and each family its own vrids") {
  const auto config = load(R"(instances:
  a: {interface: eth0, vrid: 1, addresses: ["fe80::1"]}
  b: {interface: eth1, vrid: 1, addresses: ["fe80::1"]}
  c: {interface: eth0, vrid: 1, addresses: [192.0.2.1]}
)");
  CHECK(config.instances.size() == 3);
}

TEST_CASE("instances without addresses") {
  CHECK(load("instances:\n  w: {interface: eth0, vrid: 1, addresses: []}\n").instances[0].router.addresses.empty());
  const auto by_peers = load("instances:\n  w: {interface: eth0, vrid: 1, addresses: [], peers: ['fe80::2']}\n");
  CHECK(by_peers.instances[0].router.family == IpFamily::ipv6);
  const auto by_source = load("instances:\n  w: {interface: eth0, vrid: 1, addresses: [], source: 'fe80::2'}\n");
  CHECK(by_source.instances[0].router.family == IpFamily::ipv6);
}

TEST_CASE("peers, source, and what goes with them") {
  const auto router =
      load_instance("peers: [192.0.2.8, 192.0.2.9], source: 192.0.2.7, virtual_mac: true, mixed_versions: true").router;
  CHECK(router.peers == std::vector{IpAddr::v4(192, 0, 2, 8), IpAddr::v4(192, 0, 2, 9)});
  CHECK(router.source == IpAddr::v4(192, 0, 2, 7));
  CHECK(router.virtual_mac);
  CHECK(router.mixed_versions);
  CHECK(load_instance("source: 192.0.2.7, accept: true").router.peers.empty());
  CHECK(load_instance("priority: 255, source: 192.0.2.1").router.source == IpAddr::v4(192, 0, 2, 1));
  CHECK_FALSE(load_instance("virtual_mac: false, mixed_versions: false").router.virtual_mac);
  const auto v6 = load(
      "instances:\n  w: {interface: e, vrid: 1, addresses: ['fe80::1'], peers: ['2001:db8::2'], "
      "source: '2001:db8::3'}\n");
  CHECK(v6.instances[0].router.source == parse_ip("2001:db8::3"));
}

TEST_CASE("a sync group has one leader and shares what its members depend on") {
  const std::string instances = R"(checks: {c: {type: process, name: nginx}, d: {type: process, name: nginx}}
instances:
  web-v6: {interface: eth0, vrid: 1, addresses: ["fe80::1"], track: [d, {interface: eth2, weight: -5}]}
  web-v4: {interface: eth0, vrid: 1, addresses: [192.0.2.1], track: [{check: c, while_down: fault}]}
  inside: {interface: eth1, vrid: 2, addresses: [192.0.2.2], track: [c]}
  alone: {interface: eth0, vrid: 3, addresses: [192.0.2.3]}
)";
  using Effect = TrackConfig::Effect;
  using Tracks = std::vector<TrackConfig>;
  for (const char* order : {"[inside, web-v6, web-v4]", "[web-v4, inside, web-v6]"}) {
    const auto config = load(instances + "sync_groups: {web: " + order + "}\n");
    CHECK(config.instances[0].sync_group == "web");
    CHECK(config.instances[0].leader == "web-v4");
    CHECK(config.instances[1].sync_group == "web");
    CHECK(config.instances[1].leader.empty());
    CHECK(config.instances[2].leader == "web-v4");
    CHECK(config.instances[3] == load(instances).instances[3]);
    CHECK(config.instances[0].tracks == Tracks{{"d", "", Effect::demote, 0},
                                               {"", "eth2", Effect::weight, -5},
                                               {"c", "", Effect::fault, 0},
                                               {"c", "", Effect::demote, 0}});
    CHECK(config.instances[1].tracks == Tracks{{"c", "", Effect::fault, 0},
                                               {"d", "", Effect::demote, 0},
                                               {"", "eth2", Effect::weight, -5},
                                               {"c", "", Effect::demote, 0}});
    CHECK(config.instances[2].tracks == Tracks{{"c", "", Effect::demote, 0},
                                               {"c", "", Effect::fault, 0},
                                               {"d", "", Effect::demote, 0},
                                               {"", "eth2", Effect::weight, -5}});
  }
}

TEST_CASE("a link that one member tracks is watched anyway where it is another one's own") {
  const auto config = load(R"(instances:
  a: {interface: eth0, vrid: 1, addresses: [192.0.2.1]}
  b: {interface: eth1, vrid: 2, addresses: [192.0.2.2], track: [{interface: eth0, weight: -5}]}
sync_groups: {g: [a, b]}
)");
  CHECK(config.instances[0].tracks.empty());
}

TEST_CASE("a password may stand in a file") {
  const TemporaryFile file("hunter2\r\nmore\n");
  const auto remarks_on = [&](const std::string& text) {
    std::vector<std::string> lines;
    for (const auto& diagnostic : parse_config(text, "f", {}).diagnostics) lines.push_back(to_string(diagnostic));
    return lines;
  };
  const std::string text =
      "instances:\n  w: {interface: eth0, vrid: 1, addresses: [192.0.2.1], version: 2, "
      "password_file: " +
      file.path() + "}\n";
  CHECK(load(text).instances[0].router.password == "hunter2");
  file.set_mode(0644);
  CHECK(remarks_on(text) == std::vector<std::string>{"f:2:84: warning: everybody on this host can read the password; "
                                                     "run `chmod o-r " +
                                                     file.path() + "`"});
  file.set_mode(0600);
  file.write("longer-than-8\n");
  CHECK(remarks_on(text) == std::vector<std::string>{"f:2:84: error: the password in `" + file.path() +
                                                     "` is longer than 8 bytes; keepalived cuts it to the first 8, "
                                                     "so write only those, here and on the other hosts"});
  file.write("\n");
  CHECK(remarks_on(text) ==
        std::vector<std::string>{"f:2:84: error: the first line of `password_file` `" + file.path() +
                                 "` is empty; write the password there, or "
                                 "remove the key"});
}

TEST_CASE("a password may be a credential of the unit, which only the unit can read") {
  const auto text_with = [](const std::string& credential) {
    return "instances:\n  w: {interface: eth0, vrid: 1, addresses: [192.0.2.1], version: 2, password_file: '" +
           credential + "'}\n";
  };
  const auto first_remark = [&](const std::string& credential, const LoadOptions& options) {
    const auto loaded = parse_config(text_with(credential), "f", options);
    return loaded.diagnostics.empty() ? "" : to_string(loaded.diagnostics.front());
  };
  CHECK_THAT(first_remark("credential:vrrp", {}),
             Catch::Contains("error: `password_file` `credential:vrrp`: only the unit holdfast.service has"));
  CHECK_THAT(first_remark("credential:vrrp", {"", "", true}), Catch::Contains("warning: "));
  for (const char* bad : {"credential:", "credential:../x", "credential:a/b", "credential:.."}) {
    CHECK_THAT(first_remark(bad, {"", "", true}), Catch::Contains("write `credential:NAME`"));
  }
  const TemporaryFile file("hunter2\n");
  const std::string path = file.path();
  setenv("CREDENTIALS_DIRECTORY", path.substr(0, path.rfind('/')).c_str(), 1);
  CHECK(load(text_with("credential:" + path.substr(path.rfind('/') + 1))).instances[0].router.password == "hunter2");
  CHECK_THAT(first_remark("credential:no-such", {}), Catch::Contains("`LoadCredential=no-such:/etc/holdfast/no-such`"));
  unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_CASE("what the unit hides from the checker is warned of") {
  for (const std::string check : {"type: file, path: /tmp/off", "type: process, pid_file: /var/tmp/pid",
                                  "type: http, url: 'http://127.0.0.1/', unix_socket: /tmp/socket"}) {
    const auto loaded = parse_config("checks:\n  c: {" + check + "}\n", "f", {});
    REQUIRE_FALSE(loaded.diagnostics.empty());
    bool warned = false;
    for (const auto& each : loaded.diagnostics) warned |= each.text.find("PrivateTmp=no") != std::string::npos;
    CAPTURE(check);
    CHECK(warned);
  }
}

TEST_CASE("an owner of the addresses may give up by fault") {
  const auto config = load(R"(checks: {c: {type: process, name: nginx}}
instances:
  w: {interface: eth0, vrid: 1, priority: 255, addresses: [192.0.2.1], track: [{check: c, while_down: fault}]}
)");
  CHECK(config.instances[0].router.priority == owner_priority);
}

TEST_CASE("one vrid may serve two interfaces") {
  CHECK(load("instances:\n  a: {interface: eth0, vrid: 1, addresses: [192.0.2.1]}\n"
             "  b: {interface: eth1, vrid: 1, addresses: [192.0.2.2]}\n")
            .instances.size() == 2);
}

TEST_CASE("checks of every type, with their defaults") {
  CHECK(load_check("{type: process, name: nginx}").spec == CheckSpec{"c", ProcessProbe{"", "nginx"}, 1s, 1s, 1, 1});
  CHECK(load_check("{type: tcp, address: '127.0.0.1:80'}").spec ==
        CheckSpec{"c", TcpProbe{"127.0.0.1", 80, "", ""}, 1s, 1s, 1, 2});
  CHECK(load_check("{type: http, url: http://127.0.0.1/}").spec ==
        CheckSpec{"c", HttpProbe{.url = "http://127.0.0.1/"}, 1s, 1s, 1, 2});
  CHECK(load_check("{type: nginx}").spec == CheckSpec{"c", NginxProbe{}, 1s, 1s, 1, 2});
  CHECK(NginxProbe{}.pid_file == "/run/nginx.pid");
  CHECK(NginxProbe{}.page == HttpProbe{.url = "http://127.0.0.1/"});
  CHECK(HttpProbe{}.tls_expiry_warning == 14 * 24h);
  CHECK(load_check("{type: file, path: /etc/x}").spec == CheckSpec{"c", FileProbe{"/etc/x", false}, 1s, 1s, 1, 1});
  const auto script = load_check("{type: script, command: [/bin/true]}");
  CHECK(script.spec == CheckSpec{"c", ScriptProbe{}, 1s, 1s, 1, 1});
  CHECK(script.script == CommandConfig{{"/bin/true"}, "", 1s});
}

TEST_CASE("checks of every type, with every key") {
  const std::string common = ", interval: 3s, timeout: 500ms, rise: 2, fall: 4}";
  CHECK(load_check("{type: tcp, address: '[::1]:80', send: \"PING\\r\\n\", expect: '^\\+PONG'" + common).spec ==
        CheckSpec{"c", TcpProbe{"::1", 80, "PING\r\n", "^\\+PONG"}, 3s, 500ms, 2, 4});
  const std::string page =
      "host: example.net, status: [200, 301-302], body: ok, http2: true, unix_socket: /run/app, "
      "proxy_protocol: true, tls_expiry_warning: 7d, ";
  HttpProbe wanted{.url = "https://127.0.0.1/",
                   .host = "example.net",
                   .status = {{200, 200}, {301, 302}},
                   .body = "ok",
                   .tls_verify = false,
                   .tls_ca = "",
                   .tls_expiry_warning = 7 * 24h,
                   .http2 = true,
                   .unix_socket = "/run/app",
                   .proxy_protocol = true};
  CHECK(load_check("{type: http, url: https://127.0.0.1/, tls_verify: false, " + page + common.substr(2)).spec ==
        CheckSpec{"c", wanted, 3s, 500ms, 2, 4});
  wanted.tls_verify = true;
  wanted.tls_ca = "/etc/ca.pem";
  CHECK(load_check("{type: nginx, url: https://127.0.0.1/, pid_file: /run/n, tls_ca: /etc/ca.pem, stub_status: "
                   "http://127.0.0.1/s, " +
                   page + common.substr(2))
            .spec == CheckSpec{"c", NginxProbe{"/run/n", wanted, "http://127.0.0.1/s"}, 3s, 500ms, 2, 4});
  CHECK(load_check("{type: file, path: /etc/x, invert: true" + common).spec ==
        CheckSpec{"c", FileProbe{"/etc/x", true}, 3s, 500ms, 2, 4});
  const auto script = load_check("{type: script, command: [check, 1, '', \"a b\"], user: www-data" + common);
  CHECK(script.script == CommandConfig{{"check", "1", "", "a b"}, "www-data", 500ms});
}

TEST_CASE("escapes in what is sent and expected") {
  CHECK(load_check("{type: tcp, address: 'a:1', send: \"a\\0\\x01\\r\\n\", expect: \"^\\0\\x0a\"}").spec.probe ==
        Probe(TcpProbe{"a", 1, std::string("a\0\1\r\n", 5), std::string("^\0\n", 3)}));
  CHECK(load_check("{type: tcp, address: 'a:1', expect: '^\\x00\\x0a'}").spec.probe ==
        Probe(TcpProbe{"a", 1, "", "^\\x00\\x0a"}));
}

TEST_CASE("every key of a restart") {
  const auto restart = [](const std::string& text) {
    return *load_check("{type: process, name: x, restart: {" + text + "}}").restart;
  };
  RestartConfig by_command;
  by_command.command = {"x"};
  by_command.limit = 5;
  by_command.limit_window = 1h;
  by_command.timeout = 10s;
  CHECK(restart("command: [x], before_failover: 0s, limit: 5 per 1h, timeout: 10s") == by_command);
  RestartConfig by_unit;
  by_unit.unit = "x.service";
  by_unit.when = RestartConfig::When::crashed;
  by_unit.config_test = {"x", "--check"};
  CHECK(restart("unit: x.service, when: crashed, config_test: [x, --check]") == by_unit);
}

TEST_CASE("how nginx tests its configuration is known") {
  const auto test = [](const std::string& restart) {
    return load_check("{type: process, name: x, restart: {" + restart + "}}").restart->config_test;
  };
  using Argv = std::vector<std::string>;
  CHECK(test("unit: nginx.service") == Argv{"nginx", "-t", "-q"});
  CHECK(test("unit: openresty.service") == Argv{"openresty", "-t", "-q"});
  CHECK(test("command: [/usr/sbin/nginx, -c, /etc/x.conf]") ==
        Argv{"/usr/sbin/nginx", "-c", "/etc/x.conf", "-t", "-q"});
  CHECK(test("unit: nginx.service, config_test: []").empty());
  CHECK(test("unit: haproxy.service").empty());
  CHECK(test("command: [systemctl, start, nginx]").empty());
}

TEST_CASE("the users of the children") {
  const std::string instance = "instances:\n  w: {interface: eth0, vrid: 1, addresses: [192.0.2.1]}\n";
  CHECK(load(instance).runtime == RuntimeConfig{});
  CHECK(load("runtime: {users: {vrrp: vv, checker: cc}, admin_group: ops}\n" + instance).runtime ==
        RuntimeConfig{"vv", "cc", "ops"});
}

TEST_CASE("keys that begin with x- are the user's own") {
  CHECK(load("x-note: {any: [thing]}\ninstances:\n  w: {interface: eth0, vrid: 1, addresses: [192.0.2.1]}\n")
            .instances.size() == 1);
}
