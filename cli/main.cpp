// The command line tool: people's side of the daemon.
#include "cli/command.hpp"
#include "common/config/suggest.hpp"

#include <exception>
#include <iostream>

namespace {

// Says what the first word should have been, if it was meant as a subcommand.
bool explain_unknown_subcommand(const CLI::App& app) {
  const auto words = app.remaining();
  if (words.empty() || words.front().starts_with('-')) return false;
  std::vector<std::string> names;
  for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(subcommand->get_name());
  }
  std::cerr << "holdfast has no subcommand `" << words.front() << '`'
            << holdfast::hint_for(words.front(), names, "the subcommands are") << '\n';
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  holdfast::CommandLine line;
  line.app.name("holdfast");
  line.app.description(
      "Holdfast keeps a virtual IP with a healthy nginx. This command asks and steers the daemon, holdfastd.");
  line.app.set_version_flag("--version", "holdfast " HOLDFAST_VERSION);
  line.app.require_subcommand(1);
  line.add_runtime_dir(line.app);
  holdfast::add_status(line);
  holdfast::add_validate(line);
  holdfast::add_reload(line);
  holdfast::add_notify_test(line);
  holdfast::add_drain(line);
  holdfast::add_resume(line);
  line.app.footer(
      "Examples:\n"
      "  holdfast status                     who has the addresses, and why\n"
      "  holdfast validate new.yaml          what is wrong with a configuration\n"
      "  holdfast reload                     take the changed configuration over\n"
      "  holdfast drain                      hand all addresses over, for work on this host\n"
      "\n"
      "Exit status: 0 done, 1 failed, 2 wrong usage, 3 the daemon does not run.");
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0 && line.app.get_subcommands().empty() && explain_unknown_subcommand(line.app)) {
      return holdfast::exit_usage;
    }
    return line.app.exit(error) == 0 ? holdfast::exit_done : holdfast::exit_usage;
  } catch (const std::exception& error) {
    std::cerr << "holdfast failed: " << error.what() << '\n';
    return holdfast::exit_failed;
  }
  return line.exit_code;
}
