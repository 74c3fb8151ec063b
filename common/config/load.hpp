// From a YAML file to a validated Config: the only door, and with config/*.cpp the only user of yaml-cpp.
#pragma once

#include "common/config/model.hpp"

#include <optional>
#include <string>
#include <vector>

namespace holdfast {

// A place in a file and what is wrong there. line and column count from 1; 0: the file as a whole.
struct Diagnostic {
  enum class Severity { error, warning };
  Severity severity = Severity::error;
  std::string file;
  int line = 0;
  int column = 0;
  std::string text;  // what is wrong and what to do
  bool operator==(const Diagnostic&) const = default;
};

// "FILE:LINE:COLUMN: error: TEXT", or "FILE: error: TEXT" without a place.
std::string to_string(const Diagnostic& diagnostic);

// Either a configuration (perhaps with warnings) or at least one error; never both.
struct LoadedConfig {
  std::optional<Config> config;
  std::vector<Diagnostic> diagnostics;  // in file order
};

struct LoadOptions {
  std::string node;          // overrides the file's `node`; empty: the file's, else `default_node`
  std::string default_node;  // the host's short name
  // By somebody who only looks at the file: the credentials of the unit can't be read then, which is no error.
  bool only_validating = false;
};

// Reads and validates a file. Problems with the file itself are diagnostics too.
LoadedConfig load_config(const std::string& path, const LoadOptions& options);

// The same from memory; `name` stands for the file in diagnostics.
LoadedConfig parse_config(const std::string& text, const std::string& name, const LoadOptions& options);

// The nodes that `per_node` names anywhere in the text (for `validate --all-nodes`); empty when none.
std::vector<std::string> configured_nodes(const std::string& text);

}  // namespace holdfast
