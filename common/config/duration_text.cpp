#include "common/config/duration_text.hpp"

#include <array>
#include <cstdint>

namespace holdfast {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t microseconds;
};
constexpr std::array<Unit, 5> units{
    {{"d", 86'400'000'000}, {"h", 3'600'000'000}, {"m", 60'000'000}, {"s", 1'000'000}, {"ms", 1'000}}};
constexpr std::int64_t shortest_in_days = 2 * units[0].microseconds;  // one day is 24h to most people

constexpr std::size_t most_digits = 9;

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  std::int64_t value = 0;  // in units of 1 / scale
  std::int64_t scale = 1;
  std::size_t digits = 0;
  std::size_t at = 0;
  const auto read_digits = [&](std::int64_t scale_factor) {
    const std::size_t start = at;
    for (; at < text.size() && is_digit(text[at]) && digits < most_digits; ++at, ++digits) {
      value = value * 10 + (text[at] - '0');
      scale *= scale_factor;
    }
    return at > start;
  };
  if (!read_digits(1)) return std::nullopt;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!read_digits(10)) return std::nullopt;
  }
  for (const Unit& unit : units) {
    if (text.substr(at) != unit.name) continue;
    std::int64_t scaled = 0;
    if (__builtin_mul_overflow(value, unit.microseconds, &scaled)) return std::nullopt;
    if (scaled % scale != 0) return std::nullopt;
    return Duration(scaled / scale);
  }
  return std::nullopt;
}

std::string duration_text(Duration duration) {
  const std::int64_t microseconds = duration.count();
  if (microseconds == 0) return "0s";
  for (const Unit& unit : units) {
    if (unit.name == "d" && microseconds < shortest_in_days) continue;
    if (microseconds % unit.microseconds == 0 && unit.name != "ms") {
      return std::to_string(microseconds / unit.microseconds) + std::string(unit.name);
    }
  }
  if (microseconds < 1'000'000) return std::to_string(microseconds / 1000) + "ms";
  std::string fraction = std::to_string(1'000'000 + microseconds % 1'000'000).substr(1);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return std::to_string(microseconds / 1'000'000) + "." + fraction + "s";
}

}  // namespace holdfast
