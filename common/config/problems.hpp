// Gathers what is wrong with a configuration, so that one run reports everything. Pure.
#pragma once

#include "common/config/load.hpp"

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

// Where something stands in the file; both count from 1, 0 stands for the file as a whole.
struct Place {
  int line = 0;
  int column = 0;
  auto operator<=>(const Place&) const = default;
};

class Problems {
 public:
  explicit Problems(std::string file, bool only_validating = false)
      : file_(std::move(file)), only_validating_(only_validating) {}

  // See LoadOptions.
  bool only_validating() const { return only_validating_; }

  // text: what is wrong and what to do, without a full stop.
  void error(Place place, std::string text);
  void warning(Place place, std::string text);

  // hint_for() of suggest.hpp while errors are few; nobody reads a hint at the hundredth.
  std::string hint_for(std::string_view word, const std::vector<std::string>& known, std::string_view lead) const;

  bool has_errors() const { return errors_ > 0; }

  // Everything reported, in file order and without repetitions (an anchor's text is read once per alias).
  std::vector<Diagnostic> in_file_order() const;

 private:
  std::string file_;
  bool only_validating_;
  std::vector<Diagnostic> found_;
  std::size_t errors_ = 0;
};

// What the user wrote, fit to stand in a message: in backquotes, one line, printable, not too long.
std::string quoted(std::string_view text);

// "`a`, `b` and `c`"
std::string quoted_list(const std::vector<std::string>& names);

}  // namespace holdfast
