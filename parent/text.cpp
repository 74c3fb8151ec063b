#include "parent/text.hpp"

namespace holdfast {
namespace {

// `value` units of `per_unit` microseconds, with one decimal where it is not whole.
std::string in_unit(std::int64_t value, std::int64_t per_unit, const char* unit) {
  const std::int64_t tenths = value / (per_unit / 10);
  std::string text = std::to_string(tenths / 10);
  if (tenths % 10 != 0) text += "." + std::to_string(tenths % 10);
  return text + unit;
}

}  // namespace

std::string readable(Duration duration) {
  const std::int64_t us = duration.count();
  if (us <= 0) return "0s";
  if (us < 1'000'000) return in_unit(us, 1'000, "ms");
  if (us >= 3'600'000'000 && us % 360'000'000 == 0) return in_unit(us, 3'600'000'000, "h");
  if (us >= 60'000'000 && us % 6'000'000 == 0) return in_unit(us, 60'000'000, "m");
  return in_unit(us, 1'000'000, "s");
}

std::string one_line(std::string_view text, std::size_t limit) {
  std::string line;
  for (const char c : text.substr(0, limit + 1)) {
    const auto byte = static_cast<unsigned char>(c);
    line += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  if (line.size() > limit) {
    line.resize(limit > 3 ? limit - 3 : 0);
    line += "...";
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string counted(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace holdfast
