#include "common/config/load.hpp"

#include "common/config/checks.hpp"
#include "common/config/instances.hpp"
#include "common/config/keepalived_words.hpp"
#include "common/config/line_mend.hpp"
#include "common/config/map_reader.hpp"
#include "common/config/named_parts.hpp"
#include "common/config/notify.hpp"
#include "common/config/per_node.hpp"
#include "common/config/problems.hpp"
#include "common/config/sync_groups.hpp"
#include "common/config/text_file.hpp"
#include "common/config/usage.hpp"
#include "common/config/yaml_tree.hpp"
#include "common/result.hpp"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace holdfast {

namespace {

Result<std::string> read_file(const std::string& path) {
  auto file = read_text_file(path, largest_text);
  if (file) return std::move(file->text);
  const std::string example = path + ".example";
  const bool is_missing = ::access(path.c_str(), F_OK) != 0 && errno == ENOENT;
  if (!is_missing || ::access(example.c_str(), F_OK) != 0) return file.error();
  return Error{"there is no such file; copy " + example + " to it and edit that, or name another"};
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

// `example`: the user that the package makes for this role.
void read_child_user(Problems& problems, MapReader& users, std::string_view role, std::string_view example,
                     std::string& user) {
  const YamlEntry* entry = users.take(role);
  if (entry == nullptr) return;
  user = read_text(problems, *entry->value, quoted(role)).value_or("");
  if (user == "root" || user == "nobody") {
    problems.error(entry->value->place, quoted(role) + " can't run as " + quoted(user) +
                                            ", which others are too; write a user of its own, such as " +
                                            quoted(example));
  }
}

RuntimeConfig read_runtime(Problems& problems, const YamlEntry& entry) {
  RuntimeConfig runtime;
  MapReader reader(problems, *entry.value, entry.place, Section::runtime, "`runtime`");
  if (const YamlEntry* users = reader.take("users")) {
    MapReader user_reader(problems, *users->value, users->place, Section::runtime_users, "`users`");
    read_child_user(problems, user_reader, "vrrp", "holdfast-vrrp", runtime.vrrp_user);
    read_child_user(problems, user_reader, "checker", "holdfast-check", runtime.checker_user);
    if (!runtime.vrrp_user.empty() && runtime.vrrp_user == runtime.checker_user) {
      problems.error(users->place, "`vrrp` and `checker` must be two users, so that neither can touch the other");
    }
    user_reader.finish();
  }
  runtime.admin_group = reader.text("admin_group").value_or("");
  reader.finish();
  return runtime;
}

CheckNames check_names(std::vector<std::string> names) {
  return {names, std::unordered_set<std::string>(names.begin(), names.end())};
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
  const YamlEntry* instances = document.take("instances");
  const YamlEntry* groups = document.take("sync_groups");
  const YamlEntry* notify = document.take("notify");
  const YamlNode& checks_node = checks == nullptr ? no_checks : *checks->value;
  auto names = names_in(checks_node);
  if (checks != nullptr) {
    const auto flat = take_flat_entries(problems, document, node, *checks);
    names.insert(names.end(), flat.begin(), flat.end());
    if (flat.empty()) config.checks = read_checks(problems, *checks);
  }
  if (instances != nullptr) {
    if (take_flat_entries(problems, document, node, *instances).empty()) {
      config.instances = read_instances(problems, *instances, check_names(std::move(names)));
      if (groups != nullptr) {
        read_sync_groups(problems, *groups->value, names_in(*instances->value), config.instances);
      }
    }
    if (notify != nullptr) config.notify = read_notify(problems, *notify, names_in(*instances->value));
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

// What only shows beside the other nodes of the file.
void compare_nodes(Problems& problems, const Config& config, const YamlPtr& document, const YamlNode& merged) {
  std::vector<Config> others;
  for (const std::string& node : nodes_of(*document)) {
    if (node == config.node) continue;
    Problems theirs("");  // told when that node is asked for
    const YamlPtr other = document_of_node(theirs, document, node);
    if (other == nullptr) continue;
    Config read = read_document(theirs, *other, node);
    if (!theirs.has_errors()) others.push_back(std::move(read));
  }
  const YamlEntry* instances = merged.find("instances");
  if (!others.empty() && instances != nullptr) warn_about_gaps(problems, config, others, *instances->value);
}

std::optional<Config> read_config(Problems& problems, const std::string& text, const LoadOptions& options) {
  if (const auto block = keepalived_block(text)) {
    problems.error(*block,
                   "this is a keepalived.conf, and Holdfast's configuration is YAML; write `instances:`, below it, "
                   "indented, `VI_1:`, and below that, indented again, `interface: eth0`, `vrid: 66`, `version: 2`, "
                   "`priority: 100`, `password: \"1111\"` and `addresses: [192.168.16.130]` with the old values");
    return std::nullopt;
  }
  const YamlPtr document = parse_yaml(text, problems);
  if (document == nullptr || document->kind == YamlNode::Kind::nothing) {
    if (!problems.has_errors()) {
      problems.error({}, "the file is empty; a configuration needs at least one entry under `instances`");
    }
    return std::nullopt;
  }
  if (document->kind != YamlNode::Kind::map) {
    const auto mend = document->kind == YamlNode::Kind::scalar ? mend_of_line(document->text) : std::nullopt;
    problems.error(document->place, "a configuration is a map: lines of `key: value`, first of all `instances:`" +
                                        (mend ? "; " + *mend : std::string()));
    return std::nullopt;
  }
  std::string node = node_name(problems, *document, options);
  const YamlPtr merged = document_of_node(problems, document, node);
  if (merged == nullptr) return std::nullopt;
  Config config = read_document(problems, *merged, std::move(node));
  if (!problems.has_errors()) compare_nodes(problems, config, document, *merged);
  return config;
}

}  // namespace

LoadedConfig parse_config(const std::string& text, const std::string& name, const LoadOptions& options) {
  Problems problems(name, options.only_validating);
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
