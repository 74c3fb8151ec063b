// A secret: written as KEY, or as KEY_file, which names a file whose first line it is.
#pragma once

#include "common/config/map_reader.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

struct SecretEntry {
  const YamlEntry* entry;
  bool is_file;
};

// Which of the two keys is there; both are an error. `key`: "password".
std::optional<SecretEntry> take_secret(Problems& problems, MapReader& reader, const std::string& key);

// The secret itself, not empty, without a zero byte; warns of a file that everybody may read.
std::optional<std::string> read_secret(Problems& problems, const SecretEntry& secret, const std::string& key);

}  // namespace holdfast
