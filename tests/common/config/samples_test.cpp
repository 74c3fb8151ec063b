// Every sample configuration loads, on every node that it names, without a single remark.
#include "common/config/load.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

using namespace holdfast;

namespace {

// What stands in a page's yaml blocks. path: from the top of the tree.
std::vector<std::string> snippets_of(const std::string& path) {
  std::ifstream file(SOURCE_DIR + path);
  const std::string page(std::istreambuf_iterator<char>(file), {});
  const std::string mark = "```yaml\n";
  std::vector<std::string> snippets;
  for (auto begin = page.find(mark); begin != std::string::npos; begin = page.find(mark, begin)) {
    begin += mark.size();
    snippets.push_back(page.substr(begin, page.find("```", begin) - begin));
  }
  return snippets;
}

Config is_valid(const std::string& text) {
  CAPTURE(text);
  const LoadedConfig loaded = parse_config(text, "sample", {.node = "", .default_node = "some-host"});
  for (const Diagnostic& diagnostic : loaded.diagnostics) FAIL_CHECK(to_string(diagnostic));
  REQUIRE(loaded.config);
  return *loaded.config;
}

}  // namespace

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
  CHECK(samples >= 9);
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
  const Config config = is_valid(text);
  CHECK(config.instances[0].router.version == VrrpVersion::v2);
  CHECK(config.instances[0].tracks.size() == 1);
}

TEST_CASE("README's configuration has ten lines and is valid") {
  const std::string text = snippets_of("/README.md").at(0);
  CHECK(std::count(text.begin(), text.end(), '\n') == 10);
  is_valid(text);
}

TEST_CASE("every check of docs/checks.md is valid") {
  const auto snippets = snippets_of("/docs/checks.md");
  CHECK(snippets.size() >= 10);
  for (const std::string& snippet : snippets) {
    std::istringstream lines(snippet);
    std::string text = "checks:\n";
    for (std::string line; std::getline(lines, line);) text += "  " + line + "\n";
    const std::string name = snippet.substr(0, snippet.find(':'));
    is_valid(text + "instances: {w: {interface: eth0, vrid: 1, addresses: [192.0.2.1], track: [" + name + "]}}\n");
  }
}

TEST_CASE("every snippet of docs/notifications.md is valid") {
  const auto snippets = snippets_of("/docs/notifications.md");
  CHECK(snippets.size() >= 11);
  for (const std::string& snippet : snippets) {
    const bool whole = snippet.starts_with("instances:");
    const Config config =
        is_valid((whole ? "" : "instances: {VI_1: {interface: eth0, vrid: 66, addresses: [10.0.0.1]}}\n") + snippet);
    CHECK((!config.notify.empty() || config.instances[0].move));
  }
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
