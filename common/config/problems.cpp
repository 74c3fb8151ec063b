#include "common/config/problems.hpp"

#include "common/config/suggest.hpp"

#include <algorithm>
#include <tuple>

namespace holdfast {

namespace {

constexpr std::size_t longest_quote = 60;
constexpr std::size_t most_hints = 100;

bool is_continuation_byte(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

}  // namespace

std::string to_string(const Diagnostic& diagnostic) {
  std::string text = diagnostic.file;
  if (diagnostic.line > 0) {
    text += ":" + std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column);
  }
  text += diagnostic.severity == Diagnostic::Severity::error ? ": error: " : ": warning: ";
  return text + diagnostic.text;
}

void Problems::error(Place place, std::string text) {
  ++errors_;
  found_.push_back({Diagnostic::Severity::error, file_, place.line, place.column, std::move(text)});
}

void Problems::warning(Place place, std::string text) {
  found_.push_back({Diagnostic::Severity::warning, file_, place.line, place.column, std::move(text)});
}

std::string Problems::hint_for(std::string_view word, const std::vector<std::string>& known,
                               std::string_view lead) const {
  return errors_ < most_hints ? holdfast::hint_for(word, known, lead) : std::string();
}

std::vector<Diagnostic> Problems::in_file_order() const {
  std::vector<Diagnostic> sorted = found_;
  const auto key = [](const Diagnostic& d) { return std::tie(d.line, d.column, d.severity, d.text); };
  std::sort(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return sorted;
}

std::string quoted(std::string_view text) {
  bool shortened = false;
  if (text.size() > longest_quote) {
    std::size_t end = longest_quote;
    while (end > 0 && is_continuation_byte(text[end])) --end;
    text = text.substr(0, end);
    shortened = true;
  }
  std::string result = "`";
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    result += value < 0x20 || value == 0x7f ? '?' : byte;
  }
  return result + (shortened ? "...`" : "`");
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += quoted(names[i]);
  }
  return text;
}

}  // namespace holdfast
