#include "vrrp_child/core/announce.hpp"

#include "tests/vectors/vectors.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

// V4-AN-01
TEST_CASE("a gratuitous ARP request is the frame of the vector file, byte for byte") {
  const auto& frames = vectors::load().announce_frames;
  const auto expected = std::ranges::find(frames, "gratuitous-arp-ipv4", &vectors::Frame::name);
  REQUIRE(expected != frames.end());
  const MacAddress virtual_mac = {0x00, 0x00, 0x5e, 0x00, 0x01, 0x14};
  const ArpFrame frame = gratuitous_arp(IpAddr::v4(192, 0, 2, 1), virtual_mac);
  CHECK(vectors::Bytes(frame.begin(), frame.end()) == expected->bytes);
}
