// Says on each of our addresses which process put it there, so that what a dead one left can be told from what another
// daemon on this host holds: the address's "protocol", a number that the kernel keeps with it since Linux 5.18.
#pragma once

#include "vrrp_child/owner_mark.hpp"

#include <cstdint>

namespace holdfast {

class AddressMark {
 public:
  static constexpr std::uint8_t none = 0;  // as on every address that nobody marked, and before Linux 5.18

  // A number that no other living process of this network namespace has; none where all are taken.
  AddressMark() : owner_(name_of(first), name_of(last)) {}

  std::uint8_t number() const { return owner_.id() == 0 ? none : static_cast<std::uint8_t>(owner_.id() - base); }

  // Whether it is a mark of ours whose process is gone.
  static bool is_abandoned(std::uint8_t number) {
    return number >= first && number <= last && !OwnerMark::lives(name_of(number));
  }

 private:
  // Of the numbers that the kernel leaves to everybody, some that nobody is known to use.
  static constexpr std::uint8_t first = 0xa0;
  static constexpr std::uint8_t last = 0xdf;
  static constexpr std::uint32_t base = 0x48464d00;
  static constexpr std::uint32_t name_of(std::uint8_t number) { return base + number; }

  OwnerMark owner_;
};

}  // namespace holdfast
