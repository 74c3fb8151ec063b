#include "common/config/line_mend.hpp"

#include "common/config/keepalived_words.hpp"
#include "common/config/known_keys.hpp"

#include <algorithm>
#include <vector>

namespace holdfast {

namespace {

constexpr std::string_view blanks = " \t\r";

// Without indentation, `- ` and comment.
std::string_view content_of(std::string_view line) {
  const auto first = line.find_first_not_of(" \t-");
  if (first == std::string_view::npos) return {};
  line.remove_prefix(first);
  if (line.front() == '#') return {};
  line = line.substr(0, std::min(line.find(" #"), line.find("\t#")));
  return line.substr(0, line.find_last_not_of(blanks) + 1);
}

bool is_word_letter(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }

}  // namespace

std::optional<std::string> mend_of_line(std::string_view line) {
  line = content_of(line);
  const auto end = std::find_if_not(line.begin(), line.end(), is_word_letter);
  const std::string_view word = line.substr(0, static_cast<std::size_t>(end - line.begin()));
  std::string_view rest = line.substr(word.size());
  const bool has_colon = rest.starts_with(':');
  if (word.empty() || (has_colon && (rest.size() == 1 || blanks.find(rest[1]) != std::string_view::npos))) {
    return std::nullopt;
  }
  if (!rest.empty() && std::string_view(":= \t").find(rest.front()) == std::string_view::npos) return std::nullopt;
  if (const auto mend = mend_of_keepalived_word(word)) {
    return quoted(line) + " is keepalived's; " + std::string(*mend);
  }
  if (!home_of(word)) return std::nullopt;
  rest.remove_prefix(std::min(rest.find_first_not_of(":= \t"), rest.size()));
  if (rest.empty()) return quoted(word) + " has no colon and no value; write " + quoted(std::string(word) + ": ...");
  const std::string wanted = quoted(std::string(word) + ": " + std::string(rest));
  return quoted(line) + (has_colon ? " has no blank behind the colon" : " has no colon") + "; write " + wanted;
}

std::optional<LineMend> mend_near(std::string_view text, int line) {
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < static_cast<std::size_t>(std::max(line, 0))) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  for (std::size_t i = lines.size(); i > 0; --i) {
    const std::string_view content = content_of(lines[i - 1]);
    if (content.empty()) continue;
    if (auto mend = mend_of_line(lines[i - 1])) {
      return LineMend{{static_cast<int>(i), static_cast<int>(lines[i - 1].find(content)) + 1}, std::move(*mend)};
    }
    const bool is_complaint = i == lines.size();
    if (!is_complaint && (content.find(": ") != std::string_view::npos || content.ends_with(':'))) break;
  }
  return std::nullopt;
}

}  // namespace holdfast
