// A check that goes up and down again and again moves the address each time. After a few falls it has to stay down for
// a while, longer with each further fall, however good it looks meanwhile. Pure.
//
// A fall counts as flapping when the check had been up for less than `calm`. The first `free_falls` in a row cost
// nothing; the next one holds the check down for `first_hold`, each further one twice as long, up to `longest`. Once it
// stays up for `calm`, all is forgiven.
#pragma once

#include "common/types.hpp"

#include <string>

namespace holdfast {

class FlapDamping {
 public:
  static constexpr int free_falls = 4;
  static constexpr Duration calm = std::chrono::minutes(1);
  static constexpr Duration first_hold = std::chrono::seconds(5);

  // longest: of all holds; zero: never any.
  explicit FlapDamping(Duration longest) : longest_(longest) {}
  FlapDamping() = default;
  void set_longest(Duration longest);

  void on_up(TimePoint now);    // it counts as up from now on
  void on_down(TimePoint now);  // it was up until now
  // Until when it may not count as up; long ago: it may.
  TimePoint held_until() const { return held_until_; }
  bool holds(TimePoint now) const { return now < held_until_; }
  // Why it is held: "went down 6 times, each time after less than 1m; held down for another 12s".
  std::string text(TimePoint now) const;

 private:
  Duration longest_{};
  int falls_ = 0;  // in a row
  TimePoint up_since_{};
  TimePoint held_until_{};
};

}  // namespace holdfast
