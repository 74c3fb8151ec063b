// The tcp probe against real sockets.
#include "checker_child/probes/tcp_probe.hpp"

#include "tests/checker_child/support.hpp"

#include <atomic>

using namespace holdfast;
using namespace holdfast::test;

namespace {

struct Bench {
  EventLoop loop;
  Recorder recorder;

  ProbeResult probe(const TcpProbe& what) {
    TcpProbeRunner runner(loop, what, recorder.sink());
    return run_once(loop, runner, recorder);
  }
};

TcpProbe at(const Server& server, std::string send = "", std::string expect = "") {
  return {.host = "127.0.0.1", .port = server.port(), .send = std::move(send), .expect = std::move(expect)};
}

}  // namespace

TEST_CASE("tcp: connecting is enough") {
  Bench bench;
  Server server;
  const auto result = bench.probe(at(server));
  CHECK(result.good);
  CHECK(result.detail == "connected to " + server.text());
}

TEST_CASE("tcp: a refused connection") {
  Bench bench;
  Server server;
  server.stop();
  const auto result = bench.probe(at(server));
  CHECK_FALSE(result.good);
  CHECK(result.detail == "connect to " + server.text() + ": Connection refused");
}

TEST_CASE("tcp: IPv6 and names") {
  Bench bench;
  SECTION("a literal IPv6 address") {
    const auto result = bench.probe({.host = "::1", .port = 1, .send = "", .expect = ""});
    CHECK_FALSE(result.good);
    CHECK(result.detail.find("connect to [::1]:1: ") == 0);
  }
  SECTION("a name of several addresses is tried until one answers") {
    Server server;  // on 127.0.0.1 only
    const auto result = bench.probe({.host = "localhost", .port = server.port(), .send = "", .expect = ""});
    CHECK(result.good);
    CHECK(result.detail == "connected to " + server.text());
  }
  SECTION("a name that does not exist") {
    const auto result = bench.probe({.host = "no-such-host.invalid", .port = 80, .send = "", .expect = ""});
    CHECK_FALSE(result.good);
    CHECK(result.detail.find("cannot look up no-such-host.invalid: ") == 0);
  }
}

TEST_CASE("tcp: the answer to what was sent is compared") {
  Bench bench;
  Server server([](int connection) {
    const auto question = read_until(connection, "\n");
    write_all(connection, question == "PING\n" ? "+PO" : "-ERR\r\n");
    std::this_thread::sleep_for(20ms);  // the answer comes in pieces
    if (question == "PING\n") write_all(connection, "NG\r\n");
  });
  SECTION("as expected") {
    const auto result = bench.probe(at(server, "PING\n", "^\\+PONG"));
    CHECK(result.good);
    CHECK(result.detail == server.text() + " answered as expected");
  }
  SECTION("not so") {
    const auto result = bench.probe(at(server, "HELLO\n", "^\\+PONG"));
    CHECK_FALSE(result.good);
    CHECK(result.detail == server.text() + " answered '-ERR  ', which does not match '^\\+PONG'");
  }
  SECTION("sending without expecting") { CHECK(bench.probe(at(server, "PING\n", "")).good); }
}

TEST_CASE("tcp: a greeting that comes before anything is sent") {
  Bench bench;
  Server server([](int connection) {
    write_all(connection, "220 mail ready\r\n");
    wait_for_close(connection);
  });
  CHECK(bench.probe(at(server, "", "^220")).good);
}

TEST_CASE("tcp: a connection that is closed without an answer") {
  Bench bench;
  Server server([](int) {});
  const auto result = bench.probe(at(server, "", "ready"));
  CHECK_FALSE(result.good);
  CHECK(result.detail == server.text() + " closed the connection without an answer");
}

TEST_CASE("tcp: endless garbage ends after 4 KiB") {
  Bench bench;
  std::atomic<std::size_t> sent = 0;
  Server server([&](int connection) {
    while (write_all(connection, std::string(1024, '\xff'))) sent += 1024;
  });
  const auto result = bench.probe(at(server, "", "ready"));
  CHECK_FALSE(result.good);
  CHECK(result.detail.find(" answered '") != std::string::npos);
  CHECK(result.detail.size() < 200);
}

TEST_CASE("tcp: what is sent may be more than the socket takes at once") {
  Bench bench;
  const std::string much(4u << 20, 'x');
  std::atomic<std::size_t> got = 0;
  Server server([&](int connection) {
    std::vector<char> bytes(64u << 10);
    while (got < much.size()) {
      const ssize_t size = recv(connection, bytes.data(), bytes.size(), 0);
      if (size <= 0) return;
      got += static_cast<std::size_t>(size);
    }
    write_all(connection, "thanks");
  });
  const auto result = bench.probe(at(server, much, "thanks"));
  CHECK(result.good);
  CHECK(got == much.size());
}

TEST_CASE("tcp: no answer, given up by the check") {
  Bench bench;
  Server server([](int connection) { wait_for_close(connection); });
  TcpProbeRunner runner(bench.loop, at(server, "PING\n", "PONG"), bench.recorder.sink());
  runner.start(1);
  const std::string waiting = "connected to " + server.text() + ", but no 'PONG' came";
  CHECK(run_until(bench.loop, [&] { return runner.waiting_for() == waiting; }));
  runner.cancel();
  CHECK_FALSE(run_until(
      bench.loop, [&] { return !bench.recorder.finished.empty(); }, 50ms));

  SECTION("and it can be started again") {
    runner.start(2);
    CHECK(run_until(bench.loop, [&] { return runner.waiting_for() == waiting; }));
  }
  runner.cancel();
}

TEST_CASE("tcp: another answer than the expected one, given up by the check") {
  Bench bench;
  Server server([](int connection) {
    write_all(connection, "-NOAUTH\r\n");
    wait_for_close(connection);
  });
  TcpProbeRunner runner(bench.loop, at(server, "PING\n", "PONG"), bench.recorder.sink());
  runner.start(1);
  const std::string waiting = server.text() + " answered '-NOAUTH  ', but not 'PONG'";
  CHECK(run_until(bench.loop, [&] { return runner.waiting_for() == waiting; }));
  runner.cancel();
}

TEST_CASE("tcp: zero bytes in question, answer and expression") {
  Bench bench;
  const std::string question("a\0b", 3);
  Server server([&](int connection) {
    if (read_until(connection, question) == question) write_all(connection, std::string("\0\n5.5.5-MariaDB\0\xff", 17));
  });
  CHECK(bench.probe(at(server, question, std::string("^\0\n[0-9.]+-MariaDB\0", 19))).good);
  CHECK(bench.probe(at(server, question, "^\\x00\\x0a[0-9.]+-MariaDB\\0\\xff$")).good);
  CHECK(bench.probe(at(server, question, std::string("a\0b", 3))).detail ==
        server.text() + " answered '  5.5.5-MariaDB  ', which does not match 'a b'");
}

TEST_CASE("tcp: a lookup given up does not disturb the next run") {
  Bench bench;
  TcpProbeRunner runner(bench.loop, {.host = "no-such-host.invalid", .port = 80, .send = "", .expect = ""},
                        bench.recorder.sink());
  runner.start(1);
  runner.cancel();
  runner.start(2);
  REQUIRE(run_until(bench.loop, [&] { return !bench.recorder.finished.empty(); }));
  CHECK(bench.recorder.finished.front().run == 2);
}

TEST_CASE("tcp: an expression that cannot be used is a bad result, not a crash") {
  Bench bench;
  Server server;
  const auto result = bench.probe(at(server, "", "a(b"));
  CHECK_FALSE(result.good);
  CHECK(result.detail == "the expression 'a(b' cannot be used: it has a '(' without its ')', or the other way round");
}
