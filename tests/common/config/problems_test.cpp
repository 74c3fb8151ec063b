#include "common/config/problems.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

TEST_CASE("problems come in file order, each once") {
  Problems problems("f.yaml");
  problems.error({3, 1}, "late");
  problems.warning({1, 5}, "early");
  problems.error({3, 1}, "late");
  problems.error({}, "whole file");
  std::vector<std::string> lines;
  for (const Diagnostic& diagnostic : problems.in_file_order()) lines.push_back(to_string(diagnostic));
  CHECK(lines ==
        std::vector<std::string>{"f.yaml: error: whole file", "f.yaml:1:5: warning: early", "f.yaml:3:1: error: late"});
}

TEST_CASE("warnings are no errors") {
  Problems problems("f.yaml");
  problems.warning({1, 1}, "hm");
  CHECK_FALSE(problems.has_errors());
  problems.error({1, 1}, "no");
  CHECK(problems.has_errors());
}

TEST_CASE("what the user wrote is quoted on one printable line") {
  CHECK(quoted("web") == "`web`");
  CHECK(quoted("a\x1b[31m\nb") == "`a?[31m?b`");
  CHECK(quoted(std::string(100, 'x')) == "`" + std::string(60, 'x') + "...`");
  CHECK(quoted(std::string(59, 'x') + "\xe4\xb8\xad") == "`" + std::string(59, 'x') + "...`");  // no half characters
}

TEST_CASE("hints stop when errors are many") {
  Problems problems("f.yaml");
  CHECK(problems.hint_for("vird", {"vrid"}, "") == "; did you mean `vrid`?");
  for (int i = 0; i < 100; ++i) problems.error({i, 1}, "again");
  CHECK(problems.hint_for("vird", {"vrid"}, "").empty());
}
