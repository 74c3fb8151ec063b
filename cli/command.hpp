// What every subcommand of `holdfast` shares. A subcommand is one file; it adds itself to the command line and,
// when chosen, leaves its exit code.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace holdfast {

enum ExitCode : int { exit_done = 0, exit_failed = 1, exit_usage = 2, exit_no_daemon = 3 };

struct CommandLine {
  CLI::App app;
  std::string runtime_dir = "/run/holdfast";
  int exit_code = exit_done;

  // Accepts --runtime-dir after the subcommand's name as well as before it.
  void add_runtime_dir(CLI::App& app_or_subcommand) {
    app_or_subcommand.add_option("--runtime-dir", runtime_dir, "Where the daemon keeps its control socket")
        ->type_name("DIR")
        ->capture_default_str();
  }
};

void add_status(CommandLine& line);
void add_validate(CommandLine& line);
void add_reload(CommandLine& line);
void add_notify_test(CommandLine& line);
void add_drain(CommandLine& line);
void add_resume(CommandLine& line);

}  // namespace holdfast
