#include "parent/child_pace.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {
constexpr TimePoint t0{1000s};
}

TEST_CASE("a child that answers lives on") {
  Heartbeat beat(1s);
  beat.begin(t0);
  TimePoint now = t0;
  for (std::uint64_t serial = 1; serial < 20; ++serial) {
    CHECK(beat.tick(now) == serial);
    CHECK(beat.pong(serial, now + 1ms));
    now = beat.due();
  }
}

TEST_CASE("a child that is silent for longer than the limit hangs") {
  Heartbeat beat(1s);
  beat.begin(t0);
  beat.tick(t0);
  beat.pong(1, t0 + 1ms);
  CHECK(beat.tick(t0 + 250ms) == 2u);
  CHECK(beat.tick(t0 + 500ms) == 3u);
  CHECK(beat.tick(t0 + 750ms) == 4u);
  CHECK(beat.tick(t0 + 1000ms) == 5u);
  CHECK(beat.tick(t0 + 1250ms) == std::nullopt);
}

TEST_CASE("with the limit of the VRRP child, one that hangs is found within a second, whenever that begins") {
  for (Duration hangs_after = 0ms; hangs_after < 500ms; hangs_after += 1ms) {
    Heartbeat beat(600ms);
    beat.begin(t0);
    TimePoint now = t0;
    for (auto serial = beat.tick(now); serial; serial = beat.tick(now)) {
      if (now + 1ms < t0 + hangs_after) CHECK(beat.pong(*serial, now + 1ms));
      now = beat.due() + 20ms;  // a parent that is always a little late
    }
    CHECK(now - (t0 + hangs_after) <= 1s);
  }
}

TEST_CASE("a child with much work at a time may take longer") {
  Heartbeat beat(600ms);
  beat.begin(t0);
  beat.set_limit(5s);
  TimePoint now = t0;
  while (beat.tick(now)) now = beat.due();
  CHECK(now - t0 > 5s);
  CHECK(now - t0 <= 5s + 500ms);
}

TEST_CASE("a late parent gives the child another round") {
  Heartbeat beat(1s);
  beat.begin(t0);
  beat.tick(t0);
  CHECK(beat.tick(t0 + 10s) == 2u);  // we were stopped, not the child
  for (int i = 1; i <= 4; ++i) CHECK(beat.tick(t0 + 10s + i * 250ms));
  CHECK(beat.tick(t0 + 11s + 250ms) == std::nullopt);
}

TEST_CASE("an answer to nothing is not an answer") {
  Heartbeat beat(1s);
  beat.begin(t0);
  CHECK_FALSE(beat.pong(1, t0));
  beat.tick(t0);
  CHECK_FALSE(beat.pong(2, t0));
  CHECK(beat.pong(1, t0));
  CHECK_FALSE(beat.pong(1, t0));
}

TEST_CASE("until when a dead child was surely alive") {
  Heartbeat beat(1s);
  beat.begin(t0);
  beat.tick(t0);
  beat.pong(1, t0 + 1ms);
  CHECK(beat.alive_until(t0 + 200ms) == t0 + 200ms);  // nothing was owed
  beat.tick(t0 + 500ms);
  CHECK(beat.alive_until(t0 + 550ms) == t0 + 550ms);  // the answer was not late yet
  CHECK(beat.alive_until(t0 + 1200ms) == t0 + 1ms);   // it hung: the last answer counts
}

TEST_CASE("a dead child is started again at once, then ever slower, and after a long life at once again") {
  RestartPace pace;
  CHECK(pace.pause_after(1s) == 0s);
  CHECK(pace.pause_after(1s) == 1s);
  CHECK(pace.pause_after(1s) == 2s);
  CHECK(pace.pause_after(1s) == 4s);
  CHECK(pace.pause_after(1s) == 8s);
  CHECK(pace.pause_after(1s) == 16s);
  CHECK(pace.pause_after(1s) == 30s);
  CHECK(pace.pause_after(1s) == 30s);
  CHECK(pace.pause_after(31s) == 0s);
  CHECK(pace.pause_after(1s) == 1s);
}

TEST_CASE("five within ten seconds are too many, five in eleven are not") {
  Frequency deaths(5, 10s);
  for (int i = 0; i < 4; ++i) CHECK_FALSE(deaths.count(t0 + i * 2s));
  CHECK(deaths.count(t0 + 9s));
  Frequency slow(5, 10s);
  for (int i = 0; i < 20; ++i) CHECK_FALSE(slow.count(t0 + i * 2750ms));
}
