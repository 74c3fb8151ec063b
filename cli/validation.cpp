#include "cli/validation.hpp"

#include <map>
#include <tuple>

namespace holdfast {

namespace {

std::string count_of(std::size_t count, const std::string& thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

}  // namespace

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
