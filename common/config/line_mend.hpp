// A line without its colon, or without the blank behind it: YAML takes it for something else and complains elsewhere.
// Pure.
#pragma once

#include "common/config/problems.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// "vrid 66", "vrid:66", "vrid = 66", "nopreempt": what is wrong with it and what to write. Nothing for text that does
// not begin with a key of ours or a word of keepalived's, and for a good line.
std::optional<std::string> mend_of_line(std::string_view line);

struct LineMend {
  Place place;
  std::string text;
};

// The line that led to a complaint about `line` (from 1): itself, or one of those just above.
std::optional<LineMend> mend_near(std::string_view text, int line);

}  // namespace holdfast
