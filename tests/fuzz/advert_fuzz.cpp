// Any bytes, with any TTL, on a virtual router of each kind: no crash, and what is refused changes nothing:
// at most it is told as a conflict.
#include "vrrp_child/core/router_table.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <variant>

using namespace holdfast;

namespace {

VirtualRouterConfig config_of(VrrpVersion version, IpFamily family) {
  VirtualRouterConfig config;
  config.name = "fuzzed";
  config.interface = "eth0";
  config.vrid = Vrid{20};
  config.version = version;
  config.family = family;
  if (version == VrrpVersion::v2) config.password = "1111";
  return config;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const bool ipv6 = data[0] & 1;
  const bool v2 = !ipv6 && data[0] & 2;
  const int ttl = data[0] & 4 ? 254 : 255;
  const auto family = ipv6 ? IpFamily::ipv6 : IpFamily::ipv4;
  const std::array<std::uint8_t, 16> source{0xfe, 0x80, 0, 2};

  RouterTable table;
  RouterTable::Actions actions;
  const TimePoint now{std::chrono::seconds(1000)};
  const InstanceId id{1};
  table.configure(
      {id, config_of(v2 ? VrrpVersion::v2 : VrrpVersion::v3, family), {Priority{100}, Fitness::fit, ""}, {}, {}}, now,
      actions);
  table.set_link(id, {2, {true, IpAddr::v4(192, 0, 2, 3), ""}}, now, actions);
  actions.clear();

  const Envelope envelope{IpAddr::from_bytes({source.data(), ipv6 ? 16u : 4u}), vrrp_group(family)};
  const auto discard = table.receive({2, envelope, ttl, {data + 1, size - 1}}, now, actions);
  const bool only_told = std::all_of(actions.begin(), actions.end(),
                                     [](const auto& each) { return std::holds_alternative<Conflict>(each.action); });
  if (discard && !only_told) std::abort();
  if (!discard && ttl != 255) std::abort();
  return 0;
}
