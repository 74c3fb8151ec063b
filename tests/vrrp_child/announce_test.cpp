#include "vrrp_child/core/announce.hpp"

#include "common/ip_text.hpp"
#include "tests/vectors/vectors.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

// V4-AN-01
TEST_CASE("a gratuitous ARP request is the frame of the vector file, byte for byte") {
  const auto& frames = vectors::load().announce_frames;
  const auto expected = std::ranges::find(frames, "gratuitous-arp-ipv4", &vectors::Frame::name);
  REQUIRE(expected != frames.end());
  const ArpFrame frame = gratuitous_arp(IpAddr::v4(192, 0, 2, 1), virtual_mac(IpFamily::ipv4, Vrid{20}));
  CHECK(vectors::Bytes(frame.begin(), frame.end()) == expected->bytes);
}

// V6-AN-02
TEST_CASE("an unsolicited neighbour advertisement is the frame of the vector file, byte for byte") {
  const auto [name, address] =
      GENERATE(std::pair("unsolicited-na-linklocal", "fe80::1e:1"), std::pair("unsolicited-na-global", "2001:db8::1"));
  const auto& frames = vectors::load().announce_frames;
  const auto expected = std::ranges::find(frames, name, &vectors::Frame::name);
  REQUIRE(expected != frames.end());
  const NeighbourFrame frame =
      unsolicited_neighbour_advertisement(parse_ip(address).value(), virtual_mac(IpFamily::ipv6, Vrid{30}));
  CHECK(vectors::Bytes(frame.begin(), frame.end()) == expected->bytes);
}
