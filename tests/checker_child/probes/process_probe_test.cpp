// The process probe against real processes and pid files.
#include "checker_child/probes/process_probe.hpp"

#include "tests/checker_child/support.hpp"

#include <sys/stat.h>

#include <future>

using namespace holdfast;
using namespace holdfast::test;

namespace {

struct Bench {
  EventLoop loop;
  Recorder recorder;
  TempFolder folder;
  std::string pid_file = folder.file("nginx.pid");
  ProcessProbeRunner runner;

  explicit Bench(const std::string& name = "")
      : runner(loop, {.pid_file = name.empty() ? pid_file : "", .name = name}, recorder.sink()) {}

  ProbeResult probe() { return run_once(loop, runner, recorder); }
  bool event_comes() {
    const auto before = recorder.events.size();
    return run_until(loop, [&] { return recorder.events.size() > before; });
  }
  void write_pid(pid_t pid) { write_file(pid_file, std::to_string(pid) + "\n"); }
  std::string process(pid_t pid) const { return "process " + std::to_string(pid) + " of " + pid_file; }
};

}  // namespace

TEST_CASE("process: alive by its pid file") {
  Bench bench;
  Sleeper nginx;
  bench.write_pid(nginx.pid());
  for (int i = 0; i < 3; ++i) {
    const auto result = bench.probe();
    CHECK(result.good);
    CHECK(result.detail == bench.process(nginx.pid()) + " is running");
  }
  CHECK(bench.recorder.events.empty());
}

TEST_CASE("process: its death is an event, also while its parent has not noticed") {
  Bench bench;
  Sleeper nginx;
  const auto pid = nginx.pid();
  bench.write_pid(pid);
  REQUIRE(bench.probe().good);
  SECTION("reaped") { nginx.kill_and_reap(); }
  SECTION("a zombie") { nginx.kill_only(); }
  REQUIRE(bench.event_comes());
  CHECK_FALSE(bench.recorder.events.back().good);
  CHECK(bench.recorder.events.back().detail == bench.process(pid) + " has exited");

  const auto later = bench.probe();
  CHECK_FALSE(later.good);
  CHECK(later.detail == bench.process(pid) + " has exited");
}

TEST_CASE("process: a look that comes between the death and its event does not swallow it") {
  Bench bench;
  Sleeper nginx;
  bench.write_pid(nginx.pid());
  REQUIRE(bench.probe().good);
  SECTION("a run") {
    nginx.kill_and_reap();
    CHECK_FALSE(bench.probe().good);
  }
  SECTION("the pid file is written") {
    const auto pid = nginx.pid();
    nginx.kill_and_reap();
    bench.write_pid(pid);
    REQUIRE(bench.event_comes());
  }
  REQUIRE(bench.recorder.events.size() == 1);
  CHECK_FALSE(bench.recorder.events.back().good);
}

TEST_CASE("process: dead before the first look") {
  Bench bench;
  Sleeper nginx;
  const auto pid = nginx.pid();
  bench.write_pid(pid);
  SECTION("gone") {
    nginx.kill_and_reap();
    CHECK(bench.probe().detail == bench.process(pid) + " is not running");
  }
  SECTION("a zombie") {
    nginx.kill_only();
    siginfo_t info{};
    REQUIRE(waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) == 0);
    CHECK(bench.probe().detail ==
          bench.process(pid) + " has exited and only waits for its parent to notice (a zombie)");
  }
  CHECK_FALSE(bench.recorder.finished.back().result.good);
}

TEST_CASE("process: a restart is seen when the pid file is written") {
  Bench bench;
  Sleeper first;
  bench.write_pid(first.pid());
  REQUIRE(bench.probe().good);
  first.kill_and_reap();
  REQUIRE(bench.event_comes());
  Sleeper second;
  const auto how = GENERATE(as<std::string>{}, "written in place", "removed and written anew", "moved there");
  CAPTURE(how);
  if (how == "removed and written anew") std::filesystem::remove(bench.pid_file);
  if (how != "moved there") {
    bench.write_pid(second.pid());
  } else {
    write_file(bench.folder.file("new"), std::to_string(second.pid()));
    std::filesystem::rename(bench.folder.file("new"), bench.pid_file);
  }
  REQUIRE(bench.event_comes());
  CHECK(bench.recorder.events.back().good);
  CHECK(bench.recorder.events.back().detail == bench.process(second.pid()) + " is running");
  second.kill_and_reap();  // and its death is an event again
  REQUIRE(bench.event_comes());
  CHECK_FALSE(bench.recorder.events.back().good);
}

TEST_CASE("process: other files in the pid file's directory mean nothing") {
  Bench bench;
  CHECK_FALSE(bench.probe().good);
  Sleeper other;
  write_file(bench.folder.file("other.pid"), std::to_string(other.pid()));
  CHECK_FALSE(run_until(
      bench.loop, [&] { return !bench.recorder.events.empty(); }, 50ms));
}

TEST_CASE("process: the directory of the pid file may come later and go") {
  Bench bench;
  EventLoop& loop = bench.loop;
  Recorder recorder;
  const std::string directory = bench.folder.file("run");
  ProcessProbeRunner runner(loop, {.pid_file = directory + "/nginx.pid", .name = ""}, recorder.sink());
  Sleeper nginx;
  for (int round = 0; round < 2; ++round) {
    CHECK_FALSE(run_once(loop, runner, recorder).good);
    std::filesystem::create_directory(directory);
    CHECK_FALSE(run_once(loop, runner, recorder).good);  // watches it from now on
    const auto before = recorder.events.size();
    write_file(directory + "/nginx.pid", std::to_string(nginx.pid()));
    if (round == 0) REQUIRE(run_until(loop, [&] { return recorder.events.size() > before; }));
    std::filesystem::remove_all(directory);
    run_until(
        loop, [] { return false; }, 20ms);
  }
}

TEST_CASE("process: pid files that name no process") {
  Bench bench;
  const auto [text, reason] = GENERATE(table<std::string, std::string>({
      {"", " is empty"},
      {"nginx\n", " does not begin with a process id but with 'nginx'"},
      {"0\n", " names process 0, which cannot exist"},
      {"-5\n", " names process -5, which cannot exist"},
      {std::string(10000, '7'), " is too large for a pid file"},
      {std::to_string(getpid()), " names process " + std::to_string(getpid()) + ", which is this checker itself"},
  }));
  write_file(bench.pid_file, text);
  const auto result = bench.probe();
  CHECK_FALSE(result.good);
  CHECK(result.detail == bench.pid_file + reason);
}

TEST_CASE("process: pid files that cannot be read") {
  Bench bench;
  SECTION("missing") { CHECK(bench.probe().detail == "cannot read " + bench.pid_file + ": No such file or directory"); }
  SECTION("a directory") {
    std::filesystem::create_directory(bench.pid_file);
    CHECK(bench.probe().detail == "cannot read " + bench.pid_file + ": it is not a regular file");
  }
  SECTION("a FIFO does not make it wait") {
    REQUIRE(mkfifo(bench.pid_file.c_str(), 0600) == 0);
    CHECK(bench.probe().detail == "cannot read " + bench.pid_file + ": it is not a regular file");
  }
  CHECK_FALSE(bench.recorder.finished.back().result.good);
}

TEST_CASE("process: a thread's number is no process") {
  Bench bench;
  std::promise<pid_t> id;
  std::promise<void> end;
  std::thread thread([&] {
    id.set_value(gettid());
    end.get_future().wait();
  });
  bench.write_pid(id.get_future().get());
  CHECK(bench.probe().detail.find(" is not a process but a thread of one") != std::string::npos);
  end.set_value();
  thread.join();
}

TEST_CASE("process: while it lives, its pid file may be away for a moment") {
  Bench bench;
  Sleeper nginx;
  bench.write_pid(nginx.pid());
  REQUIRE(bench.probe().good);
  const bool missing = GENERATE(true, false);
  if (missing)
    std::filesystem::remove(bench.pid_file);
  else
    write_file(bench.pid_file, "");
  run_until(
      bench.loop, [] { return false; }, 20ms);
  bench.runner.start(7);
  const auto before = bench.recorder.finished.size();
  SECTION("and comes back") {
    CHECK_FALSE(bench.runner.waiting_for().empty());
    bench.write_pid(nginx.pid());
    REQUIRE(run_until(bench.loop, [&] { return bench.recorder.finished.size() > before; }));
    CHECK(bench.recorder.finished.back().result.good);
  }
  SECTION("but not longer") {
    REQUIRE(run_until(bench.loop, [&] { return bench.recorder.finished.size() > before; }));
    CHECK_FALSE(bench.recorder.finished.back().result.good);
  }
  SECTION("and then it dies") {
    nginx.kill_and_reap();
    REQUIRE(run_until(bench.loop, [&] { return bench.recorder.finished.size() > before; }));
    CHECK_FALSE(bench.recorder.finished.back().result.good);
    CHECK(bench.recorder.events.size() == 1);
  }
  SECTION("or the run is given up") {
    bench.runner.cancel();
    CHECK_FALSE(run_until(
        bench.loop, [&] { return bench.recorder.finished.size() > before; }, 500ms));
  }
}

// ---- by name ----

TEST_CASE("process: by name") {
  Bench bench("hf-test-one");
  CHECK(bench.probe().detail == "no process named hf-test-one");
  CHECK_FALSE(bench.recorder.finished.back().result.good);
  Sleeper one("hf-test-one");
  const auto pid = one.pid();
  const std::string text = "process " + std::to_string(pid) + " named hf-test-one";
  CHECK(bench.probe().detail == text + " is running");
  CHECK(bench.probe().good);
  one.kill_only();
  REQUIRE(bench.event_comes());
  CHECK_FALSE(bench.recorder.events.back().good);
  CHECK(bench.recorder.events.back().detail == text + " has exited");
  CHECK(bench.probe().detail == "no process named hf-test-one");
}

TEST_CASE("process: names longer than the kernel keeps") {
  Bench bench("hf-test-long-name-of-a-program");
  Sleeper sleeper("hf-test-long-name-of-a-program");
  CHECK(bench.probe().good);
}

TEST_CASE("process: when one of two dies, the other is found at once") {
  Bench bench("hf-test-two");
  Sleeper older("hf-test-two");
  REQUIRE(bench.probe().detail.find(std::to_string(older.pid())) != std::string::npos);
  Sleeper newer("hf-test-two");
  older.kill_and_reap();
  REQUIRE(bench.event_comes());
  CHECK(bench.recorder.events.back().good);
  CHECK(bench.recorder.events.back().detail.find(std::to_string(newer.pid())) != std::string::npos);
}

TEST_CASE("process: workers that outlive their master do not count") {
  Bench bench("hf-test-master");
  int orders[2];
  int answers[2];
  REQUIRE(pipe(orders) == 0);
  REQUIRE(pipe(answers) == 0);
  const pid_t master = fork();
  REQUIRE(master >= 0);
  if (master == 0) {
    prctl(PR_SET_NAME, "hf-test-master");
    setsid();
    pid_t worker = getpid();  // first: "I am ready"
    do {
      [[maybe_unused]] const auto said = write(answers[1], &worker, sizeof worker);
      char order = 0;
      if (read(orders[0], &order, 1) != 1) _exit(1);
      worker = fork();
    } while (worker != 0);
    for (;;) pause();
  }
  const auto answer = [&] {
    pid_t pid = 0;
    REQUIRE(read(answers[0], &pid, sizeof pid) == sizeof pid);
    return pid;
  };
  REQUIRE(answer() == master);
  const bool seen_with_its_master = GENERATE(true, false);
  if (!seen_with_its_master) CHECK(bench.probe().good);
  REQUIRE(write(orders[1], "x", 1) == 1);
  const pid_t worker = answer();
  if (seen_with_its_master) CHECK(bench.probe().detail.find("process " + std::to_string(master)) == 0);
  kill(master, SIGKILL);
  waitpid(master, nullptr, 0);
  CHECK(bench.event_comes());
  CHECK_FALSE(bench.recorder.events.back().good);
  CHECK(kill(worker, 0) == 0);
  const std::string only_leftovers = "no process named hf-test-master but what a dead one left behind";
  CHECK(bench.probe().detail == only_leftovers);
  {
    Sleeper attempt("hf-test-master");  // a restart that fails
    CHECK(bench.probe().good);
  }
  CHECK(bench.event_comes());
  CHECK_FALSE(bench.recorder.events.back().good);
  CHECK(bench.probe().detail == only_leftovers);
  kill(worker, SIGKILL);
  for (const int fd : {orders[0], orders[1], answers[0], answers[1]}) close(fd);
}
