#include "parent/child_users.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

TEST_CASE("configured users are taken") {
  const auto users = choose_child_users({"daemon", "games", ""});
  REQUIRE(users);
  CHECK(users->vrrp.name == "daemon");
  CHECK(users->checker.name == "games");
  CHECK(users->notice == "");
}

TEST_CASE("without configuration the children are two distinct users, neither of them root") {
  const auto users = choose_child_users({});
  REQUIRE(users);
  CHECK(users->vrrp.uid != users->checker.uid);
  CHECK(users->vrrp.uid != 0);
  CHECK(users->checker.uid != 0);
  // Ids that belong to nobody are told, the package's users need no word.
  CHECK((users->vrrp.name.empty() || users->checker.name.empty()) == !users->notice.empty());
}

TEST_CASE("bad users are refused with the mend") {
  CHECK_THAT(choose_child_users({"no-such-user-here", "", ""}).error().text,
             Catch::Contains("there is no user 'no-such-user-here'"));
  CHECK_THAT(choose_child_users({"root", "", ""}).error().text, Catch::Contains("must not run as root"));
  CHECK_THAT(choose_child_users({"daemon", "daemon", ""}).error().text, Catch::Contains("name two distinct users"));
}

TEST_CASE("a user without a name shows as its number") {
  CHECK(display_name({60999, 60999, ""}) == "60999");
  CHECK(display_name({1, 1, "daemon"}) == "daemon");
}
