// `holdfast validate`: what is wrong with a configuration, without a daemon.
#include "cli/command.hpp"
#include "cli/validation.hpp"
#include "common/config/load.hpp"

#include <unistd.h>

#include <array>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

namespace holdfast {

namespace {

struct Options {
  std::string file = "/etc/holdfast/holdfast.yaml";
  std::string node;
  bool all_nodes = false;
};

std::string short_host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  const std::string full = name.data();
  return full.substr(0, full.find('.'));
}

std::vector<std::string> nodes_in(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return configured_nodes({std::istreambuf_iterator<char>(file), {}});
}

int run(const Options& options) {
  std::vector<std::string> nodes{options.node};
  if (options.all_nodes) {
    nodes = nodes_in(options.file);
    if (nodes.empty()) nodes.push_back("");
  }
  std::vector<LoadedConfig> loaded;
  for (const std::string& node : nodes) {
    loaded.push_back(load_config(options.file, {.node = node, .default_node = short_host_name()}));
  }
  const Validation result = sum_up(options.file, nodes, loaded);
  for (const std::string& line : result.problems) std::cerr << line << '\n';
  for (const std::string& line : result.summary) std::cout << line << '\n';
  return result.valid ? exit_done : exit_failed;
}

}  // namespace

void add_validate(CommandLine& line) {
  const auto options = std::make_shared<Options>();
  CLI::App* command =
      line.app.add_subcommand("validate", "Check a configuration and list every problem, without using it");
  command->add_option("FILE", options->file, "The configuration")->capture_default_str();
  CLI::Option* node = command->add_option("--node", options->node, "Check what the file says for this node");
  command->add_flag("--all-nodes", options->all_nodes, "Check what it says for each node under `per_node`")
      ->excludes(node);
  line.add_runtime_dir(*command);
  command->footer(
      "Examples:\n"
      "  holdfast validate                         the installed configuration\n"
      "  holdfast validate new.yaml --all-nodes    one file for several hosts, for all of them\n"
      "\n"
      "Problems go to stderr. Exit status: 0 valid, perhaps with warnings; 1 not valid.");
  command->callback([&line, options] { line.exit_code = run(*options); });
}

}  // namespace holdfast
