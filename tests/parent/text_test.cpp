#include "parent/text.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace std::chrono_literals;

TEST_CASE("durations read as people write them") {
  CHECK(readable(0ms) == "0s");
  CHECK(readable(-1s) == "0s");
  CHECK(readable(500ms) == "500ms");
  CHECK(readable(1500us) == "1.5ms");
  CHECK(readable(3s) == "3s");
  CHECK(readable(1500ms) == "1.5s");
  CHECK(readable(10min) == "10m");
  CHECK(readable(90s) == "1.5m");
  CHECK(readable(65s) == "65s");
  CHECK(readable(2h) == "2h");
}

TEST_CASE("one line stays one line") {
  CHECK(one_line("nginx: [emerg]\nbind()\tfailed\n") == "nginx: [emerg] bind() failed");
  CHECK(one_line(std::string(1, '\x1b') + "[31m") == " [31m");
  CHECK(one_line("abcdefgh", 8) == "abcdefgh");
  CHECK(one_line("abcdefghi", 8) == "abcde...");
  CHECK(one_line("") == "");
}

TEST_CASE("counted things") {
  CHECK(counted(1, "check") == "1 check");
  CHECK(counted(0, "check") == "0 checks");
}
