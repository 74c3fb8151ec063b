#include "vrrp_child/core/advert.hpp"

#include "tests/vectors/vectors.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using vectors::Bytes;

namespace {

const vectors::Vector& vector_named(const std::string& name) {
  const auto& all = vectors::load().vectors;
  const auto found = std::ranges::find(all, name, &vectors::Vector::name);
  REQUIRE(found != all.end());
  return *found;
}

Bytes encoded(const vectors::Vector& vector, VirtualRouterConfig config, Priority priority) {
  Bytes bytes;
  encode_advert(config, config.version, priority, {vector.source, vector.destination}, bytes);
  return bytes;
}

}  // namespace

// VX-PK-01, V2-CK-01, V3-CK-02, V3-CK-03
TEST_CASE("what we encode is the vector's packet, byte for byte") {
  struct Row {
    const char* name;
    int priority;
  };
  const Row row = GENERATE(values<Row>({{"v2-basic", 150},
                                        {"v2-prio0", 0},
                                        {"v2-owner", 255},
                                        {"v3-ip4-message-only", 150},
                                        {"v3-ip4-pseudo", 150},
                                        {"v3-ip4-prio0-message-only", 0},
                                        {"v3-ip4-prio0-pseudo", 0},
                                        {"v3-ip4-owner-pseudo", 255},
                                        {"v3-ip6-basic", 150},
                                        {"v3-ip6-prio0", 0},
                                        {"v3-ip6-owner", 255}}));
  INFO(row.name);
  const auto& vector = vector_named(row.name);
  auto config = vectors::load().receivers.at(vector.receiver).config;
  if (vector.checksum_form == "rfc9568-message-only") config.checksum = ChecksumForm::rfc9568;
  CHECK(encoded(vector, config, Priority{static_cast<std::uint8_t>(row.priority)}) == vector.payload);
}

TEST_CASE("a password makes type 1 and fills the trailer") {
  const auto& vector = vector_named("v2-auth1-password");
  auto config = vectors::load().receivers.at("v2").config;
  config.password = "secret";
  CHECK(encoded(vector, config, Priority{150}) == vector.payload);
}

TEST_CASE("addresses that are not advertised are left out") {
  const auto& vector = vector_named("v3-ip4-pseudo");
  auto config = vectors::load().receivers.at("v3_ipv4").config;
  config.addresses[0].advertised = false;
  const Bytes bytes = encoded(vector, config, Priority{150});
  const auto advert = decode_advert(bytes, {vector.source, vector.destination});
  REQUIRE(advert);
  CHECK(Bytes(advert->addresses.begin(), advert->addresses.end()) == Bytes{192, 0, 2, 129});
}

// VX-CK-05
TEST_CASE("both zeros of one's complement are a right checksum") {
  for (const char* name : {"v3-ip4-checksum-0000", "v3-ip4-checksum-ffff"}) {
    const auto& vector = vector_named(name);
    CHECK(decode_advert(vector.payload, {vector.source, vector.destination}));
  }
}

TEST_CASE("the form of a v3 checksum over IPv4 is told") {
  for (const auto& [name, form] :
       {std::pair("v3-ip4-message-only", ChecksumForm::rfc9568), std::pair("v3-ip4-pseudo", ChecksumForm::rfc5798)}) {
    const auto& vector = vector_named(name);
    const auto advert = decode_advert(vector.payload, {vector.source, vector.destination});
    REQUIRE(advert);
    CHECK(advert->checksum_form == form);
  }
}

// V3-PK-03
TEST_CASE("the reserved nibble is ignored") {
  const auto& vector = vector_named("v3-ip4-reserved-set");
  const auto advert = decode_advert(vector.payload, {vector.source, vector.destination});
  REQUIRE(advert);
  CHECK(advert->interval == std::chrono::seconds(1));
}

TEST_CASE("a right packet that is cut anywhere, or has a byte changed, is refused") {
  for (const auto& vector : vectors::load().vectors) {
    INFO(vector.name);
    const Envelope envelope{vector.source, vector.destination};
    if (!decode_advert(vector.payload, envelope)) continue;
    for (std::size_t size = 0; size < vector.payload.size(); ++size) {
      CHECK_FALSE(decode_advert(std::span(vector.payload).first(size), envelope));
    }
    for (std::size_t at = 0; at < vector.payload.size(); ++at) {
      Bytes changed = vector.payload;
      changed[at] ^= 0x10;
      CHECK_FALSE(decode_advert(changed, envelope));
    }
  }
}
