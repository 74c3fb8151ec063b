// Says to other processes of the same network namespace, also in other containers, that this one lives: a number
// that only one can have, and that goes with it however it ends.
#pragma once

#include "common/fd.hpp"

#include <cstdint>

namespace holdfast {

class OwnerMark {
 public:
  // Takes a number of its own; 0 where the host gives none, which nobody believes to be alive.
  OwnerMark();
  // Takes one of these numbers that nobody has, any of them: what a dead process left under the last one should not
  // meet another process that has taken it; 0 where there is none.
  OwnerMark(std::uint32_t first, std::uint32_t last);

  std::uint32_t id() const { return id_; }
  // Whether the process with this id lives.
  static bool lives(std::uint32_t id);

 private:
  Fd socket_;
  std::uint32_t id_ = 0;
};

}  // namespace holdfast
