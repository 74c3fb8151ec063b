#include "common/config/per_node.hpp"

#include "common/config/load.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

namespace {

const std::string shared = R"(instances:
  web:
    interface: eth0
    vrid: 66
    addresses: [192.0.2.1, 192.0.2.2]
per_node:
  web-1:
    instances:
      web: {priority: 120}
  web-2:
    instances:
      web: {interface: enp3s0, addresses: [192.0.2.3]}
      more: {interface: enp3s0, vrid: 67, addresses: [192.0.2.4]}
  web-3:
)";

Config on_node(const std::string& node) {
  const auto loaded = parse_config(shared, "f.yaml", {.node = node, .default_node = ""});
  for (const Diagnostic& diagnostic : loaded.diagnostics) FAIL_CHECK(to_string(diagnostic));
  REQUIRE(loaded.config);
  return *loaded.config;
}

std::string only_error(const std::string& text, const LoadOptions& options) {
  const auto loaded = parse_config(text, "f.yaml", options);
  REQUIRE(loaded.diagnostics.size() == 1);
  CHECK_FALSE(loaded.config);
  return to_string(loaded.diagnostics[0]);
}

}  // namespace

TEST_CASE("maps are merged key by key, the rest is replaced") {
  const auto first = on_node("web-1").instances;
  REQUIRE(first.size() == 1);
  CHECK(first[0].router.priority == Priority{120});
  CHECK(first[0].router.interface == "eth0");
  CHECK(first[0].router.addresses.size() == 2);

  const auto second = on_node("web-2").instances;
  REQUIRE(second.size() == 2);
  CHECK(second[0].router.priority == Priority{100});
  CHECK(second[0].router.interface == "enp3s0");
  REQUIRE(second[0].router.addresses.size() == 1);
  CHECK(second[0].router.addresses[0].interface == "enp3s0");
  CHECK(second[1].router.name == "more");
}

TEST_CASE("a node may differ in nothing") { CHECK(on_node("web-3").instances.size() == 1); }

TEST_CASE("the node is that of the options, of the file, of the host, in this order") {
  const auto node = [](const std::string& head, const LoadOptions& options) {
    const auto loaded = parse_config(head + shared, "f.yaml", options);
    REQUIRE(loaded.config);
    return loaded.config->node;
  };
  CHECK(node("node: web-2\n", {.node = "web-1", .default_node = "web-3"}) == "web-1");
  CHECK(node("node: web-2\n", {.node = "", .default_node = "web-3"}) == "web-2");
  CHECK(node("", {.node = "", .default_node = "web-3"}) == "web-3");
}

TEST_CASE("a node that is not named is an error") {
  CHECK(only_error(shared, {.node = "", .default_node = "web-11"}) ==
        "f.yaml:6:1: error: `per_node` does not name this node, `web-11`: add it there, or give the node another name "
        "with `node: NAME` at the top; did you mean `web-1`?");
  CHECK(only_error(shared, {}) ==
        "f.yaml:6:1: error: `per_node` needs the name of this node; write `node: NAME` at the top");
}

TEST_CASE("the part of another node is looked at too") {
  CHECK(only_error("per_node:\n  a: {}\n  b: 3\n", {.node = "a", .default_node = ""}) ==
        "f.yaml:3:6: error: what `per_node` says for `b` must be a map, laid out like the file itself: `instances:` "
        "and so on");
  CHECK(only_error("per_node:\n  a: {node: b}\n", {.node = "a", .default_node = ""}) ==
        "f.yaml:2:7: error: `node` can't stand within `per_node`; remove it");
}

TEST_CASE("an error in a node's part names its place there") {
  CHECK(only_error(shared + "  web-4:\n    instances:\n      web: {priority: 256}\n",
                   {.node = "web-4", .default_node = ""}) ==
        "f.yaml:17:23: error: `priority` must be a whole number from 1 to 255, not `256`");
}

TEST_CASE("the nodes of a text") {
  CHECK(configured_nodes(shared) == std::vector<std::string>{"web-1", "web-2", "web-3"});
  CHECK(configured_nodes("instances: {}").empty());
  CHECK(configured_nodes("per_node: 3").empty());
  CHECK(configured_nodes("{").empty());
}
