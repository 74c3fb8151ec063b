#include "cli/validation.hpp"

#include "common/ip_text.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace holdfast {

namespace {

std::string count_of(std::size_t count, const std::string& thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

std::string existing(const Host& host) {
  std::string text;
  for (const std::string& name : host.interfaces) {
    if (name != "lo") text += (text.empty() ? "" : ", ") + name;
  }
  return text.empty() ? "it has none but lo" : "it has " + text;
}

}  // namespace

std::vector<std::string> host_warnings(const std::string& file, const Config& config, const Host& host) {
  std::vector<std::string> warnings;
  const auto warn = [&](const InstanceConfig& instance, const std::string& text) {
    warnings.push_back(file + ": warning: instance `" + instance.router.name + "`: " + text);
  };
  for (const InstanceConfig& instance : config.instances) {
    const VirtualRouterConfig& router = instance.router;
    std::set<std::string> interfaces{router.interface};
    for (const VirtualAddress& address : router.addresses) {
      interfaces.insert(address.interface);
      const auto own = std::find_if(host.addresses.begin(), host.addresses.end(),
                                    [&](const OwnAddress& a) { return a.address == address.prefix.address; });
      if (own == host.addresses.end() || router.priority == owner_priority) continue;
      warn(instance, "this host has " + to_string(own->address) + " on " + own->interface +
                         " for itself; write the address that the hosts share, or remove it there (a keepalived that "
                         "runs here sets it: stop that first)");
    }
    for (const std::string& interface : interfaces) {
      if (std::find(host.interfaces.begin(), host.interfaces.end(), interface) != host.interfaces.end()) continue;
      warn(instance, "this host has no interface `" + interface + "` now; " + existing(host));
    }
  }
  return warnings;
}

Validation sum_up(const std::string& file, const std::vector<std::string>& nodes,
                  const std::vector<LoadedConfig>& loaded) {
  Validation result;
  result.valid = true;
  const auto by_place = [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.line, a.column, a.severity, a.text) < std::tie(b.line, b.column, b.severity, b.text);
  };
  std::map<Diagnostic, std::vector<std::string>, decltype(by_place)> found(by_place);
  for (std::size_t i = 0; i < loaded.size(); ++i) {
    for (const Diagnostic& diagnostic : loaded[i].diagnostics) found[diagnostic].push_back(nodes[i]);
    if (!loaded[i].config) {
      result.valid = false;
      continue;
    }
    const Config& config = *loaded[i].config;
    result.summary.push_back(file + ": valid: " + count_of(config.instances.size(), "instance") + ", " +
                             count_of(config.checks.size(), "check") + " for node " + config.node);
  }
  for (const auto& [diagnostic, affected] : found) {
    std::string text = to_string(diagnostic);
    if (affected.size() < loaded.size()) {
      text += " (node";
      for (const std::string& node : affected) text += " " + node;
      text += ")";
    }
    result.problems.push_back(std::move(text));
  }
  return result;
}

}  // namespace holdfast
