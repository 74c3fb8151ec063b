// Regular expressions for what a probed server answers. Pure.
#pragma once

#include "common/result.hpp"

#include <regex>
#include <string>
#include <string_view>

namespace holdfast {

// An ECMAScript regular expression whose matching takes time in proportion to the text, whatever the
// expression and whatever a hostile server answers. The price: no back-references (\1).
class Expression {
 public:
  static constexpr std::size_t longest = 1024;

  // The error says what is wrong with `pattern`, as half a sentence: "it has a '(' without its ')'".
  static Result<Expression> compile(const std::string& pattern);

  // Whether it matches anywhere in `text`; ^ and $ are the text's ends.
  bool found_in(std::string_view text) const;

 private:
  explicit Expression(std::regex whole) : whole_(std::move(whole)) {}

  std::regex whole_;
};

}  // namespace holdfast
