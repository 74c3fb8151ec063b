#include "common/config/checks.hpp"

#include "common/config/duration_text.hpp"
#include "common/config/endpoint_text.hpp"
#include "common/config/map_reader.hpp"
#include "common/config/named_parts.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace holdfast {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_checks = 4096;
constexpr std::size_t longest_process_name = 15;  // what /proc/PID/comm holds

constexpr DurationRange interval_range{10ms, 24h};
constexpr DurationRange timeout_range{1ms, 24h};
constexpr DurationRange expiry_warning_range{0s, 365 * 24h};

constexpr std::size_t longest_socket_path = 107;  // sockaddr_un without its final zero

enum class CheckType { process, tcp, http, nginx, script, file };
const std::vector<std::string> check_types{"process", "tcp", "http", "nginx", "script", "file"};

// The keys that only some types have.
struct TypeKey {
  std::string_view key;
  unsigned types;  // a bit for each
};
constexpr unsigned of(auto... types) { return ((1u << static_cast<unsigned>(types)) | ...); }
constexpr unsigned of_http = of(CheckType::http, CheckType::nginx);
constexpr TypeKey type_keys[] = {
    {"pid_file", of(CheckType::process, CheckType::nginx)},
    {"name", of(CheckType::process)},
    {"address", of(CheckType::tcp)},
    {"send", of(CheckType::tcp)},
    {"expect", of(CheckType::tcp)},
    {"url", of_http},
    {"host", of_http},
    {"status", of_http},
    {"body", of_http},
    {"http2", of_http},
    {"unix_socket", of_http},
    {"proxy_protocol", of_http},
    {"tls_verify", of_http},
    {"tls_ca", of_http},
    {"tls_expiry_warning", of_http},
    {"stub_status", of(CheckType::nginx)},
    {"command", of(CheckType::script)},
    {"user", of(CheckType::script)},
    {"path", of(CheckType::file)},
    {"invert", of(CheckType::file)},
};

// "http or nginx"
std::string types_text(unsigned types) {
  std::string text;
  for (std::size_t type = 0; type < check_types.size(); ++type) {
    if ((types & of(type)) != 0) text += (text.empty() ? "" : " or ") + check_types[type];
  }
  return text;
}

// A path that the checker must reach.
std::optional<std::string> read_visible_path(Problems& problems, const YamlNode& node, std::string_view what) {
  const auto path = read_path(problems, node, what);
  if (path && (path->starts_with("/tmp/") || path->starts_with("/var/tmp/"))) {
    problems.warning(node.place, std::string(what) + " " + quoted(*path) +
                                     ": holdfast.service does not see /tmp and /var/tmp, where anybody may put " +
                                     "anything; choose a place below /run or /etc, or write PrivateTmp=no below " +
                                     "[Service] with `systemctl edit holdfast`");
  }
  return path;
}

ProcessProbe read_process(Problems& problems, MapReader& check) {
  ProcessProbe probe;
  const YamlEntry* pid_file = check.take("pid_file");
  const YamlEntry* name = check.take("name");
  if (pid_file == nullptr && name == nullptr) {
    check.missing("pid_file", "pid_file: /run/nginx.pid", "or `name: nginx`, to look for the process by its name");
  }
  if (pid_file != nullptr) probe.pid_file = read_visible_path(problems, *pid_file->value, "`pid_file`").value_or("");
  if (name == nullptr) return probe;
  if (pid_file != nullptr) {
    problems.error(name->place, check.what() + " has both `pid_file` and `name`; remove one of them");
    return probe;
  }
  probe.name = read_text(problems, *name->value, "`name`").value_or("");
  if (probe.name.size() > longest_process_name) {
    problems.error(name->value->place,
                   "`name` is longer than 15 bytes, which is all that the kernel keeps of a "
                   "process's name; write " +
                       quoted(probe.name.substr(0, longest_process_name)) + ", as `ps -o comm` shows it");
  } else if (probe.name.find('/') != std::string::npos) {
    problems.error(name->value->place, "`name` is the name of a process, not a path; write " +
                                           quoted(probe.name.substr(probe.name.rfind('/') + 1)));
  }
  return probe;
}

TcpProbe read_tcp(Problems& problems, MapReader& check) {
  TcpProbe probe;
  const YamlEntry* address = check.take("address");
  if (address == nullptr) check.missing("address", "address: 127.0.0.1:80");
  if (address != nullptr) {
    if (const auto text = read_text(problems, *address->value, "`address`")) {
      const auto endpoint = parse_endpoint(*text);
      if (endpoint) {
        probe.host = endpoint->host;
        probe.port = endpoint->port;
      } else {
        problems.error(address->value->place, "`address` " + quoted(*text) + " " + endpoint.error().text);
      }
    }
  }
  probe.send = check.text("send").value_or("");
  if (const YamlEntry* expect = check.take("expect")) {
    probe.expect = read_regex(problems, *expect->value, "`expect`").value_or("");
  }
  return probe;
}

// "200" or "200-399".
std::optional<std::pair<std::uint16_t, std::uint16_t>> parse_status_range(std::string_view text) {
  const auto number = [](std::string_view digits) -> std::optional<std::uint16_t> {
    std::uint16_t value = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failure != std::errc{} || end != digits.data() + digits.size() || value < 100 || value > 599) {
      return std::nullopt;
    }
    return value;
  };
  const auto dash = text.find('-');
  const auto first = number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return std::pair(*first, *last);
}

std::optional<std::string> read_url(Problems& problems, MapReader& check, std::string_view key) {
  const YamlEntry* entry = check.take(key);
  if (entry == nullptr) return std::nullopt;
  auto url = read_text(problems, *entry->value, quoted(key)).value_or("");
  const auto endpoint = parse_http_url(url);
  if (!url.empty() && !endpoint) {
    problems.error(entry->value->place, quoted(key) + " " + quoted(url) + " " + endpoint.error().text);
  }
  return url;
}

// How a page is asked for, and what is wanted of it: all but the URL.
void read_page(Problems& problems, MapReader& check, HttpProbe& probe, bool secure) {
  if (const YamlEntry* host = check.take("host")) {
    probe.host = read_text(problems, *host->value, "`host`").value_or("");
    const auto endpoint = parse_http_url("http://" + probe.host);
    if (!probe.host.empty() && (!endpoint || probe.host.find_first_of("/?#") != std::string::npos)) {
      problems.error(host->value->place,
                     "`host` " + quoted(probe.host) + " must be a host name alone, as in `www.example.net`");
    }
  }
  if (const YamlEntry* status = check.take("status")) {
    if (const auto* items = read_list(problems, *status->value, "`status`", "[200-399]")) {
      probe.status.clear();
      for (const YamlPtr& item : *items) {
        const auto range = item->kind == YamlNode::Kind::scalar ? parse_status_range(item->text) : std::nullopt;
        if (range) {
          probe.status.push_back(*range);
        } else {
          problems.error(item->place,
                         "an entry of `status` must be a status from 100 to 599 or a range of them, as "
                         "in `[200, 301-302]`");
        }
      }
    }
  }
  if (const YamlEntry* body = check.take("body")) {
    probe.body = read_regex(problems, *body->value, "`body`").value_or("");
  }
  probe.http2 = check.boolean("http2").value_or(probe.http2);
  probe.proxy_protocol = check.boolean("proxy_protocol").value_or(probe.proxy_protocol);
  if (const YamlEntry* socket = check.take("unix_socket")) {
    probe.unix_socket = read_visible_path(problems, *socket->value, "`unix_socket`").value_or("");
    if (probe.unix_socket.size() > longest_socket_path) {
      problems.error(socket->value->place,
                     "`unix_socket` is longer than 107 bytes, which is all that the kernel takes");
    }
  }
  for (const std::string_view key : {"tls_verify", "tls_ca", "tls_expiry_warning"}) {
    const YamlEntry* entry = check.peek(key);
    if (entry == nullptr || secure) continue;
    problems.warning(entry->place, quoted(key) + " does nothing, since the URL is not https; remove the line");
  }
  probe.tls_verify = check.boolean("tls_verify").value_or(probe.tls_verify);
  if (const YamlEntry* authorities = check.take("tls_ca")) {
    probe.tls_ca = read_path(problems, *authorities->value, "`tls_ca`").value_or("");
    if (!probe.tls_verify) {
      problems.warning(authorities->place, "`tls_ca` does nothing beside `tls_verify: false`; remove one of them");
    }
  }
  probe.tls_expiry_warning =
      check.duration("tls_expiry_warning", expiry_warning_range).value_or(probe.tls_expiry_warning);
}

HttpProbe read_http(Problems& problems, MapReader& check) {
  HttpProbe probe;
  const auto url = read_url(problems, check, "url");
  if (url)
    probe.url = *url;
  else
    check.missing("url", "url: http://127.0.0.1/");
  read_page(problems, check, probe, !probe.url.starts_with("http://"));
  return probe;
}

NginxProbe read_nginx(Problems& problems, MapReader& check) {
  NginxProbe probe;
  if (const YamlEntry* pid_file = check.take("pid_file")) {
    probe.pid_file = read_visible_path(problems, *pid_file->value, "`pid_file`").value_or(probe.pid_file);
  }
  probe.page.url = read_url(problems, check, "url").value_or(probe.page.url);
  probe.stub_status = read_url(problems, check, "stub_status").value_or("");
  const bool secure = !probe.page.url.starts_with("http://") || probe.stub_status.starts_with("https://");
  read_page(problems, check, probe.page, secure);
  return probe;
}

FileProbe read_file(Problems& problems, MapReader& check) {
  FileProbe probe;
  const YamlEntry* path = check.take("path");
  if (path == nullptr) check.missing("path", "path: /etc/holdfast/maintenance");
  if (path != nullptr) {
    probe.path = read_visible_path(problems, *path->value, "`path`").value_or("");
    if (probe.path.ends_with('/')) {
      problems.error(path->value->place, "`path` must name a file; remove the `/` at its end");
    }
  }
  probe.invert = check.boolean("invert").value_or(probe.invert);
  return probe;
}

CommandConfig read_script(Problems& problems, MapReader& check) {
  CommandConfig command;
  const YamlEntry* argv = check.take("command");
  if (argv == nullptr) check.missing("command", "command: [/usr/local/bin/check-nginx]");
  if (argv != nullptr) command.argv = read_command(problems, *argv->value, "`command`").value_or(command.argv);
  command.user = check.text("user").value_or("");
  return command;
}

// "3 per 10m"
bool parse_limit(std::string_view text, RestartConfig& restart) {
  constexpr std::string_view separator = " per ";
  const auto at = text.find(separator);
  if (at == std::string_view::npos) return false;
  std::uint32_t count = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + at, count);
  const auto window = parse_duration(text.substr(at + separator.size()));
  if (failure != std::errc{} || end != text.data() + at || count < 1 || count > 1000) return false;
  if (!window || *window < 1s || *window > 24h) return false;
  restart.limit = count;
  restart.limit_window = *window;
  return true;
}

void check_unit_name(Problems& problems, const YamlNode& node, const std::string& unit) {
  const std::vector<std::string_view> suffixes{".service", ".target", ".socket", ".scope"};
  const bool has_suffix = std::any_of(suffixes.begin(), suffixes.end(), [&](auto suffix) {
    return unit.ends_with(suffix) && unit.size() > suffix.size();
  });
  const bool allowed = std::all_of(unit.begin(), unit.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(":-_.\\@").find(c) != std::string_view::npos;
  });
  if (!allowed || unit.size() > 255) {
    problems.error(node.place, "`unit` " + quoted(unit) +
                                   " is no name of a systemd unit; write one that `systemctl "
                                   "list-units` shows, such as `nginx.service`");
  } else if (!has_suffix) {
    problems.error(node.place, "`unit` " + quoted(unit) + " lacks its type; write " + quoted(unit + ".service"));
  }
}

// What tells whether a start of it can succeed, where that is known: nginx, and what is made of it.
std::vector<std::string> usual_config_test(const RestartConfig& restart) {
  const auto is_nginx = [](std::string_view name) { return name == "nginx" || name == "openresty"; };
  if (!restart.unit.empty()) {
    const std::string name = restart.unit.substr(0, restart.unit.rfind('.'));
    return is_nginx(name) ? std::vector<std::string>{name, "-t", "-q"} : std::vector<std::string>{};
  }
  const std::string& program = restart.command.front();
  if (!is_nginx(program.substr(program.rfind('/') + 1))) return {};
  std::vector<std::string> test = restart.command;  // with its -c and -p
  test.insert(test.end(), {"-t", "-q"});
  return test;
}

void read_restart_conditions(Problems& problems, MapReader& reader, RestartConfig& restart) {
  if (const YamlEntry* when = reader.take("when")) {
    const auto choice = read_choice(problems, *when->value, "`when`", {"always", "crashed"});
    if (choice == 1u) restart.when = RestartConfig::When::crashed;
    if (choice == 1u && restart.unit.empty()) {
      problems.error(when->place,
                     "`when: crashed` needs `unit`, since only systemd knows what was stopped on purpose; write "
                     "`unit: nginx.service` in place of `command`, or remove the line");
    }
  }
  const YamlEntry* test = reader.take("config_test");
  const bool none = test != nullptr && test->value->kind == YamlNode::Kind::list && test->value->items.empty();
  if (test == nullptr && (!restart.unit.empty() || !restart.command.empty())) {
    restart.config_test = usual_config_test(restart);
  } else if (test != nullptr && (test->value->text == "false" || test->value->text == "no")) {
    problems.error(test->value->place, "`config_test` must be a list; write `[]` for no test");
  } else if (test != nullptr && !none) {
    restart.config_test = read_command(problems, *test->value, "`config_test`").value_or(restart.config_test);
  }
}

RestartConfig read_restart(Problems& problems, const YamlEntry& entry, const std::string& check) {
  RestartConfig restart;
  MapReader reader(problems, *entry.value, entry.place, Section::restart, "`restart` of " + check);
  const YamlEntry* unit = reader.take("unit");
  const YamlEntry* command = reader.take("command");
  if (unit == nullptr && command == nullptr) reader.missing("unit", "unit: nginx.service");
  if (unit != nullptr) {
    restart.unit = read_text(problems, *unit->value, "`unit`").value_or("");
    if (!restart.unit.empty()) check_unit_name(problems, *unit->value, restart.unit);
  }
  if (command != nullptr) {
    restart.command = read_command(problems, *command->value, "`command`").value_or(restart.command);
  }
  if (unit != nullptr && command != nullptr) {
    problems.error(std::max(unit->place, command->place),
                   reader.what() + " has both `unit` and `command`; remove one of them");
  }
  read_restart_conditions(problems, reader, restart);
  restart.before_failover = reader.duration("before_failover", {0s, 10min}).value_or(restart.before_failover);
  if (const YamlEntry* limit = reader.take("limit")) {
    const auto text = read_text(problems, *limit->value, "`limit`");
    if (text && !parse_limit(*text, restart)) {
      problems.error(limit->value->place,
                     "`limit` must be a number from 1 to 1000 and a time from 1s to 24h, such as "
                     "`3 per 10m`, not " +
                         quoted(*text));
    }
  }
  restart.timeout = reader.duration("timeout", {100ms, 1h}).value_or(restart.timeout);
  reader.finish();
  return restart;
}

std::optional<CheckType> read_type(Problems& problems, MapReader& check) {
  const YamlEntry* entry = check.take("type");
  if (entry == nullptr) {
    check.missing("type", "type: process");
    return std::nullopt;
  }
  const auto index = read_choice(problems, *entry->value, "`type`", check_types);
  if (!index) return std::nullopt;
  return static_cast<CheckType>(*index);
}

// Settles the keys that only other types have. Without a type nothing can be said about them.
void settle_type_keys(Problems& problems, MapReader& check, std::optional<CheckType> type) {
  for (const TypeKey& type_key : type_keys) {
    const YamlEntry* entry = check.peek(type_key.key);
    if (entry == nullptr || (type && (type_key.types & of(*type)) != 0)) continue;
    check.ignore(type_key.key);
    if (!type) continue;
    problems.error(entry->place, quoted(type_key.key) + " belongs to a check of type " + types_text(type_key.types) +
                                     ", and this one is " + check_types[static_cast<std::size_t>(*type)] +
                                     "; remove the line or change the type");
  }
}

CheckConfig read_check(Problems& problems, const YamlEntry& entry) {
  CheckConfig config;
  config.spec.name = entry.key;
  MapReader check(problems, *entry.value, entry.place, Section::check, "check " + quoted(entry.key));
  if (!check.is_map()) return config;
  check_name(problems, entry.place, entry.key, "a check");

  const auto type = read_type(problems, check);
  if (type) {
    switch (*type) {
      case CheckType::process: config.spec.probe = read_process(problems, check); break;
      case CheckType::tcp: config.spec.probe = read_tcp(problems, check); break;
      case CheckType::http: config.spec.probe = read_http(problems, check); break;
      case CheckType::nginx: config.spec.probe = read_nginx(problems, check); break;
      case CheckType::file: config.spec.probe = read_file(problems, check); break;
      case CheckType::script:
        config.spec.probe = ScriptProbe{};
        config.script = read_script(problems, check);
        break;
    }
  }
  const bool over_network = type == CheckType::tcp || type == CheckType::http || type == CheckType::nginx;
  config.spec.interval = check.duration("interval", interval_range).value_or(config.spec.interval);
  config.spec.timeout = check.duration("timeout", timeout_range).value_or(config.spec.interval);
  if (config.spec.timeout > config.spec.interval) {
    problems.warning(check.peek("timeout")->value->place,
                     "`timeout` " + duration_text(config.spec.timeout) + " is longer than `interval` " +
                         duration_text(config.spec.interval) +
                         ", so a check that hangs is noticed late; write a shorter one, or a longer `interval`");
  }
  config.spec.rise = static_cast<std::uint32_t>(check.integer("rise", 1, 255).value_or(1));
  config.spec.fall = static_cast<std::uint32_t>(check.integer("fall", 1, 255).value_or(over_network ? 2 : 1));
  config.damping = check.duration("damping", {0s, 1h}).value_or(config.damping);
  if (config.script) config.script->timeout = config.spec.timeout;
  if (const YamlEntry* restart = check.take("restart")) {
    config.restart = read_restart(problems, *restart, check.what());
  }
  settle_type_keys(problems, check, type);
  check.finish();
  return config;
}

}  // namespace

std::vector<CheckConfig> read_checks(Problems& problems, const YamlEntry& section) {
  std::vector<CheckConfig> checks;
  const YamlNode& node = *section.value;
  if (report_list(problems, section, Section::check)) return checks;
  if (node.kind != YamlNode::Kind::map) {
    problems.error(node.place,
                   "`checks` must hold the checks by name; write `NAME:` below it, indented, with the "
                   "check's keys below that, or remove it");
    return checks;
  }
  if (node.entries.size() > most_checks) {
    problems.error(section.place, "more than " + std::to_string(most_checks) + " checks; use fewer");
    return checks;
  }
  for (const YamlEntry* entry : named_entries(problems, node, Section::check)) {
    checks.push_back(read_check(problems, *entry));
  }
  return checks;
}

}  // namespace holdfast
