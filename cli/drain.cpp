// `holdfast drain` and `holdfast resume`: hand an address over for work on this host, and take part again.
#include "cli/command.hpp"
#include "cli/control_client.hpp"

#include <iostream>
#include <memory>

namespace holdfast {

namespace {

// The daemon waits for a successor for up to an advert interval, which may be 41 s.
constexpr std::chrono::seconds patience{60};

struct Options {
  std::string instance;
  bool force = false;
  bool json = false;
};

int run(const std::string& runtime_dir, const std::string& what, const Options& options) {
  Json request{{"command", what}};
  if (!options.instance.empty()) request["instance"] = options.instance;
  if (options.force) request["force"] = true;
  const auto answer = ask_daemon(runtime_dir, request, patience);
  if (!answer) return report(answer.error());
  if (options.json)
    std::cout << answer->dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  else
    print_lines(*answer, "changes", std::cout);
  return exit_done;
}

CLI::App* add(CommandLine& line, const std::string& what, const std::string& description,
              const std::shared_ptr<Options>& options) {
  CLI::App* command = line.app.add_subcommand(what, description);
  command->add_option("INSTANCE", options->instance, "Only this one, with its sync group; else all of them");
  command->add_flag("--json", options->json, "Print the daemon's answer for programs");
  line.add_runtime_dir(*command);
  command->callback([&line, what, options] { line.exit_code = run(line.runtime_dir, what, *options); });
  return command;
}

}  // namespace

void add_drain(CommandLine& line) {
  const auto options = std::make_shared<Options>();
  CLI::App* command =
      add(line, "drain", "Hand the addresses over to another host, and stay away from them until `resume`", options);
  command->add_flag("--force", options->force, "Give the addresses up even if no other host takes them");
  command->footer(
      "Examples:\n"
      "  holdfast drain              before work on this host; survives its reboot\n"
      "  holdfast drain web          one instance only\n"
      "\n"
      "The addresses are kept until another host has taken them. Where none does, nothing changes and the exit\n"
      "status is 1. Afterwards: holdfast resume");
}

void add_resume(CommandLine& line) {
  add(line, "resume", "Take part again after a `drain`", std::make_shared<Options>())
      ->footer(
          "Example:\n"
          "  holdfast resume             all instances; the addresses come home if the priority says so");
}

}  // namespace holdfast
