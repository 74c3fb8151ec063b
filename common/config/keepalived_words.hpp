// What the words of a keepalived.conf become here, for those who bring them along. Pure.
#pragma once

#include "common/config/problems.hpp"
#include "common/config/unavailable.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// The mend for keepalived's word in that part of the configuration: "write `vrid`".
std::optional<std::string_view> mend_of_keepalived_word(Section section, std::string_view word);

// The same for a line that stands anywhere.
std::optional<std::string_view> mend_of_keepalived_word(std::string_view word);

// Where a text that is a whole keepalived.conf has its first block.
std::optional<Place> keepalived_block(std::string_view text);

// "192.168.16.130/24 brd 192.168.16.255 dev eth0 label eth0:1" as an entry of `addresses`: "{address: ..., ...}".
// "" where the text is not of this kind.
std::string address_entry_of(std::string_view text);

}  // namespace holdfast
