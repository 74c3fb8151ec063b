#include "parent/flap_damping.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

// A check that is up for `up` and then down, again and again.
struct Flapping {
  FlapDamping damping{2min};
  TimePoint now{1000s};

  // Falls after having been up for so long; gives how long it is then held down.
  Duration fall_after(Duration up) {
    now = std::max(now, damping.held_until());
    damping.on_up(now);
    now += up;
    damping.on_down(now);
    return std::max(damping.held_until() - now, Duration::zero());
  }
};

}  // namespace

TEST_CASE("a few falls cost nothing, further ones hold a check down, longer each time, up to a limit") {
  Flapping check;
  for (int i = 0; i < FlapDamping::free_falls; ++i) CHECK(check.fall_after(1s) == 0s);
  CHECK(check.fall_after(1s) == 5s);
  CHECK(check.damping.holds(check.now));
  CHECK(check.damping.text(check.now) == "went down 5 times, each time after less than 1m; held down for another 5s");
  CHECK_FALSE(check.damping.holds(check.now + 5s));
  for (const Duration hold : {10s, 20s, 40s, 80s, 120s, 120s}) CHECK(check.fall_after(1s) == hold);
}

TEST_CASE("a minute of being up ends it") {
  Flapping check;
  for (int i = 0; i < 6; ++i) check.fall_after(59s);
  CHECK(check.damping.holds(check.now));
  CHECK(check.fall_after(1min) == 0s);
  CHECK(check.fall_after(1s) == 0s);
}

TEST_CASE("zero: never; and a limit below the first hold counts") {
  Flapping check;
  check.damping.set_longest(2s);
  for (int i = 0; i < 5; ++i) check.fall_after(1s);
  CHECK(check.damping.held_until() - check.now == 2s);
  check.damping.set_longest(0s);
  CHECK_FALSE(check.damping.holds(check.now));
  CHECK(check.fall_after(1s) == 0s);
}
