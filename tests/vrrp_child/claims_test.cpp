#include "vrrp_child/core/claims.hpp"

#include "common/ip_text.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

using namespace holdfast;

namespace {

const MacAddress ours = {2, 0, 0, 0, 0, 1};
const MacAddress theirs = {2, 0, 0, 0, 0, 9};
const IpAddr address = IpAddr::v4(192, 168, 16, 130);
using Bytes = std::vector<std::uint8_t>;

Bytes arp_reply() {
  const ArpFrame request = gratuitous_arp(address, theirs);
  Bytes reply(request.begin(), request.end());
  reply[21] = 2;
  return reply;
}

// The message in an unsolicited advertisement, from the ICMPv6 type on.
Bytes advertisement(const IpAddr& target) {
  const NeighbourFrame frame = unsolicited_neighbour_advertisement(target, theirs);
  return {frame.begin() + 54, frame.end()};
}

}  // namespace

TEST_CASE("an ARP probe asks for an address on nobody's behalf") {
  const ArpFrame frame = arp_probe(address, ours);
  const Bytes expected = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,   0,   0,  0,  0, 1, 8, 6,  // to all, from us
                          0,    1,    8,    0,    6,    4,    0,   1,                        // request
                          2,    0,    0,    0,    0,    1,    0,   0,   0,  0,               // our MAC, no address
                          0,    0,    0,    0,    0,    0,    192, 168, 16, 130};
  CHECK(Bytes(frame.begin(), frame.end()) == expected);
}

TEST_CASE("a neighbour probe goes to the solicited-node group, and says who is to be answered") {
  const IpAddr source = parse_ip("fe80::1").value();
  const SolicitationFrame frame = neighbour_probe(parse_ip("2001:db8::1:2:3").value(), source, ours);
  const Bytes bytes(frame.begin(), frame.end());
  CHECK(Bytes(bytes.begin(), bytes.begin() + 6) == Bytes{0x33, 0x33, 0xff, 2, 0, 3});
  CHECK(bytes[19] == bytes.size() - 54);
  CHECK(IpAddr::from_bytes(std::span(bytes).subspan(22, 16)) == source);
  CHECK(IpAddr::from_bytes(std::span(bytes).subspan(38, 16)) == parse_ip("ff02::1:ff02:3").value());
  CHECK(bytes[54] == 135);
  CHECK(IpAddr::from_bytes(std::span(bytes).subspan(62, 16)) == parse_ip("2001:db8::1:2:3").value());
  CHECK(Bytes(bytes.begin() + 78, bytes.end()) == Bytes{1, 1, 2, 0, 0, 0, 0, 1});
}

TEST_CASE("an answer says who has which address") {
  const auto arp = claim_in_arp_reply(arp_reply(), 3);
  REQUIRE(arp);
  CHECK(arp->interface_index == 3);
  CHECK(arp->address == address);
  CHECK(arp->mac == theirs);
  const IpAddr target = parse_ip("2001:db8::9").value();
  const auto neighbour = claim_in_neighbour_advertisement(advertisement(target), 4);
  REQUIRE(neighbour);
  CHECK(neighbour->address == target);
  CHECK(neighbour->mac == theirs);
}

TEST_CASE("requests, cut off and broken answers say nothing") {
  const ArpFrame request = gratuitous_arp(address, theirs);
  CHECK_FALSE(claim_in_arp_reply(request, 1));
  const Bytes whole_arp = arp_reply();
  for (std::size_t size = 0; size < whole_arp.size(); ++size) {
    CHECK_FALSE(claim_in_arp_reply(std::span(whole_arp).first(size), 1));
  }
  Bytes message = advertisement(parse_ip("2001:db8::9").value());
  for (std::size_t size = 0; size < message.size(); ++size) {
    CHECK_FALSE(claim_in_neighbour_advertisement(std::span(message).first(size), 1));
  }
  message[25] = 0;  // an option without length
  CHECK_FALSE(claim_in_neighbour_advertisement(message, 1));
  message[25] = 2;  // longer than the packet
  CHECK_FALSE(claim_in_neighbour_advertisement(message, 1));
}
