#include "common/expression.hpp"

namespace holdfast {
namespace {

// The backtracking matcher of libstdc++ takes exponential time for some expressions and a stack frame per
// character; its other one, chosen by this flag, walks all possibilities side by side.
constexpr auto flags = std::regex::ECMAScript | std::regex::nosubs | std::regex_constants::__polynomial;

std::string mend(const std::regex_error& failure, const std::string& pattern) {
  constexpr const char* nothing_to_repeat = "there is nothing for '*', '+', '?' or '{' to repeat";
  switch (failure.code()) {
    case std::regex_constants::error_paren:  // libstdc++ says this of a "*" at the beginning, too
      if (pattern.find_first_of("()") == std::string::npos) return nothing_to_repeat;
      return "it has a '(' without its ')', or the other way round";
    case std::regex_constants::error_brack: return "it has a '[' without its ']'";
    case std::regex_constants::error_brace: return "it has a '{' without its '}'";
    case std::regex_constants::error_badbrace: return "the numbers between '{' and '}' are not valid";
    case std::regex_constants::error_badrepeat: return nothing_to_repeat;
    case std::regex_constants::error_escape: return "it has a '\\' that means nothing there";
    case std::regex_constants::error_range: return "it has a range such as [z-a] that runs backwards";
    case std::regex_constants::error_ctype: return "it names a class of characters that does not exist";
    case std::regex_constants::error_collate: return "it names a character that does not exist";
    case std::regex_constants::error_complexity:
    case std::regex_constants::error_backref: return "back-references such as \\1 are not supported";
    case std::regex_constants::error_space: return "it repeats too much; use smaller numbers between '{' and '}'";
    default: return failure.what();
  }
}

}  // namespace

Result<Expression> Expression::compile(const std::string& pattern) {
  if (pattern.size() > longest) {
    return Error{"it is longer than " + std::to_string(longest) + " characters; a few words of the answer are enough"};
  }
  try {
    std::regex alone(pattern, flags);  // so that "a)(b" is refused before it stands between parentheses
    // Searching starts anew at each character; one match of the whole text does not.
    return Expression(std::regex("[^]*(?:" + pattern + ")[^]*", flags));
  } catch (const std::regex_error& failure) {
    return Error{mend(failure, pattern)};
  }
}

bool Expression::found_in(std::string_view text) const {
  return std::regex_match(text.data(), text.data() + text.size(), whole_);
}

}  // namespace holdfast
