#include "common/config/suggest.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

namespace {
const std::vector<std::string> known{"interface", "vrid", "version", "priority", "preempt", "preempt_delay"};
}

TEST_CASE("the nearest word is the one with the fewest typing errors") {
  CHECK(nearest("vird", known) == "vrid");           // swapped neighbours are one error
  CHECK(nearest("VRID", known) == "vrid");           // case is none
  CHECK(nearest("interfce", known) == "interface");  // a letter missing
  CHECK(nearest("prioritty", known) == "priority");  // a letter too many
  CHECK(nearest("preemptdelay", known) == "preempt_delay");
}

TEST_CASE("far words are not suggested") {
  CHECK(nearest("password", known).empty());
  CHECK(nearest("v", known).empty());
  CHECK(nearest("", known).empty());
  CHECK(nearest(std::string(100'000, 'v'), known).empty());
}

TEST_CASE("a hint names the nearest word, or all of them") {
  CHECK(hint_for("vird", known, "the keys are") == "; did you mean `vrid`?");
  CHECK(hint_for("zzz", {"a-long-one", "b-long-one"}, "the keys are") == "; the keys are: a-long-one, b-long-one");
  CHECK(hint_for("zzz", {}, "the keys are").empty());
}
