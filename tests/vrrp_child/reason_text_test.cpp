#include "vrrp_child/reason_text.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace std::chrono_literals;

TEST_CASE("reasons are sentences that name the other router and why our priority is what it is") {
  const Standing standing{Priority{98}, Fitness::fit, "check nginx is down"};
  Reason reason;
  reason.peer = IpAddr::v4(192, 168, 16, 129);
  reason.peer_priority = Priority{101};
  reason.own_priority = Priority{98};

  reason.cause = Cause::better_heard;
  CHECK(sentence(reason, standing) == "192.168.16.129 is active with priority 101, above our 98 (check nginx is down)");
  reason.cause = Cause::active_silent;
  reason.waited = 3609ms;
  CHECK(sentence(reason, standing) ==
        "the active router 192.168.16.129 fell silent: nothing was heard from it for 3.6 s");
  reason.peer = {};
  CHECK(sentence(reason, standing) == "no active router was heard for 3.6 s");
}

TEST_CASE("every cause has a sentence") {
  for (int cause = 0; cause <= static_cast<int>(Cause::shut_down); ++cause) {
    Reason reason;
    reason.cause = static_cast<Cause>(cause);
    reason.problem = "interface eth0 is down";
    CHECK_FALSE(sentence(reason, {}).empty());
  }
}

TEST_CASE("a peer whose adverts come with too few hops is told with what mends it") {
  VirtualRouterConfig config;
  config.family = IpFamily::ipv6;
  const Conflict conflict{ConflictKind::hop_limit, IpAddr::v4(192, 168, 16, 129), {}, true, 64};
  CHECK(sentence(conflict, config, {}).find("hop limit 64 and not 255; in a keepalived write `unicast_ttl 255`") !=
        std::string::npos);
}
