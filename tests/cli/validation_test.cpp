#include "cli/validation.hpp"

#include "common/ip_text.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace holdfast;
using Lines = std::vector<std::string>;

namespace {

const std::string shared =
    "instances:\n  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1]}\n"
    "per_node: {a: {}, b: {instances: {w: {vrid: 0}}}, c: {zzzz: 1}}\n";

Validation validate(const std::string& text, const Lines& nodes) {
  std::vector<LoadedConfig> loaded;
  for (const std::string& node : nodes) loaded.push_back(parse_config(text, "f", {.node = node, .default_node = "h"}));
  return sum_up("f", nodes, loaded);
}

}  // namespace

TEST_CASE("a valid file is summed up in one line") {
  const auto result = validate("instances:\n  w: {interface: eth0, vrid: 1, addresses: [10.0.0.1]}\n", {""});
  CHECK(result.valid);
  CHECK(result.problems.empty());
  CHECK(result.summary == Lines{"f: valid: 1 instance, 0 checks for node h"});
}

TEST_CASE("problems that only some nodes have name them") {
  const auto result = validate(shared, {"a", "b", "c"});
  CHECK_FALSE(result.valid);
  CHECK(result.summary == Lines{"f: valid: 1 instance, 0 checks for node a"});
  CHECK(result.problems ==
        Lines{"f:3:45: error: `vrid` must be a whole number from 1 to 255, not `0` (node b)",
              "f:3:55: error: unknown key `zzzz` in the file; the keys here are: node, per_node, runtime, checks, "
              "instances, sync_groups, notify (node c)"});
}

TEST_CASE("a problem that all nodes have is said once") {
  const auto result = validate("zzzz: 1\n" + shared, {"a", "a"});
  CHECK_FALSE(result.valid);
  CHECK(result.problems == Lines{"f:1:1: error: unknown key `zzzz` in the file; the keys here are: node, per_node, "
                                 "runtime, checks, instances, sync_groups, notify"});
}

TEST_CASE("what does not suit the host is a warning") {
  const Host host{{"lo", "eth0", "eth1"}, {{*parse_ip("10.0.0.1"), "eth0"}}};
  const auto warnings = [&](const std::string& instance, const Host& on) {
    const auto loaded = parse_config("instances:\n  w: {vrid: 1, " + instance + "}\n", "f", {});
    REQUIRE(loaded.config);
    return host_warnings("f", *loaded.config, on);
  };
  CHECK(warnings("interface: eth0, addresses: [10.0.0.2]", host).empty());
  CHECK(warnings("interface: eth9, addresses: [10.0.0.2]", host) ==
        Lines{"f: warning: instance `w`: this host has no interface `eth9` now; it has eth0, eth1"});
  CHECK(warnings("interface: eth0, addresses: [{address: 10.0.0.2, interface: eth8}]", host) ==
        Lines{"f: warning: instance `w`: this host has no interface `eth8` now; it has eth0, eth1"});
  CHECK(warnings("interface: eth0, addresses: [10.0.0.2]", {{"lo"}, {}}) ==
        Lines{"f: warning: instance `w`: this host has no interface `eth0` now; it has none but lo"});
  CHECK(warnings("interface: eth0, addresses: [10.0.0.1/24]", host) ==
        Lines{"f: warning: instance `w`: this host has 10.0.0.1 on eth0 for itself; write the address that the hosts "
              "share, or remove it there (a keepalived that runs here sets it: stop that first)"});
  CHECK(warnings("interface: eth0, addresses: [10.0.0.1/24], priority: 255", host).empty());
}

TEST_CASE("this host has a loopback interface and its address") {
  const Host host = read_host();
  CHECK(std::find(host.interfaces.begin(), host.interfaces.end(), "lo") != host.interfaces.end());
  const auto loopback = std::find_if(host.addresses.begin(), host.addresses.end(),
                                     [](const OwnAddress& own) { return to_string(own.address) == "127.0.0.1"; });
  REQUIRE(loopback != host.addresses.end());
  CHECK(loopback->interface == "lo");
}

TEST_CASE("a warning leaves the file valid") {
  const auto result = validate("checks: {c: {type: process, name: a}}\n" + shared, {"a"});
  CHECK(result.valid);
  CHECK(result.problems.size() == 1);
  CHECK(result.summary.size() == 1);
}
