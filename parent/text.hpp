// Small texts for people. Pure.
#pragma once

#include "common/types.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace holdfast {

// Short and readable: "500ms", "3s", "1.5s", "10m".
std::string readable(Duration duration);

// One printable line of at most `limit` bytes: control characters become spaces, an overlong end "...".
// For everything that a child or a command said.
std::string one_line(std::string_view text, std::size_t limit = 500);

// "1 check", "2 checks".
std::string counted(std::size_t count, std::string_view noun);

}  // namespace holdfast
