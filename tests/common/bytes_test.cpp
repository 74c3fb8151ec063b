// Reading and writing big-endian numbers.
#include "common/bytes.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace holdfast;

TEST_CASE("numbers are big-endian, written and read") {
  std::vector<std::uint8_t> bytes;
  ByteWriter out(bytes);
  out.u8(0x01);
  out.u16(0x0203);
  out.u32(0x04050607);
  out.u64(0x08090a0b0c0d0e0f);
  out.bytes(std::array<std::uint8_t, 2>{0xfe, 0xff});
  CHECK(bytes == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xfe, 0xff});

  ByteReader in(bytes);
  CHECK(in.u8() == 0x01);
  CHECK(in.u16() == 0x0203);
  CHECK(in.u32() == 0x04050607);
  CHECK(in.u64() == 0x08090a0b0c0d0e0f);
  CHECK(in.remaining() == 2);
  const auto rest = in.take(2);
  CHECK(std::vector(rest.begin(), rest.end()) == std::vector<std::uint8_t>{0xfe, 0xff});
  CHECK(in.remaining() == 0);
  CHECK_FALSE(in.failed());
}

TEST_CASE("a read past the end gives zero and stays failed") {
  const std::array<std::uint8_t, 3> bytes{1, 2, 3};
  ByteReader in(bytes);
  CHECK(in.u32() == 0);
  CHECK(in.failed());
  CHECK(in.u8() == 0);  // although a byte is there
  CHECK(in.take(1).empty());
  CHECK(in.failed());
}

TEST_CASE("taking nothing is no failure, taking too much is") {
  const std::array<std::uint8_t, 2> bytes{1, 2};
  ByteReader in(bytes);
  CHECK(in.take(0).empty());
  CHECK_FALSE(in.failed());
  CHECK(in.take(SIZE_MAX).empty());
  CHECK(in.failed());
}
