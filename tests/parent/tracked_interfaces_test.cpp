#include "parent/tracked_interfaces.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

namespace {

using Health = CheckView::Health;

std::vector<InstanceConfig> tracking(const std::vector<std::string>& interfaces) {
  InstanceConfig instance;
  for (const std::string& name : interfaces) instance.tracks.push_back({"", name, TrackConfig::Effect::demote, 0});
  instance.tracks.push_back({"nginx", "", TrackConfig::Effect::demote, 0});
  return {instance};
}

}  // namespace

TEST_CASE("a link is unknown until its first report, and neutral when a reload brought it") {
  TrackedInterfaces interfaces;
  interfaces.configure(tracking({"eth1"}), false);
  CHECK(interfaces.view("eth1") == CheckView{Health::unknown, "not reported yet"});
  interfaces.configure(tracking({"eth1", "eth2"}), true);
  CHECK(interfaces.all().size() == 2);
  CHECK(interfaces.view("eth1").health == Health::unknown);
  CHECK(interfaces.view("eth2").health == Health::neutral);
  interfaces.report("eth2", false, "no carrier");
  CHECK(interfaces.view("eth2") == CheckView{Health::down, "no carrier"});
}

TEST_CASE("only a change is news") {
  TrackedInterfaces interfaces;
  interfaces.configure(tracking({"eth1"}), false);
  const auto first = interfaces.report("eth1", true, "");
  REQUIRE(first);
  CHECK(first->from == CheckStatus::unknown);
  CHECK(first->to == CheckStatus::up);
  CHECK_FALSE(interfaces.report("eth1", true, ""));
  const auto second = interfaces.report("eth1", false, "down");
  REQUIRE(second);
  CHECK(second->from == CheckStatus::up);
  CHECK(second->to == CheckStatus::down);
  CHECK_FALSE(interfaces.report("eth1", false, "gone"));
  CHECK(interfaces.view("eth1").detail == "gone");
}

TEST_CASE("what is known survives a reload, and a name is remembered for late reports") {
  TrackedInterfaces interfaces;
  interfaces.configure(tracking({"eth1", "eth2"}), false);
  interfaces.report("eth1", true, "");
  interfaces.configure(tracking({"eth1"}), true);
  CHECK(interfaces.view("eth1").health == Health::up);
  CHECK(interfaces.knows("eth2"));
  CHECK_FALSE(interfaces.report("eth2", false, ""));
  CHECK(interfaces.all().size() == 1);
  CHECK_FALSE(interfaces.knows("eth3"));
  interfaces.configure(tracking({"eth1", "eth2"}), true);
  CHECK(interfaces.view("eth2").health == Health::neutral);
}
