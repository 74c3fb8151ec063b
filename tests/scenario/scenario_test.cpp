// What groups of routers do together: the pure tables of several hosts on a fake wire.
#include "tests/scenario/wire.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace holdfast::scenario;
using namespace std::chrono_literals;

namespace {

constexpr InstanceId web{1};

VirtualRouterConfig router(int priority, bool preempt = true, VrrpVersion version = VrrpVersion::v3) {
  VirtualRouterConfig config;
  config.name = "web";
  config.interface = "eth0";
  config.vrid = Vrid{66};
  config.version = version;
  config.priority = Priority{static_cast<std::uint8_t>(priority)};
  config.preempt = preempt;
  VirtualAddress address;
  address.prefix = {IpAddr::v4(192, 168, 16, 130), 32};
  address.interface = "eth0";
  config.addresses.push_back(address);
  return config;
}

struct Pair {
  explicit Pair(VrrpVersion version = VrrpVersion::v3, bool preempt = true) {
    a.add(web, router(100, preempt, version));
    b.add(web, router(99, preempt, version));
    wire.pass(10s);
  }
  bool only(const Host& host) const { return wire.holders(web) == std::vector<const Host*>{&host}; }

  Wire wire;
  Host& a = wire.host(IpAddr::v4(192, 168, 16, 128));
  Host& b = wire.host(IpAddr::v4(192, 168, 16, 129));
};

}  // namespace

TEST_CASE("a pair agrees on the better one, which is the only one to speak") {
  Pair pair(GENERATE(VrrpVersion::v2, VrrpVersion::v3));
  CHECK(pair.only(pair.a));
  CHECK(pair.b.sent() == 0);
}

TEST_CASE("the address is never on two hosts while the pair starts and hands over cleanly") {
  Wire wire;
  Host& a = wire.host(IpAddr::v4(192, 168, 16, 128));
  Host& b = wire.host(IpAddr::v4(192, 168, 16, 129));
  const auto at_most_one = [&] { REQUIRE(wire.holders(web).size() <= 1); };
  b.add(web, router(99));
  wire.pass(10s, at_most_one);
  a.add(web, router(100));
  wire.pass(10s, at_most_one);
  CHECK(a.holds(web));
  a.shut_down();
  wire.pass(10s, at_most_one);
  CHECK(b.holds(web));
}

TEST_CASE("a host that dies is replaced within the down interval, and goes home when it is back") {
  Pair pair;
  pair.a.power_off();
  pair.wire.pass(3700ms);
  CHECK(pair.only(pair.b));
}

TEST_CASE("a host that stops is replaced within 10 ms") {
  Pair pair;
  pair.a.shut_down();
  pair.wire.pass(10ms);
  CHECK(pair.only(pair.b));
}

TEST_CASE("a demoted active is replaced within 10 ms, and is back after it recovered") {
  const bool preempt = GENERATE(true, false);
  Pair pair(VrrpVersion::v3, preempt);
  pair.a.standing(web, 1, Fitness::demoted);
  pair.wire.pass(10ms);
  CHECK(pair.only(pair.b));
  pair.a.standing(web, 100);
  pair.wire.pass(20s);
  CHECK(pair.only(preempt ? pair.a : pair.b));
}

TEST_CASE("weights move the address like keepalived's arithmetic says") {
  Pair pair(VrrpVersion::v2);
  pair.a.standing(web, 102);  // checks up: weight 2 on both
  pair.b.standing(web, 101);
  pair.wire.pass(5s);
  CHECK(pair.only(pair.a));
  pair.a.standing(web, 100);
  pair.wire.pass(5s);
  CHECK(pair.only(pair.b));
  pair.a.standing(web, 102);
  pair.wire.pass(5s);
  CHECK(pair.only(pair.a));
}

TEST_CASE("all demoted: the last one standing keeps the address") {
  Pair pair;
  pair.a.standing(web, 1, Fitness::demoted);
  pair.wire.pass(1s);
  pair.b.standing(web, 1, Fitness::demoted);
  pair.wire.pass(30s);
  CHECK(pair.only(pair.b));
}

TEST_CASE("a cut that nobody sees makes two actives, and its end leaves the better one") {
  Pair pair;
  pair.a.cut = true;
  pair.wire.pass(5s);
  CHECK(pair.wire.holders(web).size() == 2);
  pair.a.cut = false;
  pair.wire.pass(1100ms);
  CHECK(pair.only(pair.a));
}

TEST_CASE("a pulled cable is seen by its host, which lets go") {
  Pair pair;
  pair.a.plug(false);
  CHECK_FALSE(pair.a.holds(web));
  pair.wire.pass(4s);
  CHECK(pair.only(pair.b));
  pair.a.plug(true);
  pair.wire.pass(5s);
  CHECK(pair.only(pair.a));
}

TEST_CASE("equal priorities: the greater address wins and stays") {
  Wire wire;
  Host& a = wire.host(IpAddr::v4(192, 168, 16, 128));
  Host& b = wire.host(IpAddr::v4(192, 168, 16, 129));
  a.add(web, router(100));
  b.add(web, router(100));
  wire.pass(10s);
  CHECK(wire.holders(web) == std::vector<const Host*>{&b});
  const auto before = a.transitions() + b.transitions();
  wire.pass(60s);
  CHECK(a.transitions() + b.transitions() == before);
}

TEST_CASE("two hosts that both own the address: one stays active, by the tie-break", "[VX-RX-15]") {
  Wire wire;
  Host& a = wire.host(IpAddr::v4(192, 168, 16, 128));
  Host& b = wire.host(IpAddr::v4(192, 168, 16, 129));
  const auto version = GENERATE(VrrpVersion::v2, VrrpVersion::v3);
  a.add(web, router(255, true, version));
  b.add(web, router(255, true, version));
  wire.pass(10s);
  CHECK(wire.holders(web) == std::vector<const Host*>{&b});
  const auto before = a.transitions() + b.transitions();
  wire.pass(60s);
  CHECK(a.transitions() + b.transitions() == before);
}

TEST_CASE("of three, the next in line takes over, and only it") {
  Wire wire;
  Host& a = wire.host(IpAddr::v4(192, 168, 16, 1));
  Host& b = wire.host(IpAddr::v4(192, 168, 16, 2));
  Host& c = wire.host(IpAddr::v4(192, 168, 16, 3));
  a.add(web, router(120));
  b.add(web, router(110));
  c.add(web, router(100));
  wire.pass(10s);
  const auto c_transitions = c.transitions();
  SECTION("the active stops") { a.shut_down(); }
  SECTION("the active dies") { a.power_off(); }
  wire.pass(5s);
  CHECK(wire.holders(web) == std::vector<const Host*>{&b});
  CHECK(c.transitions() == c_transitions);
}

TEST_CASE("255 routers on two hosts at 10 ms: one active each, and no more adverts than intervals") {
  Wire wire;
  Host& a = wire.host(IpAddr::v4(192, 168, 16, 128));
  Host& b = wire.host(IpAddr::v4(192, 168, 16, 129));
  for (std::uint32_t i = 1; i <= 255; ++i) {
    VirtualRouterConfig config = router(100);
    config.vrid = Vrid{static_cast<std::uint8_t>(i)};
    config.advert_interval = 10ms;
    a.add(InstanceId{i}, config);
    config.priority = Priority{99};
    b.add(InstanceId{i}, config);
  }
  wire.pass(1s);
  const auto before = a.sent();
  wire.pass(1s);
  for (std::uint32_t i = 1; i <= 255; ++i) REQUIRE(wire.holders(InstanceId{i}) == std::vector<const Host*>{&a});
  CHECK(a.sent() - before == 255 * 100);
  CHECK(b.sent() == 0);
}
