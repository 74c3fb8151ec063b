// `holdfast notify-test`: the daemon sends one notification, and says how that went.
#include "cli/command.hpp"
#include "cli/control_client.hpp"

#include <iostream>
#include <memory>

namespace holdfast {

namespace {

// More than the longest `timeout` of a target.
constexpr std::chrono::seconds patience{615};

struct Options {
  std::string target;
  bool json = false;
};

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

int list_targets(const std::string& runtime_dir, const Options& options) {
  const auto answer = ask_daemon(runtime_dir, {{"command", "status"}});
  if (!answer) return report(answer.error());
  const Json status = answer->value("status", Json::object());
  const Json targets = status.value("notifications", Json::array());
  if (options.json) {
    std::cout << targets.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
    return exit_done;
  }
  for (const Json& target : targets) std::cout << text_of(target, "name") << " (" << text_of(target, "type") << ")\n";
  if (targets.empty()) std::cout << "the configuration has no targets; they stand below `notify`\n";
  return exit_done;
}

int run(const std::string& runtime_dir, const Options& options) {
  if (options.target.empty()) return list_targets(runtime_dir, options);
  const auto answer = ask_daemon(runtime_dir, {{"command", "notify-test"}, {"target", options.target}}, patience);
  if (!answer) return report(answer.error());
  if (options.json)
    std::cout << answer->dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  else
    std::cout << options.target << ": " << text_of(*answer, "text") << '\n';
  return exit_done;
}

}  // namespace

void add_notify_test(CommandLine& line) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = line.app.add_subcommand("notify-test", "Send one notification to a target and say how it went");
  command->add_option("TARGET", options->target, "Whom to notify; without it, the targets are listed");
  command->add_flag("--json", options->json, "Print the daemon's answer for programs");
  line.add_runtime_dir(*command);
  command->footer(
      "What is sent is the present state of an instance, marked as a test: HOLDFAST_EVENT is `test`.\n"
      "\n"
      "Examples:\n"
      "  holdfast notify-test            which targets there are\n"
      "  holdfast notify-test email      sends a mail");
  command->callback([&line, options] { line.exit_code = run(line.runtime_dir, *options); });
}

}  // namespace holdfast
