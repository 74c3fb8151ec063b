#include "common/config/load.hpp"

#include "common/config/checks.hpp"
#include "common/config/instances.hpp"
#include "common/config/map_reader.hpp"
#include "common/config/per_node.hpp"
#include "common/config/problems.hpp"
#include "common/config/usage.hpp"
#include "common/config/yaml_tree.hpp"
#include "common/fd.hpp"
#include "common/result.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace holdfast {

namespace {

Result<std::string> read_file(const std::string& path) {
  // Non-blocking: opening a pipe that nobody writes to must not hold the daemon.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file && errno == ENOENT) return Error{"there is no such file; create it, or name another"};
  if (!file) {
    return Error{"can't be read: " + std::system_category().message(errno) + "; check its owner and mode"};
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return Error{"is no regular file; name the configuration file itself"};
  }
  std::string text(largest_text + 1, '\0');  // one more than allowed, so that too much shows
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error{"can't be read: " + std::system_category().message(errno)};
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  text.resize(length);
  return text;
}

std::string node_name(Problems& problems, const YamlNode& document, const LoadOptions& options) {
  const YamlEntry* entry = document.find("node");
  std::optional<std::string> name;
  if (entry != nullptr) {
    name = read_text(problems, *entry->value, "`node`");
    if (name) check_name(problems, entry->value->place, *name, "a node");
  }
  return !options.node.empty() ? options.node : name.value_or(options.default_node);
}

void read_child_user(Problems& problems, MapReader& users, std::string_view role, std::string& user) {
  const YamlEntry* entry = users.take(role);
  if (entry == nullptr) return;
  user = read_text(problems, *entry->value, quoted(role)).value_or("");
  if (user == "root" || user == "nobody") {
    problems.error(entry->value->place, quoted(role) + " can't run as " + quoted(user) +
                                            ", which others are too; create a user of its own, such as "
                                            "`holdfast-" +
                                            std::string(role) + "`");
  }
}

RuntimeConfig read_runtime(Problems& problems, const YamlEntry& entry) {
  RuntimeConfig runtime;
  MapReader reader(problems, *entry.value, entry.place, Section::runtime, "`runtime`");
  if (const YamlEntry* users = reader.take("users")) {
    MapReader user_reader(problems, *users->value, users->place, Section::runtime_users, "`users`");
    read_child_user(problems, user_reader, "vrrp", runtime.vrrp_user);
    read_child_user(problems, user_reader, "checker", runtime.checker_user);
    if (!runtime.vrrp_user.empty() && runtime.vrrp_user == runtime.checker_user) {
      problems.error(users->place, "`vrrp` and `checker` must be two users, so that neither can touch the other");
    }
    user_reader.finish();
  }
  runtime.admin_group = reader.text("admin_group").value_or("");
  reader.finish();
  return runtime;
}

CheckNames names_of(const YamlNode& checks) {
  CheckNames names;
  for (const YamlEntry& entry : checks.entries) {
    names.in_order.push_back(entry.key);
    names.all.insert(entry.key);
  }
  return names;
}

// Reports the keys at the top that have no meaning; `x-...` is the user's own.
void finish_document(MapReader& document, const YamlNode& node) {
  for (const YamlEntry& entry : node.entries) {
    if (entry.key.starts_with("x-")) document.ignore(entry.key);
  }
  document.finish();
}

Config read_document(Problems& problems, const YamlNode& node, std::string name) {
  Config config;
  config.node = std::move(name);
  MapReader document(problems, node, {}, Section::document, "the file");
  document.take("node");
  document.take("per_node");
  if (const YamlEntry* runtime = document.take("runtime")) config.runtime = read_runtime(problems, *runtime);
  const YamlNode no_checks;
  const YamlEntry* checks = document.take("checks");
  const YamlNode& checks_node = checks == nullptr ? no_checks : *checks->value;
  if (checks != nullptr) config.checks = read_checks(problems, *checks);
  if (const YamlEntry* instances = document.take("instances")) {
    config.instances = read_instances(problems, *instances, names_of(checks_node));
    // After an error a warning may only be its echo: a check whose name is mistyped seems untracked.
    if (!problems.has_errors()) warn_about_usage(problems, config, checks_node);
  } else {
    problems.error({},
                   "the file has no `instances`; add them: `instances:`, below it a name, and below that "
                   "`interface`, `vrid` and `addresses`");
  }
  finish_document(document, node);
  return config;
}

std::optional<Config> read_config(Problems& problems, const std::string& text, const LoadOptions& options) {
  const YamlPtr document = parse_yaml(text, problems);
  if (document == nullptr || document->kind == YamlNode::Kind::nothing) {
    if (!problems.has_errors()) {
      problems.error({}, "the file is empty; a configuration needs at least one entry under `instances`");
    }
    return std::nullopt;
  }
  if (document->kind != YamlNode::Kind::map) {
    problems.error(document->place, "a configuration is a map: lines of `key: value`, first of all `instances:`");
    return std::nullopt;
  }
  std::string node = node_name(problems, *document, options);
  const YamlPtr merged = document_of_node(problems, document, node);
  if (merged == nullptr) return std::nullopt;
  return read_document(problems, *merged, std::move(node));
}

}  // namespace

LoadedConfig parse_config(const std::string& text, const std::string& name, const LoadOptions& options) {
  Problems problems(name);
  auto config = read_config(problems, text, options);
  if (problems.has_errors()) config.reset();
  return {std::move(config), problems.in_file_order()};
}

LoadedConfig load_config(const std::string& path, const LoadOptions& options) {
  const auto text = read_file(path);
  if (text) return parse_config(*text, path, options);
  Problems problems(path);
  problems.error({}, text.error().text);
  return {std::nullopt, problems.in_file_order()};
}

std::vector<std::string> configured_nodes(const std::string& text) {
  Problems ignored("");
  const YamlPtr document = parse_yaml(text, ignored);
  return document == nullptr ? std::vector<std::string>{} : nodes_of(*document);
}

}  // namespace holdfast
