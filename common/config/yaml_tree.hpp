// A YAML document as a plain tree in which every key and value knows its place: what a configuration may use of
// YAML, and nothing else. Aliases and merge keys are already resolved, duplicate keys already reported. All
// scalars are text; who reads one decides what it means, so that 010 is not 8 and `no` is not false.
#pragma once

#include "common/config/problems.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

struct YamlNode;
using YamlPtr = std::shared_ptr<const YamlNode>;  // shared by aliases, never changed once built

struct YamlEntry {
  std::string key;
  Place place;  // of the key
  YamlPtr value;
};

struct YamlNode {
  enum class Kind { nothing, scalar, list, map };
  Kind kind = Kind::nothing;  // nothing: `key:` without a value, `~` or `null`
  Place place;                // of the value; of its key where there is no value
  std::string text;           // of a scalar
  bool in_quotes = false;     // a scalar in quotes or a block scalar: surely meant as text
  std::vector<YamlPtr> items;
  std::vector<YamlEntry> entries;
  std::size_t size = 1;  // number of nodes below, aliases counted as often as they are used, and itself

  // The entry of a map, or nullptr.
  const YamlEntry* find(std::string_view key) const;
};

inline constexpr std::size_t largest_text = 1u << 20;  // bytes
inline constexpr std::size_t deepest_nesting = 32;
inline constexpr std::size_t largest_tree = 100'000;  // nodes

// The root of the only document, or nullptr: nothing in the text, or an error that leaves nothing to go on with.
YamlPtr parse_yaml(const std::string& text, Problems& problems);

// `over` laid upon `base`: maps are merged key by key, anything else is replaced.
YamlPtr merge_yaml(const YamlPtr& base, const YamlPtr& over);

}  // namespace holdfast
