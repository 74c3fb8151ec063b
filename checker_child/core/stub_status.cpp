#include "checker_child/core/stub_status.hpp"

#include <algorithm>
#include <charconv>

namespace holdfast {
namespace {

// Takes "LABEL NUMBER" from the front of the text, behind blanks and line ends.
bool take(std::string_view& text, std::string_view label, std::uint64_t& value) {
  const auto skip_blanks = [&text] { text.remove_prefix(std::min(text.find_first_not_of(" \r\n"), text.size())); };
  skip_blanks();
  if (!text.starts_with(label)) return false;
  text.remove_prefix(label.size());
  skip_blanks();
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return failure == std::errc{};
}

}  // namespace

std::optional<StubStatus> parse_stub_status(std::string_view text) {
  StubStatus status;
  std::uint64_t total = 0;
  const bool is_it = take(text, "Active connections:", status.active) &&
                     take(text, "server accepts handled requests", total) && take(text, "", total) &&
                     take(text, "", total) && take(text, "Reading:", status.reading) &&
                     take(text, "Writing:", status.writing) && take(text, "Waiting:", status.waiting);
  return is_it ? std::optional(status) : std::nullopt;
}

}  // namespace holdfast
