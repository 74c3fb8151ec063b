// The page that nginx's stub_status makes. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast {

// Connections, when the page was made.
struct StubStatus {
  std::uint64_t active = 0;
  std::uint64_t reading = 0;
  std::uint64_t writing = 0;
  std::uint64_t waiting = 0;  // idle, kept alive
  bool operator==(const StubStatus&) const = default;
};

// Nothing when the text is not that page.
std::optional<StubStatus> parse_stub_status(std::string_view text);

}  // namespace holdfast
