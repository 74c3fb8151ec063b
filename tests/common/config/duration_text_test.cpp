#include "common/config/duration_text.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace std::chrono_literals;

TEST_CASE("durations are a number and a unit") {
  CHECK(parse_duration("500ms") == Duration(500ms));
  CHECK(parse_duration("2s") == Duration(2s));
  CHECK(parse_duration("1.5s") == Duration(1500ms));
  CHECK(parse_duration("40.95s") == Duration(40950ms));
  CHECK(parse_duration("0.5ms") == Duration(500us));
  CHECK(parse_duration("1m") == Duration(1min));
  CHECK(parse_duration("1h") == Duration(1h));
  CHECK(parse_duration("14d") == Duration(336h));
  CHECK(parse_duration("0s") == Duration(0));
  CHECK(parse_duration("010s") == Duration(10s));
  CHECK(parse_duration("999999999h") == Duration(999999999h));
}

TEST_CASE("anything else is no duration") {
  for (const char* text :
       {"",     "s",  "1",    "1.5",   "1 s", " 1s",  "1s ",  "-1s",    "+1s",      "1.s",         ".5s",
        "1,5s", "1S", "1sec", "1m30s", "1w",  "0x1s", "1e3s", "1.2.3s", "0.0001ms", "9999999999s", "1.1111111111s", "999999999d"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
}

TEST_CASE("durations are written as they are read") {
  for (const char* text : {"0s", "10ms", "999ms", "1s", "1.5s", "40.95s", "90s", "1m", "2h", "24h", "14d"}) {
    CAPTURE(text);
    CHECK(duration_text(parse_duration(text).value()) == text);
  }
}
