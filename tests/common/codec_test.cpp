// Every message survives the wire, and nothing but a message is taken for one.
#include "common/codec.hpp"

#include "tests/common/message_examples.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <set>

using namespace holdfast;
using namespace holdfast::test;

namespace {

using Bytes = std::vector<std::uint8_t>;

template <class Direction>
Bytes bytes_of(const Direction& message) {
  Bytes bytes;
  encode(message, bytes);
  return bytes;
}

}  // namespace

TEMPLATE_TEST_CASE("every message survives the wire", "", ParentToVrrp, VrrpToParent, ParentToChecker,
                   CheckerToParent) {
  std::set<std::size_t> kinds;
  for (const TestType& message : examples_of(TestType{})) {
    kinds.insert(message.index());
    const auto bytes = bytes_of(message);
    CAPTURE(message.index());
    CHECK(bytes.front() == message.index());
    const auto again = decode<TestType>(bytes);
    REQUIRE(again);
    CHECK(*again == message);
  }
  CHECK(kinds.size() == std::variant_size_v<TestType>);  // the examples leave no message out
}

TEMPLATE_TEST_CASE("a message cut anywhere is none, nor is one with bytes left over", "", ParentToVrrp, VrrpToParent,
                   ParentToChecker, CheckerToParent) {
  for (const TestType& message : examples_of(TestType{})) {
    Bytes bytes = bytes_of(message);
    CAPTURE(message.index());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CAPTURE(size);
      CHECK_FALSE(decode<TestType>(std::span(bytes).first(size)));
    }
    bytes.push_back(0);
    CHECK_FALSE(decode<TestType>(bytes));
  }
}

TEMPLATE_TEST_CASE("a message with any byte changed is refused or is exactly what its bytes say", "", ParentToVrrp,
                   VrrpToParent, ParentToChecker, CheckerToParent) {
  for (const TestType& message : examples_of(TestType{})) {
    const Bytes bytes = bytes_of(message);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (const int change : {1, 2, 4, 8, 0x40, 0x80, 0xff}) {
        Bytes changed = bytes;
        changed[at] = static_cast<std::uint8_t>(changed[at] ^ change);
        const auto decoded = decode<TestType>(changed);
        if (decoded && bytes_of(*decoded) != changed) FAIL("byte " << at << " of message " << message.index());
      }
    }
  }
}

TEST_CASE("encoding appends") {
  Bytes bytes{1, 2, 3};
  encode(CheckerToParent(Pong{4}), bytes);
  CHECK(Bytes(bytes.begin(), bytes.begin() + 3) == Bytes{1, 2, 3});
  CHECK(decode<CheckerToParent>(std::span(bytes).subspan(3)) == CheckerToParent(Pong{4}));
}

TEST_CASE("unknown tags, values outside of their enumeration and lying lengths are refused") {
  CHECK_FALSE(decode<CheckerToParent>(Bytes{8}));
  CHECK_FALSE(decode<CheckerToParent>(Bytes{0xff, 0, 0, 0, 0}));
  Bytes logged = bytes_of(CheckerToParent(Logged{LogLevel::debug, "x"}));
  logged[1] = 5;  // no such level
  CHECK_FALSE(decode<CheckerToParent>(logged));
  Bytes script = bytes_of(ParentToChecker(ScriptFinished{CheckId{1}, 2, true, "", 3us}));
  script[13] = 2;  // neither true nor false
  CHECK_FALSE(decode<ParentToChecker>(script));
  // A ChildReady that claims four billion names must not reserve memory for them.
  CHECK_FALSE(decode<CheckerToParent>(Bytes{0, 0xff, 0xff, 0xff, 0xff}));
  CHECK_FALSE(decode<CheckerToParent>(Bytes{0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 'x'}));
}

namespace {

template <class Direction>
void write_seeds(std::uint8_t direction) {
  int number = 0;
  for (const Direction& message : examples_of(Direction{})) {
    Bytes bytes{direction};
    encode(message, bytes);
    std::ofstream file(
        SOURCE_DIR "/tests/fuzz/corpus/message/" + std::to_string(direction) + "-" + std::to_string(number++),
        std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
}

}  // namespace

// Run by hand when messages have changed.
TEST_CASE("write the fuzzer's seeds", "[.write-seeds]") {
  write_seeds<ParentToVrrp>(0);
  write_seeds<VrrpToParent>(1);
  write_seeds<ParentToChecker>(2);
  write_seeds<CheckerToParent>(3);
}
