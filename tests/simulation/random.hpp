// The simulation's dice: one 64-bit seed gives the same numbers on every machine and with every compiler.
#pragma once

#include "common/types.hpp"

#include <cstddef>
#include <cstdint>

namespace holdfast::simulation {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) { state_ = next(); }

  // splitmix64: a counter, well stirred.
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  // low..high, both included. The remainder's tiny bias does not matter here.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  int below(int end) { return static_cast<int>(between(0, end - 1)); }
  Duration between(Duration low, Duration high) { return Duration(between(low.count(), high.count())); }
  bool chance(int percent) { return below(100) < percent; }
  template <class T, std::size_t count>
  T of(const T (&choices)[count]) {
    return choices[next() % count];
  }

 private:
  std::uint64_t state_;
};

}  // namespace holdfast::simulation
