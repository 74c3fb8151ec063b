// When a conflict is over, and whether this host won it.
#include "parent/conflict_watch.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

namespace {

InstanceReport report(std::uint32_t id, std::vector<std::string> kinds, InstanceState state = InstanceState::active) {
  InstanceReport result;
  result.id = InstanceId{id};
  result.state = state;
  for (const std::string& kind : kinds) {
    ConflictReport conflict;
    conflict.kind = kind;
    result.conflicts.push_back(conflict);
  }
  return result;
}

}  // namespace

TEST_CASE("a conflict is over when the reports don't name one any more") {
  ConflictWatch watch;
  CHECK_FALSE(watch.any());
  CHECK(watch.seen(InstanceId{1}, "two"));
  CHECK_FALSE(watch.seen(InstanceId{1}, "two"));
  CHECK(watch.seen(InstanceId{1}, "another"));
  CHECK(watch.any());
  CHECK_FALSE(watch.reported(report(2, {})));
  CHECK_FALSE(watch.reported(report(1, {"two_actives", "password"})));
  CHECK_FALSE(watch.reported(report(1, {"password"})));
  const auto end = watch.reported(report(1, {}));
  REQUIRE(end);
  CHECK(end->contested);
  CHECK(end->active);
  CHECK_FALSE(watch.any());
  CHECK_FALSE(watch.reported(report(1, {})));
  CHECK(watch.seen(InstanceId{1}, "two"));
}

TEST_CASE("a wrong password contests nothing, and who is backup has not won") {
  ConflictWatch watch;
  watch.seen(InstanceId{1}, "password");
  watch.reported(report(1, {"password"}));
  CHECK_FALSE(watch.reported(report(1, {}))->contested);
  watch.seen(InstanceId{1}, "two");
  watch.reported(report(1, {"two_actives"}));
  CHECK_FALSE(watch.reported(report(1, {}, InstanceState::backup))->active);
}

TEST_CASE("an instance that a reload removes has no conflict") {
  ConflictWatch watch;
  watch.seen(InstanceId{1}, "two");
  watch.keep([](InstanceId id) { return id != InstanceId{1}; });
  CHECK_FALSE(watch.any());
}
