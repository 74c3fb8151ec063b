// Every key that a configuration may hold, by the part in which it stands: what MapReader may be asked for, what
// helps who puts a key into the wrong part, and what docs/configuration.md must explain. Pure.
#pragma once

#include "common/config/unavailable.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace holdfast {

struct KnownKey {
  Section section;
  std::string_view key;
};

std::span<const KnownKey> known_keys();

bool is_known_key(Section section, std::string_view key);

// A part in which the key may stand; the nearest to the top level where there are several.
std::optional<Section> home_of(std::string_view key);

// "the file", "an instance", "an entry of `track`" ...
std::string_view name_of(Section section);

}  // namespace holdfast
