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

std::string read_all(std::istream& stream) { return {std::istreambuf_iterator<char>(stream), {}}; }

std::vector<std::string> nodes_in(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return configured_nodes(read_all(file));
}

int run(const Options& options) {
  const bool from_stdin = options.file == "-";
  const std::string name = from_stdin ? "stdin" : options.file;
  const std::string text = from_stdin ? read_all(std::cin) : "";
  std::vector<std::string> nodes{options.node};
  if (options.all_nodes) {
    nodes = from_stdin ? configured_nodes(text) : nodes_in(options.file);
    if (nodes.empty()) nodes.push_back("");
  }
  std::vector<LoadedConfig> loaded;
  for (const std::string& node : nodes) {
    const LoadOptions for_node{.node = node, .default_node = short_host_name(), .only_validating = true};
    loaded.push_back(from_stdin ? parse_config(text, name, for_node) : load_config(options.file, for_node));
  }
  const Validation result = sum_up(name, nodes, loaded);
  for (const std::string& line : result.problems) std::cerr << line << '\n';
  // Of other hosts nothing is known here.
  const bool for_this_host = !options.all_nodes && (options.node.empty() || options.node == short_host_name());
  if (for_this_host && result.valid) {
    for (const std::string& line : host_warnings(name, *loaded.front().config, read_host())) std::cerr << line << '\n';
  }
  for (const std::string& line : result.summary) std::cout << line << '\n';
  return result.valid ? exit_done : exit_failed;
}

}  // namespace

void add_validate(CommandLine& line) {
  const auto options = std::make_shared<Options>();
  CLI::App* command =
      line.app.add_subcommand("validate", "Check a configuration and list every problem, without using it");
  command->add_option("FILE", options->file, "The configuration; - reads it from stdin")->capture_default_str();
  CLI::Option* node = command->add_option("--node", options->node, "Check what the file says for this node");
  command->add_flag("--all-nodes", options->all_nodes, "Check what it says for each node under `per_node`")
      ->excludes(node);
  line.add_runtime_dir(*command);
  command->footer(
      "Examples:\n"
      "  holdfast validate                         the installed configuration\n"
      "  holdfast validate new.yaml --all-nodes    one file for several hosts, for all of them\n"
      "\n"
      "Without --node and --all-nodes it also warns of interfaces and addresses that don't suit this host.\n"
      "Problems go to stderr. Exit status: 0 valid, perhaps with warnings; 1 not valid.");
  command->callback([&line, options] { line.exit_code = run(*options); });
}

}  // namespace holdfast
