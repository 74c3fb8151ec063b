// `holdfast reload`: the daemon reads its configuration again and says what changed.
#include "cli/command.hpp"
#include "cli/control_client.hpp"

#include <iostream>
#include <memory>

namespace holdfast {

namespace {

// More than the daemon itself takes before it gives up: 20 s for a child that has to start, 10 s to apply.
constexpr std::chrono::seconds patience{35};

struct Options {
  bool json = false;
  bool plan = false;
};

int run(const std::string& runtime_dir, const Options& options) {
  const auto answer = ask_daemon(runtime_dir, {{"command", options.plan ? "plan-reload" : "reload"}}, patience);
  if (!answer) {
    const int code = report(answer.error());
    if (answer.error().timed_out) {
      std::cerr << "if it still works on the reload, it carries it out: `holdfast status` and the journal will tell\n";
    }
    if (answer.error().refused && !options.plan) {
      std::cerr << "nothing was changed: the configuration in force stays in force\n";
    }
    return code;
  }
  if (options.json) {
    std::cout << answer->dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
    return exit_done;
  }
  print_lines(*answer, "warnings", std::cerr);
  const auto changes = print_lines(*answer, "changes", std::cout);
  if (options.plan) {
    std::cout << (changes == 0 ? "a reload would change nothing\n"
                               : "nothing was changed yet: `holdfast reload` does it\n");
  } else if (changes == 0) {
    std::cout << "nothing has changed\n";
  }
  return exit_done;
}

}  // namespace

void add_reload(CommandLine& line) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = line.app.add_subcommand(
      "reload", "Make the daemon read its configuration again; a file with errors changes nothing");
  command->add_flag("--plan", options->plan, "Only say what would change, and what is wrong with the file");
  command->add_flag("--json", options->json, "Print the daemon's answer for programs");
  line.add_runtime_dir(*command);
  command->footer(
      "Example:\n"
      "  holdfast reload --plan\n"
      "  holdfast reload");
  command->callback([&line, options] { line.exit_code = run(line.runtime_dir, *options); });
}

}  // namespace holdfast
