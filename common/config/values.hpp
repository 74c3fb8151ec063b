// Reads one YAML value as what it should be, strictly. Each function gives the value, or nothing after it has
// reported what is wrong. `what` names the value in messages: "`vrid`". Pure.
#pragma once

#include "common/config/problems.hpp"
#include "common/config/yaml_tree.hpp"
#include "common/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

// Any scalar but the empty one, with or without quotes.
std::optional<std::string> read_text(Problems& problems, const YamlNode& node, std::string_view what);

// A whole number in decimal, without quotes, within [lowest, highest].
std::optional<std::int64_t> read_integer(Problems& problems, const YamlNode& node, std::string_view what,
                                         std::int64_t lowest, std::int64_t highest);

// `true` or `false`.
std::optional<bool> read_boolean(Problems& problems, const YamlNode& node, std::string_view what);

struct DurationRange {
  Duration lowest;
  Duration highest;
  Duration step = Duration(1);  // the value is a whole multiple of it
};
std::optional<Duration> read_duration(Problems& problems, const YamlNode& node, std::string_view what,
                                      const DurationRange& range);

// One of `choices`: its index.
std::optional<std::size_t> read_choice(Problems& problems, const YamlNode& node, std::string_view what,
                                       const std::vector<std::string>& choices);

// A list with at least one entry; `example` shows one.
const std::vector<YamlPtr>* read_list(Problems& problems, const YamlNode& node, std::string_view what,
                                      std::string_view example);

// A program and its arguments. The program is an absolute path or a bare name.
std::optional<std::vector<std::string>> read_command(Problems& problems, const YamlNode& node, std::string_view what);

// A regular expression (ECMAScript) that compiles.
std::optional<std::string> read_regex(Problems& problems, const YamlNode& node, std::string_view what);

// An absolute path.
std::optional<std::string> read_path(Problems& problems, const YamlNode& node, std::string_view what);

// The name of a network interface, as the kernel takes it.
std::optional<std::string> read_interface(Problems& problems, const YamlNode& node, std::string_view what);

// A name for an instance, a check or a node: printable, without blanks, of at most 64 bytes.
bool check_name(Problems& problems, Place place, const std::string& name, std::string_view what);

}  // namespace holdfast
