// Addresses and prefixes as text.
#include "common/ip_text.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace holdfast;

TEST_CASE("addresses, there and back") {
  const auto text = GENERATE(as<std::string>{}, "192.0.2.1", "0.0.0.0", "255.255.255.255", "::", "::1", "fe80::1",
                             "2001:db8::1:2", "2001:db8:1:2:3:4:5:6");
  const auto address = parse_ip(text);
  REQUIRE(address);
  CHECK(to_string(*address) == text);
  CHECK(address->family() == (text.find(':') == std::string::npos ? IpFamily::ipv4 : IpFamily::ipv6));
}

TEST_CASE("what is no address") {
  const auto text =
      GENERATE(as<std::string>{}, "", "192.0.2", "192.0.2.256", "192.0.2.1.5", "192.0.2.01 ", " 192.0.2.1",
               "192.0.2.1/24", "localhost", "fe80::1%eth0", ":::", "2001:db8", "[::1]", "1::2::3");
  CAPTURE(text);
  CHECK_FALSE(parse_ip(text));
}

TEST_CASE("an address does not hide behind a zero byte") {
  CHECK_FALSE(parse_ip(std::string_view("192.0.2.1\0junk", 14)));
  CHECK_FALSE(parse_ip(std::string_view("192.0.2.1\0", 10)));
}

TEST_CASE("prefixes") {
  const auto prefix = parse_prefix("192.0.2.1/24");
  REQUIRE(prefix);
  CHECK(prefix->address == IpAddr::v4(192, 0, 2, 1));
  CHECK(prefix->length == 24);
  CHECK(to_string(*prefix) == "192.0.2.1/24");
  CHECK(parse_prefix("192.0.2.1/0")->length == 0);
  CHECK(parse_prefix("192.0.2.1/32")->length == 32);
  CHECK(parse_prefix("2001:db8::1/128")->length == 128);
}

TEST_CASE("a bare address is a host") {
  CHECK(parse_prefix("192.0.2.1")->length == 32);
  CHECK(parse_prefix("2001:db8::1")->length == 128);
}

TEST_CASE("what is no prefix") {
  const auto text =
      GENERATE(as<std::string>{}, "", "/", "/24", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/-1", "192.0.2.1/+1",
               "192.0.2.1/24 ", "192.0.2.1/ 24", "192.0.2.1/2x", "192.0.2.1/255.255.255.0", "192.0.2.1/24/24",
               "2001:db8::1/129", "192.0.2.1/99999999999999999999");
  CAPTURE(text);
  CHECK_FALSE(parse_prefix(text));
}
