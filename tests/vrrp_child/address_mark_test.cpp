#include "vrrp_child/address_mark.hpp"

#include <catch2/catch.hpp>

#include <optional>

using namespace holdfast;

TEST_CASE("each living process has a mark of its own, and a dead one's is abandoned") {
  std::optional<AddressMark> first;
  first.emplace();
  const AddressMark second;
  const std::uint8_t mark = first->number();
  REQUIRE(mark != AddressMark::none);
  CHECK(second.number() != mark);
  CHECK_FALSE(AddressMark::is_abandoned(mark));
  CHECK_FALSE(AddressMark::is_abandoned(second.number()));
  first.reset();
  CHECK(AddressMark::is_abandoned(mark));
}

TEST_CASE("what others write on their addresses is no mark of ours") {
  for (const int number : {0, 1, 2, 3, 16, 0x9f, 0xe0, 255}) {
    CHECK_FALSE(AddressMark::is_abandoned(static_cast<std::uint8_t>(number)));
  }
}
