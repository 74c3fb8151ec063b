// Every sample configuration loads, on every node that it names, without a single remark.
#include "common/config/load.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>

using namespace holdfast;

TEST_CASE("every sample is valid") {
  std::size_t samples = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/etc")) {
    if (entry.path().extension() != ".yaml") continue;
    ++samples;
    std::ifstream file(entry.path());
    auto nodes = configured_nodes({std::istreambuf_iterator<char>(file), {}});
    if (nodes.empty()) nodes.push_back("");
    for (const std::string& node : nodes) {
      CAPTURE(entry.path(), node);
      const LoadedConfig loaded = load_config(entry.path(), {.node = node, .default_node = "some-host"});
      for (const Diagnostic& diagnostic : loaded.diagnostics) FAIL_CHECK(to_string(diagnostic));
      CHECK(loaded.config);
    }
  }
  CHECK(samples >= 6);
}

TEST_CASE("the two hosts of the tutorial differ in name and priority only") {
  auto first = load_config(SOURCE_DIR "/etc/tutorial-web-1.yaml", {});
  auto second = load_config(SOURCE_DIR "/etc/tutorial-web-2.yaml", {});
  REQUIRE(first.config);
  REQUIRE(second.config);
  CHECK(first.config->instances[0].router.priority == Priority{100});
  CHECK(second.config->instances[0].router.priority == Priority{99});
  second.config->node = first.config->node;
  second.config->instances[0].router.priority = Priority{100};
  CHECK(*first.config == *second.config);
}
