// Durations as people write them: 500ms, 2s, 1.5s, 1m, 1h, 14d. Pure.
#pragma once

#include "common/types.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// At most nine digits, perhaps with a point between them, and one unit out of ms, s, m, h, d; nothing for anything
// else and for what is no whole number of microseconds.
std::optional<Duration> parse_duration(std::string_view text);

// The shortest text that parse_duration() reads back as the same value; of whole milliseconds.
std::string duration_text(Duration duration);

}  // namespace holdfast
