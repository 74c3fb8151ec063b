// Every sample configuration loads, on every node that it names, without a single remark.
#include "common/config/load.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
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
  CHECK(samples >= 8);
}

TEST_CASE("the smallest sample is valid too with every setting in it taken out of its comment") {
  std::ifstream file(SOURCE_DIR "/etc/holdfast.yaml");
  std::string text;
  std::size_t settings = 0;
  for (std::string line; std::getline(file, line); text += line + "\n") {
    const std::size_t mark = line.find("# ");
    if (mark == std::string::npos || line.find_first_not_of(' ') != mark) continue;
    const std::size_t key = line.find_first_not_of(' ', mark + 1);
    const std::size_t end = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", key);
    if (key == std::string::npos || end == std::string::npos || line[end] != ':') continue;
    line.erase(mark, 2);
    ++settings;
  }
  CHECK(settings == 9);
  const LoadedConfig loaded = parse_config(text, "holdfast.yaml", {.node = "", .default_node = "some-host"});
  for (const Diagnostic& diagnostic : loaded.diagnostics) FAIL_CHECK(to_string(diagnostic));
  REQUIRE(loaded.config);
  CHECK(loaded.config->instances[0].router.version == VrrpVersion::v2);
  CHECK(loaded.config->instances[0].tracks.size() == 1);
}

TEST_CASE("README's configuration has ten lines and is valid") {
  std::ifstream file(SOURCE_DIR "/README.md");
  const std::string page(std::istreambuf_iterator<char>(file), {});
  const std::size_t begin = page.find("```yaml\n") + 8;
  const std::string text = page.substr(begin, page.find("```", begin) - begin);
  CHECK(std::count(text.begin(), text.end(), '\n') == 10);
  const LoadedConfig loaded = parse_config(text, "README.md", {.node = "", .default_node = "some-host"});
  for (const Diagnostic& diagnostic : loaded.diagnostics) FAIL_CHECK(to_string(diagnostic));
  CHECK(loaded.config);
}

TEST_CASE("every snippet of the page on notifications is valid") {
  std::ifstream file(SOURCE_DIR "/docs/notifications.md");
  const std::string page(std::istreambuf_iterator<char>(file), {});
  std::size_t snippets = 0;
  for (std::size_t begin = page.find("```yaml\n"); begin != std::string::npos; begin = page.find("```yaml\n", begin)) {
    begin += 8;
    const std::string snippet = page.substr(begin, page.find("```", begin) - begin);
    ++snippets;
    CAPTURE(snippet);
    const bool whole = snippet.starts_with("instances:");
    const LoadedConfig loaded =
        parse_config((whole ? "" : "instances: {VI_1: {interface: eth0, vrid: 66, addresses: [10.0.0.1]}}\n") + snippet,
                     "snippet", {.node = "", .default_node = "some-host"});
    for (const Diagnostic& diagnostic : loaded.diagnostics) FAIL_CHECK(to_string(diagnostic));
    REQUIRE(loaded.config);
    CHECK((!loaded.config->notify.empty() || loaded.config->instances[0].move));
  }
  CHECK(snippets >= 11);
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
