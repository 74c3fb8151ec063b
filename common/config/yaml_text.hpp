// The bytes of a configuration before any YAML is read: too many, not UTF-8, or with characters that no editor
// shows are reported here, where the place is certain. Also tells places: the parser counts from 0.
#pragma once

#include "common/config/problems.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

class YamlText {
 public:
  // Reports what makes the text unreadable.
  YamlText(const std::string& text, Problems& problems);

  bool readable() const { return readable_; }

  // Without a byte order mark.
  const std::string& content() const { return content_; }

  // The place of a byte: `line` counts from 0, and so does `column`, in bytes, as the parser gives them.
  Place place(int line, int column) const;

  // Whether the text in quotes that begins at this place, perhaps behind an anchor, ends before the file does; true
  // where no quotes begin. The parser takes the end of the file for the closing quote.
  bool quotes_end(int line, int column) const;

  // The first quote that has no partner, or finds it only in a later line where no text can end: what to look at
  // when the parser gave up further down.
  std::optional<Place> unclosed_quote() const;

 private:
  bool check(Problems& problems) const;
  std::size_t offset(int line, int column) const;

  std::string content_;
  std::vector<std::size_t> line_starts_;
  std::vector<std::uint32_t> characters_before_;  // each byte, and the end
  bool readable_ = false;
};

}  // namespace holdfast
