// The event loop's sources, on a real loop.
#include "common/event_loop.hpp"

#include "common/fd.hpp"
#include "common/log.hpp"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    read_end = Fd(ends[0]);
    write_end = Fd(ends[1]);
  }
  void write_byte() { REQUIRE(write(write_end.get(), "x", 1) == 1); }
  Fd read_end;
  Fd write_end;
};

// Ends a test that waits for something that never comes.
struct Alarm {
  explicit Alarm(EventLoop& loop) : timer(loop, [&loop] { loop.exit(99); }) { timer.arm(loop.now() + 20s); }
  Timer timer;
};

}  // namespace

TEST_CASE("timers fire in the order of their times, never early, once per arm") {
  EventLoop loop;
  const Alarm alarm(loop);
  const TimePoint start = loop.now();
  std::vector<int> fired;
  bool early = false;
  Timer second(loop, [&] {
    early |= loop.now() < start + 20ms;
    fired.push_back(2);
  });
  Timer first(loop, [&] {
    early |= loop.now() < start + 10ms;
    fired.push_back(1);
  });
  Timer last(loop, [&] { loop.exit(7); });
  second.arm(start + 20ms);
  first.arm(start + 10ms);
  last.arm(start + 40ms);
  CHECK(loop.run() == 7);
  CHECK(fired == std::vector<int>{1, 2});
  CHECK_FALSE(early);
}

TEST_CASE("a descriptor that is always ready does not keep the loop busy beyond its rate") {
  EventLoop loop;
  const Alarm alarm(loop);
  Pipe pipe;
  pipe.write_byte();
  int turns = 0;
  IoWatch watch(loop, pipe.read_end.get(), EPOLLIN, [&](std::uint32_t) { ++turns; });
  watch.limit_rate(20ms, 3);
  Timer end(loop, [&] { loop.exit(7); });
  const TimePoint start = loop.now();
  end.arm(start + 100ms);
  CHECK(loop.run() == 7);
  CHECK(turns >= 6);                                                // it goes on
  CHECK(turns <= 3 * ((loop.now() - start) / Duration(20ms) + 2));  // however late we are
}

TEST_CASE("a timer may be moved, disarmed and armed again") {
  EventLoop loop;
  const Alarm alarm(loop);
  int fired = 0;
  Timer moved(loop, [&] { ++fired; });
  moved.arm(loop.now() + 1h);
  moved.arm(loop.now() - 1s);  // past: at once
  Timer disarmed(loop, [&] { loop.exit(1); });
  disarmed.arm(loop.now());
  disarmed.disarm();
  std::optional<Timer> end;
  end.emplace(loop, [&] {
    if (fired == 1) {
      moved.arm(TimePoint{});
      end->arm(loop.now() + 1ms);
    } else {
      loop.exit(0);
    }
  });
  end->arm(loop.now() + 5ms);
  CHECK(loop.run() == 0);
  CHECK(fired == 2);
}

TEST_CASE("of what is ready in one turn, the more urgent runs first") {
  EventLoop loop;
  const Alarm alarm(loop);
  Pipe pipe;
  std::vector<std::string> order;
  Timer idle(
      loop,
      [&] {
        order.push_back("idle");
        loop.exit(0);
      },
      LoopPriority::idle);
  std::optional<IoWatch> io;
  io.emplace(loop, pipe.read_end.get(), EPOLLIN, [&](std::uint32_t) {
    order.push_back("io");
    io.reset();
  });
  Timer urgent(
      loop, [&] { order.push_back("urgent"); }, LoopPriority::urgent);
  idle.arm(loop.now() - 1s);
  urgent.arm(loop.now() - 1s);
  pipe.write_byte();
  CHECK(loop.run() == 0);
  CHECK(order == std::vector<std::string>{"urgent", "io", "idle"});
}

TEST_CASE("an I/O watch fires while its descriptor is ready for what it watches") {
  EventLoop loop;
  const Alarm alarm(loop);
  Pipe pipe;
  int fired = 0;
  IoWatch watch(loop, pipe.read_end.get(), EPOLLIN, [&](std::uint32_t events) {
    CHECK((events & EPOLLIN) != 0);
    if (++fired == 3) loop.exit(0);  // the byte is still there: it fires again
  });
  CHECK(watch);
  CHECK_FALSE(IoWatch());
  pipe.write_byte();
  CHECK(loop.run() == 0);
  CHECK(fired == 3);
}

TEST_CASE("an I/O watch without events is silent") {
  EventLoop loop;
  Pipe pipe;
  IoWatch watch(loop, pipe.read_end.get(), EPOLLIN, [&](std::uint32_t) { loop.exit(1); });
  watch.set_events(0);
  pipe.write_byte();
  Timer end(
      loop, [&] { loop.exit(0); }, LoopPriority::idle);
  end.arm(loop.now());
  CHECK(loop.run() == 0);
}

TEST_CASE("a handler may destroy any source, its own included") {
  EventLoop loop;
  const Alarm alarm(loop);
  Pipe mine;
  Pipe others;
  std::optional<IoWatch> own;
  std::optional<IoWatch> other;
  std::optional<Timer> timer;
  int fired = 0;
  auto owned = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = owned;
  auto handler = [&, owned](std::uint32_t) {
    ++fired;
    own.reset();
    other.reset();
    CHECK_FALSE(watched.expired());  // what the handler owns lives until it returns
    timer->arm(loop.now());
  };
  own.emplace(loop, mine.read_end.get(), EPOLLIN, handler);
  other.emplace(loop, others.read_end.get(), EPOLLIN, std::move(handler));
  owned.reset();
  timer.emplace(loop, [&] {
    timer.reset();
    loop.exit(0);
  });
  mine.write_byte();
  others.write_byte();
  CHECK(loop.run() == 0);
  CHECK(fired == 1);
  CHECK(watched.expired());
}

TEST_CASE("an exception in a handler is logged and ends the loop with a failure") {
  EventLoop loop;
  std::string logged;
  set_log_sink([&](LogLevel level, std::string_view text) {
    CHECK(level == LogLevel::error);
    logged += text;
  });
  Timer timer(loop, [] { throw std::runtime_error("out of cheese"); });
  timer.arm(loop.now());
  CHECK(loop.run() == EXIT_FAILURE);
  CHECK(logged.find("out of cheese") != std::string::npos);
  set_log_sink([](LogLevel, std::string_view) {});
}

TEST_CASE("signals come through the loop") {
  EventLoop loop;
  const Alarm alarm(loop);
  const SignalWatch watch(loop, SIGUSR1, [&] { loop.exit(3); });
  raise(SIGUSR1);
  CHECK(loop.run() == 3);
}

TEST_CASE("the end of a child comes with its status, and it is reaped") {
  EventLoop loop;
  const Alarm alarm(loop);
  int status = -1;
  const bool killed = GENERATE(false, true);
  const pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    while (killed) pause();
    _exit(5);
  }
  const ChildWatch watch(loop, pid, [&](int its) {
    status = its;
    loop.exit(0);
  });
  if (killed) kill(pid, SIGKILL);
  CHECK(loop.run() == 0);
  if (killed) {
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGKILL);
  } else {
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 5);
  }
  CHECK(waitpid(pid, nullptr, WNOHANG) == -1);
}

TEST_CASE("after a turn runs what gathers") {
  EventLoop loop;
  const Alarm alarm(loop);
  std::vector<int> gathered;
  std::size_t flushed = 0;
  const AfterTurn flush(loop, [&] {
    flushed = gathered.size();
    if (flushed == 2) loop.exit(0);
  });
  Timer one(loop, [&] { gathered.push_back(1); });
  Timer two(loop, [&] { gathered.push_back(2); });
  one.arm(loop.now());
  two.arm(loop.now());
  CHECK(loop.run() == 0);
  CHECK(flushed == 2);
}

TEST_CASE("a path watch tells which entry of a directory changed, and when the directory goes") {
  EventLoop loop;
  const Alarm alarm(loop);
  std::string folder = (std::filesystem::temp_directory_path() / "holdfast-test-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()));
  std::vector<std::string> names;
  std::optional<PathWatch> watch;
  watch.emplace(loop, folder, IN_CLOSE_WRITE | IN_DELETE_SELF, [&](std::uint32_t mask, const std::string& name) {
    if ((mask & IN_CLOSE_WRITE) != 0) {
      names.push_back(name);
      std::filesystem::remove_all(folder);
    }
    if ((mask & IN_DELETE_SELF) != 0) {
      watch.reset();
      loop.exit(0);
    }
  });
  REQUIRE(*watch);
  std::ofstream(folder + "/a-file") << "text";
  CHECK(loop.run() == 0);
  CHECK(names == std::vector<std::string>{"a-file"});
}

TEST_CASE("a path that cannot be watched gives an empty watch") {
  EventLoop loop;
  const auto nothing = [](std::uint32_t, const std::string&) {};
  CHECK_FALSE(PathWatch());
  CHECK_FALSE(PathWatch(loop, "/no/such/directory", IN_CLOSE_WRITE, nothing));
  CHECK_FALSE(PathWatch(loop, "/proc/self/stat", IN_CLOSE_WRITE, nothing));  // no directory
}
