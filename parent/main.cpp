// holdfastd: the parent. Puts the pieces together; what they do is in supervisor.hpp.
#include "common/config/load.hpp"
#include "common/event_loop.hpp"
#include "common/log.hpp"
#include "common/privileges.hpp"
#include "common/sandbox.hpp"
#include "parent/child_users.hpp"
#include "parent/control_request.hpp"
#include "parent/control_server.hpp"
#include "parent/journal.hpp"
#include "parent/runtime_dir.hpp"
#include "parent/status_document.hpp"
#include "parent/supervisor.hpp"
#include "parent/system_bus.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <set>
#include <string>

using namespace holdfast;

namespace {

using Json = nlohmann::ordered_json;

constexpr int usage_error = 2;

// What the parent needs: to start children as other users, with capabilities, in real time and with locked memory; to
// end them; and to read and write its files whoever owns them.
const std::vector<cap_value_t> parent_capabilities{CAP_SETUID,   CAP_SETGID,       CAP_SETPCAP,
                                                   CAP_KILL,     CAP_NET_ADMIN,    CAP_NET_RAW,
                                                   CAP_SYS_NICE, CAP_SYS_RESOURCE, CAP_DAC_OVERRIDE};
constexpr const char* default_runtime_dir = "/run/holdfast";
constexpr const char* default_state_dir = "/var/lib/holdfast";

struct Options {
  std::string config = "/etc/holdfast/holdfast.yaml";
  std::string runtime_dir = default_runtime_dir;
  std::string state_dir;
  LogLevel log_level = LogLevel::info;
};

std::string short_host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  const std::string full = name;
  return full.substr(0, full.find('.'));
}

// A descriptor that somebody left closed would be given to the first file we open.
void open_standard_descriptors() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO) fd = open("/dev/null", O_RDWR);
  if (fd > STDERR_FILENO) close(fd);
}

// A start that can't succeed as things are: the service manager need not try it again. What ends a daemon that ran is
// EX_SOFTWARE.
int fail(const std::string& text) {
  log(LogLevel::error, text);
  return EXIT_FAILURE;
}

Json document(const ReloadAnswer& answer) {
  if (!answer.ok) return {{"ok", false}, {"errors", answer.errors}, {"warnings", answer.warnings}};
  return {{"ok", true}, {"changes", answer.changes}, {"warnings", answer.warnings}};
}

Json document(const DrainAnswer& answer) {
  if (!answer.ok) return {{"ok", false}, {"errors", answer.lines}};
  return {{"ok", true}, {"changes", answer.lines}};
}

std::set<std::string> names_of(const Config& config) {
  std::set<std::string> names;
  for (const InstanceConfig& instance : config.instances) names.insert(instance.router.name);
  return names;
}

int run(const Options& options) {
  if (geteuid() != 0) {
    return fail(
        "holdfastd must be started as root: it drops what it does not need by itself (try: sudo holdfastd ...)");
  }
  forbid_core_dumps();  // it reads the secrets
  // Commands that run as its children may need what it does not need itself.
  const bool commands_are_units = systemd_runs_here();
  const auto shedding = commands_are_units ? Shedding::for_ever : Shedding::own;
  if (const Status kept = keep_capabilities(parent_capabilities, shedding); !kept) {
    return fail("refusing to run: " + kept.error().text);
  }
  const LoadOptions load_options{"", short_host_name()};
  LoadedConfig loaded = load_config(options.config, load_options);
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    std::fprintf(stderr, "%s\n", to_string(diagnostic).c_str());
  }
  if (!loaded.config) return fail("not started: the configuration " + options.config + " has errors");

  auto vrrp_program = open_child_program("holdfast-vrrp", "virtual routers");
  if (!vrrp_program) return fail(vrrp_program.error().text);
  auto checker_program = open_child_program("holdfast-checker", "health checks");
  if (!checker_program) return fail(checker_program.error().text);
  auto notify_program = open_child_program("holdfast-notify", "one notification");
  if (!notify_program) return fail(notify_program.error().text);
  ChildProgram command_program;
  if (commands_are_units) {
    auto opened_program = open_child_program("holdfast-command", "one command");
    if (!opened_program) return fail(opened_program.error().text);
    command_program = std::move(*opened_program);
  }
  auto users = choose_child_users(loaded.config->runtime);
  if (!users) return fail(users.error().text);
  const auto lock = claim_runtime_dir(options.runtime_dir);
  if (!lock) return fail(lock.error().text);
  if (const Status made = make_state_dir(options.state_dir); !made) return fail(made.error().text);
  const std::string drain_record = options.state_dir + "/drained.json";
  auto drained = Drains::read_record(drain_record);

  Journal journal(options.log_level, Journal::target_of_stderr(), STDERR_FILENO);
  set_log_sink([&journal](LogLevel level, std::string_view text) {
    journal.write({level, std::string(text), nullptr, {}});
  });

  if (sd_booted() > 0 && !commands_are_units) {
    log(LogLevel::warning,
        "there is no system bus: the commands of the configuration run inside the daemon's sandbox, where they may "
        "fail; "
        "install dbus, then: systemctl restart holdfast");
  }
  if (!drained) {
    // A host that somebody works on must not take part; who else is there takes the addresses.
    log(LogLevel::error, drained.error().text);
    drained = names_of(*loaded.config);
  }

  EventLoop loop;
  Supervisor supervisor(
      loop, {options.config, [&options, &load_options] { return load_config(options.config, load_options); },
             std::move(*loaded.config), drain_record, std::move(*drained), std::move(*users), std::move(*vrrp_program),
             std::move(*checker_program), [&journal](JournalEntry entry) { journal.write(std::move(entry)); },
             std::move(*notify_program), std::move(command_program)});

  std::unique_ptr<ControlServer> control;
  const auto update_admin_group = [&] {
    const Status set = control->set_admin_group(supervisor.config().runtime.admin_group);
    if (!set) log(LogLevel::warning, set.error().text);
  };
  const auto reload = [&](std::function<void(const ReloadAnswer&)> answer) {
    supervisor.reload([&, answer = std::move(answer)](const ReloadAnswer& result) {
      if (result.ok) update_admin_group();
      answer(result);
    });
  };
  using Access = ControlServer::Access;
  auto opened = ControlServer::open(
      loop, options.runtime_dir,
      {{"status", Access::read,
        [&](const Json&, ControlServer::Answer answer) {
          supervisor.status([&loop, answer = std::move(answer)](const DaemonStatus& status) {
            answer({{"ok", true}, {"status", status_document(status, WallClock::read(loop.now()))}});
          });
        },
        true},
       {"reload", Access::change,
        [&](const Json&, ControlServer::Answer answer) {
          reload([answer = std::move(answer)](const ReloadAnswer& result) { answer(document(result)); });
        }},
       {"plan-reload", Access::change,
        [&](const Json&, ControlServer::Answer answer) { answer(document(supervisor.plan_reload())); }},
       {"notify-test", Access::change,
        [&](const Json& request, ControlServer::Answer answer) {
          const auto target = target_request(request);
          if (!target) return answer(ControlServer::refusal(target.error().text));
          supervisor.test_notification(*target, [answer = std::move(answer)](const Result<std::string>& outcome) {
            answer(outcome ? Json{{"ok", true}, {"text", *outcome}} : ControlServer::refusal(outcome.error().text));
          });
        }},
       {"drain", Access::change,
        [&](const Json& request, ControlServer::Answer answer) {
          const auto wanted = drain_request(request, true);
          if (!wanted) return answer(ControlServer::refusal(wanted.error().text));
          supervisor.drain(wanted->instance, wanted->force,
                           [answer](const DrainAnswer& result) { answer(document(result)); });
        }},
       {"resume", Access::change, [&](const Json& request, ControlServer::Answer answer) {
          const auto wanted = drain_request(request, false);
          if (!wanted) return answer(ControlServer::refusal(wanted.error().text));
          supervisor.resume(wanted->instance, [answer](const DrainAnswer& result) { answer(document(result)); });
        }}});
  if (!opened) return fail(opened.error().text);
  control = std::move(*opened);
  update_admin_group();

  const SignalWatch terminate(loop, SIGTERM, [&] { supervisor.stop("SIGTERM"); });
  const SignalWatch interrupt(loop, SIGINT, [&] { supervisor.stop("SIGINT"); });
  const SignalWatch hang_up(loop, SIGHUP, [&] { reload([](const ReloadAnswer&) {}); });
  supervisor.start();
  const int code = loop.run();
  // The journal is about to go; whatever is still said goes to stderr.
  set_log_sink({});
  return code == EXIT_SUCCESS ? EXIT_SUCCESS : EX_SOFTWARE;
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();

  Options options;
  CLI::App app("Keeps a virtual IP address with a healthy nginx: speaks VRRP, checks health, moves the address.",
               "holdfastd");
  app.footer(
      "Stays in the foreground. SIGTERM hands the addresses over and stops; SIGHUP reads the configuration again.\n"
      "Logs go to the journal when systemd started it, else to stderr. See also: holdfast --help");
  app.add_option("--config", options.config, "the configuration file")->capture_default_str()->type_name("FILE");
  app.add_option("--runtime-dir", options.runtime_dir, "control socket and lock; one daemon per directory")
      ->capture_default_str()
      ->type_name("DIR");
  app.add_option("--state-dir", options.state_dir,
                 std::string("what survives restarts (default: ") + default_state_dir +
                     ", or RUNTIME_DIR/state with a --runtime-dir of your own)")
      ->type_name("DIR");
  const std::map<std::string, LogLevel> levels{{"error", LogLevel::error},
                                               {"warning", LogLevel::warning},
                                               {"notice", LogLevel::notice},
                                               {"info", LogLevel::info},
                                               {"debug", LogLevel::debug}};
  std::string level = to_string(options.log_level);
  app.add_option("--log-level", level, "the least important entries to log: error, warning, notice, info or debug")
      ->capture_default_str()
      ->check(CLI::IsMember(levels))
      ->type_name("LEVEL");
  app.set_version_flag("--version", "holdfastd " HOLDFAST_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& outcome) {
    return app.exit(outcome) == 0 ? EXIT_SUCCESS : usage_error;
  }
  options.log_level = levels.at(level);
  if (options.state_dir.empty()) {
    options.state_dir = options.runtime_dir == default_runtime_dir ? default_state_dir : options.runtime_dir + "/state";
  }
  try {
    return run(options);
  } catch (const std::exception& failure) {
    fail(std::string("internal error: ") + failure.what());
    return EX_SOFTWARE;
  }
}
