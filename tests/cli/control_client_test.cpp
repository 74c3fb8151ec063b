#include "cli/control_client.hpp"

#include "tests/cli/fake_daemon.hpp"

#include <sys/stat.h>

#include <atomic>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

ControlFailure failure_of(const std::string& runtime_dir, std::chrono::milliseconds patience = 10s) {
  const auto answer = ask_daemon(runtime_dir, {{"command", "status"}}, patience);
  REQUIRE_FALSE(answer);
  return answer.error();
}

std::string only_line(const ControlFailure& failure) {
  REQUIRE(failure.lines.size() == 1);
  return failure.lines[0];
}

}  // namespace

TEST_CASE("the request is one line, the answer one document") {
  std::string received;
  FakeDaemon daemon([&](const std::string& request, int socket) {
    received = request;
    answering(R"({"ok":true,"changes":["a","b"]})")(request, socket);
  });
  const auto answer = ask_daemon(daemon.runtime_dir(), {{"command", "reload"}});
  REQUIRE(answer);
  CHECK(received == R"({"command":"reload"})");
  CHECK((*answer)["changes"].size() == 2);
}

TEST_CASE("an answer in many pieces is one answer") {
  const std::string long_text(3'000'000, 'x');
  FakeDaemon daemon([&](const std::string&, int socket) {
    for (const std::string& piece : {std::string(R"({"ok":true,"text":")"), long_text, std::string("\"}\n")}) {
      for (std::size_t sent = 0; sent < piece.size();) {
        const ssize_t count = ::send(socket, piece.data() + sent, piece.size() - sent, MSG_NOSIGNAL);
        if (count < 0) return;
        sent += static_cast<std::size_t>(count);
      }
    }
  });
  const auto answer = ask_daemon(daemon.runtime_dir(), {{"command", "status"}});
  REQUIRE(answer);
  CHECK((*answer)["text"].get<std::string>() == long_text);
}

TEST_CASE("a refusal brings the daemon's lines") {
  FakeDaemon daemon(answering(R"({"ok":false,"errors":["f:1:2: error: no","f:3:4: error: no"]})"));
  const auto failure = failure_of(daemon.runtime_dir());
  CHECK(failure.exit_code == exit_failed);
  CHECK(failure.refused);
  CHECK(failure.lines == std::vector<std::string>{"f:1:2: error: no", "f:3:4: error: no"});
}

TEST_CASE("no daemon") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/control.sock";
  const std::string expected = "holdfastd is not running (no answer at " + path +
                               "); start it with `systemctl start holdfast`, or name its --runtime-dir; or it fails "
                               "to start: see `holdfast validate` and `journalctl -u holdfast`";
  SECTION("no socket") {}
  SECTION("a socket that nobody serves any more") {
    const Fd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  const auto failure = failure_of(directory.path());
  CHECK(failure.exit_code == exit_no_daemon);
  CHECK(only_line(failure) == expected);
}

TEST_CASE("an answer that is none") {
  for (const char* text : {"", "{\"ok\":tr", "[]", "{}", "{\"ok\":1}", "\xff"}) {
    CAPTURE(text);
    FakeDaemon daemon(answering(text));
    const auto failure = failure_of(daemon.runtime_dir());
    CHECK(failure.exit_code == exit_failed);
    CHECK_FALSE(failure.refused);
    CHECK(only_line(failure).find("broke off") != std::string::npos);
  }
}

TEST_CASE("a refusal without a reason still says something") {
  for (const char* text : {R"({"ok":false})", R"({"ok":false,"errors":[3]})"}) {
    CAPTURE(text);
    FakeDaemon daemon(answering(text));
    CHECK(only_line(failure_of(daemon.runtime_dir())) ==
          "holdfastd refused without a reason; look at `journalctl -u holdfast`");
  }
}

TEST_CASE("a daemon that hangs is not waited for") {
  std::atomic<bool> done = false;
  FakeDaemon daemon([&](const std::string&, int) {
    while (!done) std::this_thread::sleep_for(5ms);
  });
  const auto failure = failure_of(daemon.runtime_dir(), 50ms);
  done = true;
  CHECK(failure.exit_code == exit_failed);
  CHECK(failure.timed_out);
  CHECK_FALSE(failure.refused);
  CHECK(only_line(failure).find("did not answer at " + daemon.runtime_dir() + "/control.sock within 50 ms") !=
        std::string::npos);
}

TEST_CASE("a path that no socket can have") {
  CHECK(only_line(failure_of("/" + std::string(200, 'x'))).find("use a shorter --runtime-dir") != std::string::npos);
}
