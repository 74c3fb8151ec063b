// The channel between the parent and a child, over real socketpairs.
#include "common/channel.hpp"

#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

using ParentEnd = Channel<ParentToChecker, CheckerToParent>;

struct Bench {
  Bench() {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    other = Fd(ends[1]);
    channel.emplace(loop, Fd(ends[0]),
                    ParentEnd::Handlers{.message = [this](CheckerToParent&& m) { heard.push_back(std::move(m)); },
                                        .closed = [this](const std::string& reason) { ends_heard.push_back(reason); }});
  }

  bool run_until(const std::function<bool()>& condition) {
    const TimePoint end = loop.now() + 20s;
    while (!condition() && loop.now() < end) sd_event_run(loop.raw(), 5000);
    return condition();
  }
  void turn() {
    run_until([turns = 0]() mutable { return turns++ == 3; });
  }

  void say(const CheckerToParent& message) {
    std::vector<std::uint8_t> bytes;
    encode(message, bytes);
    REQUIRE(send(other.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  }
  std::optional<ParentToChecker> read_one() {
    std::vector<std::uint8_t> bytes(1u << 20);
    const ssize_t size = recv(other.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size <= 0) return std::nullopt;
    return decode<ParentToChecker>(std::span(bytes).first(static_cast<std::size_t>(size)));
  }

  EventLoop loop;
  Fd other;
  std::vector<CheckerToParent> heard;
  std::vector<std::string> ends_heard;
  std::optional<ParentEnd> channel;
};

}  // namespace

TEST_CASE("messages go both ways, in order") {
  Bench bench;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    bench.say(Pong{i});
    if (i % 100 == 0) bench.turn();
  }
  REQUIRE(bench.run_until([&] { return bench.heard.size() == 1000; }));
  for (std::uint64_t i = 0; i < 1000; ++i) CHECK(bench.heard[i] == CheckerToParent(Pong{i}));
  bench.channel->send(Ping{1});
  bench.channel->send(Shutdown{});
  CHECK(bench.read_one() == ParentToChecker(Ping{1}));
  CHECK(bench.read_one() == ParentToChecker(Shutdown{}));
  CHECK(bench.ends_heard.empty());
}

TEST_CASE("a slow reader gets everything, late but in order, and the sender never waits") {
  Bench bench;
  const std::string big(20000, 'x');
  constexpr std::uint64_t count = 200;
  for (std::uint64_t i = 0; i < count; ++i) bench.channel->send(ScriptFinished{CheckId{1}, i, true, big, 0s});
  for (std::uint64_t i = 0; i < count; ++i) {
    std::optional<ParentToChecker> message;
    REQUIRE(bench.run_until([&] { return message || (message = bench.read_one()); }));
    REQUIRE(std::get<ScriptFinished>(*message).run == i);
  }
  CHECK(bench.channel->is_open());
}

TEST_CASE("a reader that never reads ends the channel instead of filling the memory") {
  Bench bench;
  const std::string big(100000, 'x');
  for (int i = 0; i < 400 && bench.channel->is_open(); ++i) {
    bench.channel->send(ScriptFinished{CheckId{1}, 1, true, big, 0s});
  }
  CHECK_FALSE(bench.channel->is_open());
  CHECK(bench.ends_heard == std::vector<std::string>{"it does not read its messages"});
  bench.channel->send(Ping{1});  // nothing happens
}

TEST_CASE("the end of the other side is told once, after what it said") {
  Bench bench;
  bench.say(Pong{1});
  bench.say(Pong{2});
  SECTION("that had read everything") {}
  SECTION("that had not read everything") { bench.channel->send(Ping{1}); }
  bench.other = Fd();
  REQUIRE(bench.run_until([&] { return !bench.ends_heard.empty(); }));
  CHECK(bench.heard.size() == 2);
  bench.channel->send(Ping{2});
  bench.turn();
  CHECK(bench.ends_heard == std::vector<std::string>{""});
  CHECK_FALSE(bench.channel->is_open());
}

TEST_CASE("what is no message ends the channel") {
  Bench bench;
  SECTION("garbage") {
    bench.say(Pong{1});
    REQUIRE(send(bench.other.get(), "\xff\xff\xff", 3, 0) == 3);
    bench.say(Pong{2});
    REQUIRE(bench.run_until([&] { return !bench.ends_heard.empty(); }));
    CHECK(bench.heard.size() == 1);  // what comes after it is not believed
  }
  SECTION("a message of the other direction") {
    std::vector<std::uint8_t> bytes;
    encode(ParentToChecker(ScriptFinished{CheckId{1}, 1, true, "detail", 1s}), bytes);
    REQUIRE(send(bench.other.get(), bytes.data(), bytes.size(), 0) > 0);
    REQUIRE(bench.run_until([&] { return !bench.ends_heard.empty(); }));
  }
  CHECK(bench.ends_heard == std::vector<std::string>{"it sent a malformed message"});
}

TEST_CASE("a message that is too large ends the channel") {
  Bench bench;
  const int size = 4 << 20;
  REQUIRE(setsockopt(bench.other.get(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) == 0);
  const std::string large(300u << 10, '\0');
  REQUIRE(send(bench.other.get(), large.data(), large.size(), 0) == static_cast<ssize_t>(large.size()));
  REQUIRE(bench.run_until([&] { return !bench.ends_heard.empty(); }));
  CHECK(bench.ends_heard == std::vector<std::string>{"it sent a message that is too large"});
}
