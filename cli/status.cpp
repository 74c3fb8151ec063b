// `holdfast status`: what the daemon does, and why.
#include "cli/command.hpp"
#include "cli/control_client.hpp"
#include "cli/status_text.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>

namespace holdfast {

namespace {

struct Options {
  std::string instance;
  bool json = false;
};

bool wants_color() {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && (refused == nullptr || *refused == '\0') &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

int unknown_instance(const std::string& name, const std::vector<std::string>& names) {
  std::cerr << "there is no instance called " << name;
  if (names.empty()) {
    std::cerr << "; the daemon has none\n";
  } else {
    std::cerr << "; the instances are:";
    for (const std::string& known : names) std::cerr << ' ' << known;
    std::cerr << '\n';
  }
  return exit_failed;
}

int run(const std::string& runtime_dir, const Options& options) {
  auto answer = ask_daemon(runtime_dir, {{"command", "status"}});
  if (!answer) return report(answer.error());
  Json status = answer->value("status", Json::object());
  if (!options.instance.empty()) {
    const auto names = instance_names(status);
    if (std::find(names.begin(), names.end(), options.instance) == names.end()) {
      return unknown_instance(options.instance, names);
    }
  }
  if (!options.json) {
    std::cout << status_text(status, {std::chrono::system_clock::now(), wants_color(), options.instance});
    return exit_done;
  }
  if (!options.instance.empty()) {
    Json only = Json::array();
    for (const Json& instance : status["instances"]) {
      if (instance.value("name", "") == options.instance) only.push_back(instance);
    }
    status["instances"] = std::move(only);
  }
  std::cout << status.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  return exit_done;
}

}  // namespace

void add_status(CommandLine& line) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = line.app.add_subcommand("status", "Show each instance's state, since when, and why");
  command->add_option("INSTANCE", options->instance, "Only this instance and the checks it tracks");
  command->add_flag("--json", options->json, "Print the status document for programs");
  line.add_runtime_dir(*command);
  command->footer(
      "Examples:\n"
      "  holdfast status             everything\n"
      "  holdfast status VI_1        one instance\n"
      "  holdfast status --json      for programs");
  command->callback([&line, options] { line.exit_code = run(line.runtime_dir, *options); });
}

}  // namespace holdfast
