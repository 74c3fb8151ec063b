// Regular expressions that cannot be made to hang.
#include "common/expression.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

namespace {

bool found(const std::string& pattern, std::string_view text) {
  const auto expression = Expression::compile(pattern);
  REQUIRE(expression);
  return expression->found_in(text);
}

std::string flaw(const std::string& pattern) {
  const auto expression = Expression::compile(pattern);
  REQUIRE_FALSE(expression);
  return expression.error().text;
}

}  // namespace

TEST_CASE("an expression matches anywhere in the text") {
  CHECK(found("nginx", "Welcome to nginx!"));
  CHECK_FALSE(found("nginx", "Welcome to apache!"));
  CHECK(found("", ""));
  CHECK(found("", "anything"));
  CHECK_FALSE(found("x", ""));
  CHECK(found("a|b", "--b--"));
  CHECK(found("200|204", "HTTP/1.1 204"));
  CHECK(found("line two", "line one\nline two\r\nline three"));
  CHECK(found("\\d{3} OK", "HTTP/1.1 200 OK"));
  CHECK(found("\\bok\\b", "it is ok."));
  CHECK_FALSE(found("\\bok\\b", "token"));
}

TEST_CASE("^ and $ are the ends of the text") {
  CHECK(found("^220", "220 ready\r\n"));
  CHECK_FALSE(found("^ready", "220 ready"));
  CHECK_FALSE(found("^two", "one\ntwo"));
  CHECK(found("ready$", "220 ready"));
  CHECK_FALSE(found("220$", "220 ready"));
  CHECK(found("^$", ""));
  CHECK_FALSE(found("^a|b$", "xaby"));
}

TEST_CASE("any byte is a character") {
  const std::string bytes("\0\xff\x80\n\r", 5);
  CHECK(found("ok", bytes + "ok" + bytes));
  CHECK_FALSE(found("ok", bytes));
  CHECK(found("M\xc3\xbcnchen",
              "Gr\xc3\xbc\xc3\x9f"
              "e aus M\xc3\xbcnchen"));
}

// Backtracking would take longer than the universe has been there, or overflow the stack.
TEST_CASE("no expression and no answer makes it hang or crash") {
  const std::string much(16u << 10, 'a');
  CHECK_FALSE(found("(a+)+b", much));
  CHECK_FALSE(found("(a|aa)+$", much + "b"));
  CHECK_FALSE(found("(.*)*x", much));
  CHECK(found("(.|\\n)*a$", much));
}

TEST_CASE("what cannot be used says why") {
  CHECK(flaw("a(b") == "it has a '(' without its ')', or the other way round");
  CHECK(flaw("a)(b") == "it has a '(' without its ')', or the other way round");
  CHECK(flaw("[a") == "it has a '[' without its ']'");
  CHECK(flaw("*a") == "there is nothing for '*', '+', '?' or '{' to repeat");
  CHECK(flaw("[z-a]") == "it has a range such as [z-a] that runs backwards");
  CHECK(flaw("(a)\\1") == "back-references such as \\1 are not supported");
  CHECK(flaw("((a{1000}){1000}){1000}").find("it repeats too much") == 0);
  CHECK(flaw(std::string(Expression::longest + 1, 'a')).find("it is longer than 1024 characters") == 0);
}
