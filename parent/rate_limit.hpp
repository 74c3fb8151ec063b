// How often a child may make the parent act: a bucket of tokens that fills with time. Pure.
#pragma once

#include "common/types.hpp"

#include <algorithm>

namespace holdfast {

class RateLimit {
 public:
  // burst: how many at once; per_second: how many in the long run.
  RateLimit(double burst, double per_second) : burst_(burst), per_second_(per_second), tokens_(burst) {}

  bool allow(TimePoint now) {
    const double seconds = std::chrono::duration<double>(std::max(now - last_, Duration::zero())).count();
    last_ = now;
    tokens_ = std::min(burst_, tokens_ + seconds * per_second_);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double burst_;
  double per_second_;
  double tokens_;
  TimePoint last_{};
};

}  // namespace holdfast
