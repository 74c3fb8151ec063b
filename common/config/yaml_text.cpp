#include "common/config/yaml_text.hpp"

#include "common/config/yaml_tree.hpp"

#include <algorithm>
#include <string_view>

namespace holdfast {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

// How many bytes the UTF-8 character at the front takes; 0 where there is none (RFC 3629, 4).
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
  const auto continues = [&](std::size_t at, unsigned lowest = 0x80, unsigned highest = 0xbf) {
    return byte(at) >= lowest && byte(at) <= highest;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return continues(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const unsigned lowest = lead == 0xe0 ? 0xa0 : 0x80;   // no overlong form
    const unsigned highest = lead == 0xed ? 0x9f : 0xbf;  // no surrogate
    return continues(1, lowest, highest) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const unsigned lowest = lead == 0xf0 ? 0x90 : 0x80;   // no overlong form
    const unsigned highest = lead == 0xf4 ? 0x8f : 0xbf;  // nothing above U+10FFFF
    return continues(1, lowest, highest) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

// Where the text in quotes ends that opens at `opened`: at its closing quote, else at the end of everything.
std::size_t closing_quote(std::string_view text, std::size_t opened) {
  const char quote = text[opened];
  for (std::size_t at = opened + 1; at < text.size(); ++at) {
    const bool escapes = quote == '"' ? text[at] == '\\' : text.substr(at, 2) == "''";
    if (escapes) {
      ++at;
    } else if (text[at] == quote) {
      return at;
    }
  }
  return text.size();
}

}  // namespace

YamlText::YamlText(const std::string& text, Problems& problems)
    : content_(text.starts_with(byte_order_mark) ? text.substr(byte_order_mark.size()) : text) {
  if (content_.size() > largest_text) {
    problems.error({}, "larger than 1 MiB, which no configuration is; check that this is the right file");
    return;
  }
  line_starts_.push_back(0);
  characters_before_.push_back(0);
  for (std::size_t at = 0; at < content_.size(); ++at) {
    if (content_[at] == '\n') line_starts_.push_back(at + 1);
    const bool begins_character = (static_cast<unsigned char>(content_[at]) & 0xc0) != 0x80;
    characters_before_.push_back(characters_before_.back() + (begins_character ? 1 : 0));
  }
  readable_ = check(problems);
}

bool YamlText::check(Problems& problems) const {
  const std::string_view text = content_;
  int line = 1;
  int column = 1;
  for (std::size_t at = 0; at < text.size(); ++column) {
    const std::size_t length = character_length(text.substr(at));
    if (length == 0) {
      problems.error({line, column}, "not UTF-8; save the file in the encoding UTF-8");
      return false;
    }
    const auto character = static_cast<unsigned char>(text[at]);
    const bool line_break = text[at] == '\n' || text.substr(at).starts_with("\r\n");
    if ((character < 0x20 && character != '\t' && !line_break) || character == 0x7f) {
      problems.error({line, column},
                     "a control character (byte " + std::to_string(character) + "), which no editor shows; delete it");
      return false;
    }
    if (text[at] == '\n') {
      ++line;
      column = 0;
    }
    at += length;
  }
  return true;
}

std::size_t YamlText::offset(int line, int column) const {
  const std::size_t index = std::min(static_cast<std::size_t>(std::max(line, 0)), line_starts_.size() - 1);
  return std::min(content_.size(), line_starts_[index] + static_cast<std::size_t>(std::max(column, 0)));
}

Place YamlText::place(int line, int column) const {
  const std::uint32_t characters = characters_before_[offset(line, column)] - characters_before_[offset(line, 0)];
  return {static_cast<int>(std::min(static_cast<std::size_t>(std::max(line, 0)), line_starts_.size() - 1)) + 1,
          static_cast<int>(characters) + 1};
}

bool YamlText::quotes_end(int line, int column) const {
  constexpr std::string_view blanks = " \t\r\n";
  const auto skip = [&](std::size_t at) { return std::min(at, content_.size()); };
  std::size_t at = offset(line, column);
  while (at < content_.size() && std::string_view("&!#").find(content_[at]) != std::string_view::npos) {
    at = skip(content_.find_first_of(content_[at] == '#' ? std::string_view("\n") : blanks, at));
    at = skip(content_.find_first_not_of(blanks, at));
  }
  if (at == content_.size() || (content_[at] != '"' && content_[at] != '\'')) return true;
  return closing_quote(content_, at) < content_.size();
}

std::optional<Place> YamlText::unclosed_quote() const {
  const std::string_view text = content_;
  constexpr std::string_view blanks = " \t\r";
  const auto at_or_end = [&](std::size_t at) { return at < text.size() ? text[at] : '\n'; };
  const auto is_blank = [&](std::size_t at) {
    return std::string_view(" \t\r\n").find(at_or_end(at)) != std::string_view::npos;
  };
  bool value_may_begin = true;
  int line = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char letter = text[at];
    if (letter == '\n') {
      ++line;
      value_may_begin = true;
    } else if (letter == '#' && (at == 0 || is_blank(at - 1))) {
      at = std::min(text.find('\n', at), text.size()) - 1;
    } else if ((letter == '"' || letter == '\'') && value_may_begin) {
      const std::size_t opened = at;
      const int opened_in = line;
      at = closing_quote(text, opened);
      line += static_cast<int>(
          std::count(text.begin() + static_cast<long>(opened), text.begin() + static_cast<long>(at), '\n'));
      const std::size_t next = std::min(text.find_first_not_of(blanks, at + 1), text.size());
      const bool ends_well = std::string_view("\n#,]}:").find(at_or_end(next)) != std::string_view::npos;
      if (at >= text.size() || (line > opened_in && !ends_well)) {
        return place(opened_in, static_cast<int>(opened - line_starts_[static_cast<std::size_t>(opened_in)]));
      }
      value_may_begin = false;
    } else if ((letter == '&' || letter == '!') && value_may_begin) {
      while (!is_blank(at + 1)) ++at;
    } else if (letter == ':' || letter == '-') {
      value_may_begin = is_blank(at + 1);
    } else if (std::string_view("[{,").find(letter) != std::string_view::npos) {
      value_may_begin = true;
    } else if (!is_blank(at)) {
      value_may_begin = false;
    }
  }
  return std::nullopt;
}

}  // namespace holdfast
