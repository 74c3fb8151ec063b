#include "vrrp_child/core/timing.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

struct Row {
  VrrpVersion version;
  int priority;
  Duration interval;
  Duration skew;
  Duration down;
};

}  // namespace

// VX-TM-01, V3-TM-02
TEST_CASE("skew time and active down interval are exact to the microsecond") {
  const Row row = GENERATE(values<Row>({
      {VrrpVersion::v2, 100, 1s, 609375us, 3609375us},
      {VrrpVersion::v2, 100, 10s, 609375us, 30609375us},
      {VrrpVersion::v2, 254, 1s, 7812us, 3007812us},
      {VrrpVersion::v3, 100, Centiseconds(100), 609375us, 3609375us},
      {VrrpVersion::v3, 100, Centiseconds(1000), 6093750us, 36093750us},
      {VrrpVersion::v3, 254, Centiseconds(1), 78us, 30078us},
      {VrrpVersion::v3, 200, Centiseconds(10), 21875us, 321875us},
      {VrrpVersion::v3, 1, Centiseconds(4095), 40790039us, 163640039us},
  }));
  const Priority priority{static_cast<std::uint8_t>(row.priority)};
  CHECK(skew_time(row.version, priority, row.interval) == row.skew);
  CHECK(active_down_interval(row.version, priority, row.interval) == row.down);
}

TEST_CASE("priorities 253 and 254 do not tie at 10 ms") {
  CHECK(skew_time(VrrpVersion::v3, Priority{254}, 10ms) < skew_time(VrrpVersion::v3, Priority{253}, 10ms));
}

TEST_CASE("the fast skew keeps the order of priorities and is never longer than 10 ms or a quarter of the skew") {
  for (int low = 1; low < 255; ++low) {
    const Priority lower{static_cast<std::uint8_t>(low)};
    const Priority higher{static_cast<std::uint8_t>(low + 1)};
    for (const Duration interval : {Duration(10ms), Duration(1s), Duration(40950ms)}) {
      const auto skew = fast_skew_time(VrrpVersion::v3, lower, interval);
      CHECK(fast_skew_time(VrrpVersion::v3, higher, interval) < skew);
      CHECK(skew <= 10ms);
      CHECK(skew <= skew_time(VrrpVersion::v3, lower, interval) / 4);
    }
  }
}
