#include "parent/command_runner.hpp"

#include "common/privileges.hpp"

#include "parent/command_exec.hpp"
#include "parent/unit_commands.hpp"
#include "tests/parent/fake_systemd.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

using namespace holdfast;
using namespace holdfast::testing;
using namespace std::chrono_literals;

namespace {

using Outcome = CommandResult::Outcome;

// The command program, opened, as holdfastd has it.
Fd command_program() { return Fd(open(HOLDFAST_COMMAND, O_RDONLY | O_CLOEXEC)); }

// What systemd offers, where it is there.
struct Units {
  FakeSystemd systemd;
  SystemBus bus;
  UnitCommands commands;
  explicit Units(PrivateBus& host)
      : systemd(host.loop, host.address), bus(host.loop, host.address), commands(host.loop, bus, command_program()) {}
};

// Each test runs twice: commands are children, and they are units of systemd.
struct Runner : PrivateBus {
  const bool as_units = GENERATE(false, true);
  std::unique_ptr<Units> units = as_units ? std::make_unique<Units>(*this) : nullptr;
  CommandRunner runner{loop, units ? &units->commands : nullptr};

  CommandResult run(std::vector<std::string> argv, Duration timeout = 20s, Account account = {}) {
    std::optional<CommandResult> result;
    runner.run({std::move(argv), account, timeout}, [&](const CommandResult& r) { result = r; });
    CHECK_FALSE(result);  // never from inside run()
    REQUIRE(run_until(loop, [&] { return result.has_value(); }));
    return *result;
  }
  CommandResult shell(const std::string& script, Duration timeout = 20s) {
    return run({"/bin/sh", "-c", script}, timeout);
  }
};

bool exists(pid_t pid) { return kill(pid, 0) == 0; }

}  // namespace

TEST_CASE_METHOD(Runner, "a command's exit status and output come back") {
  CommandResult result = shell("echo out; echo err >&2; exit 3");
  CHECK(result.outcome == Outcome::exited);
  CHECK(result.code == 3);
  CHECK_FALSE(result.ok());
  CHECK(result.output == "out\nerr\n");
  CHECK(result.text == "exited with status 3: out err");
  CHECK(run({"true"}).text == "exited with status 0");
  CHECK(shell("echo 3 servers").text == "exited with status 0: 3 servers");
  CHECK(shell("echo 3 servers").ok());
}

TEST_CASE_METHOD(Runner, "death by a signal is told") {
  const CommandResult result = shell("kill -SEGV $$");
  CHECK(result.outcome == Outcome::signalled);
  CHECK(result.code == SIGSEGV);
  CHECK(result.text == "was killed by signal 11 (Segmentation fault)");
}

TEST_CASE_METHOD(Runner, "what can't be started says why and is never ok") {
  const auto missing = run({"/nonexistent/check"});
  CHECK(missing.outcome == Outcome::not_started);
  CHECK_FALSE(missing.ok());
  CHECK_THAT(missing.text, Catch::Contains("'/nonexistent/check'") && Catch::Contains("does not exist"));
  CHECK_THAT(run({"no-such-program-here"}).text, Catch::Contains("there is no program 'no-such-program-here' in /usr"));
  CHECK_THAT(run({folder.write("plain", "#!/bin/sh\n", 0644)}).text, Catch::Contains("is not executable"));
  CHECK_THAT(run({folder.write("headless", "exit 0\n", 0755)}).text, Catch::Contains("first line like #!/bin/sh"));
  CHECK_THAT(run({folder.write("lost", "#!/no/such/sh\n", 0755)}).text, Catch::Contains("interpreter"));
  CHECK_THAT(run({""}).text, Catch::Contains("empty"));
}

TEST_CASE_METHOD(Runner, "the environment is clean, stdin is empty, nothing is inherited") {
  setenv("HOLDFAST_TEST_SECRET", "x", 1);
  const int leaked = open("/dev/zero", O_RDONLY);  // without O_CLOEXEC
  CHECK(shell("env | grep -v ^_= | grep -v ^PWD= | sort").output ==
        "LANG=C\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
  CHECK(shell("cat; pwd").output == "/\n");
  CHECK(shell("ls /proc/self/fd | tr '\\n' ' '").output == "0 1 2 3 ");  // 3 is ls's own
  CHECK(shell("grep -E 'SigBlk|SigIgn' /proc/self/status | cut -f2").output == "0000000000000000\n0000000000000000\n");
  close(leaked);
}

TEST_CASE_METHOD(Runner, "a command runs as its user") {
  if (geteuid() != 0) return;
  const auto account = find_account("daemon");
  REQUIRE(account);
  CHECK(run({"id", "-u", "-n"}, 20s, *account).output == "daemon\n");
  CHECK(run({"id", "-G", "-n"}, 20s, *account).output == "daemon\n");
  CHECK_THAT(find_account("nobody-has-this-name").error().text, Catch::Contains("no user 'nobody-has-this-name'"));
}

TEST_CASE_METHOD(Runner, "only the first output is kept, the rest does not block the command") {
  const CommandResult result = shell("head -c 3000000 /dev/zero | tr '\\0' x");
  CHECK(result.ok());
  CHECK(result.output.size() == CommandRunner::output_limit);
}

TEST_CASE_METHOD(Runner, "a command that writes without end costs next to nothing until its timeout") {
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  const CommandResult result = run({"yes"}, 1s);
  getrusage(RUSAGE_SELF, &after);
  CHECK(result.outcome == Outcome::timed_out);
  CHECK(result.output.size() == CommandRunner::output_limit);
  const auto used = [](const rusage& usage) {
    return std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) +
           std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
  };
  CHECK(used(after) - used(before) < result.took / 4);
}

TEST_CASE_METHOD(Runner, "a timeout ends the whole group") {
  const CommandResult result = shell("sleep 1000 & echo $!; wait", 300ms);
  CHECK(result.outcome == Outcome::timed_out);
  CHECK_THAT(result.text, Catch::StartsWith("timed out after 300ms"));
  const pid_t background = std::stoi(result.output);
  CHECK(run_until(loop, [&] { return !exists(background); }));
}

TEST_CASE_METHOD(Runner, "what ignores SIGTERM gets SIGKILL") {
  std::optional<CommandResult> result;
  const auto id = runner.run({{"/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"}, {}, 200ms},
                             [&](const CommandResult& r) { result = r; });
  REQUIRE(run_until(loop, [&] { return result.has_value(); }));
  CHECK(result->outcome == Outcome::timed_out);
  CHECK(result->took >= 200ms + CommandRunner::kill_grace);
  CHECK(run_until(loop, [&] { return !runner.alive(id); }));
}

TEST_CASE_METHOD(Runner, "a daemon started by a command ends the run, survives it, and may go on writing") {
  const std::string alive = folder.file("alive");
  const CommandResult result =
      shell("(sleep 0.3; echo still here; echo and here; touch " + alive + "; sleep 1000) & echo $!; exit 0");
  CHECK(result.ok());
  const pid_t left = std::stoi(result.output);
  CHECK(run_until(loop, [&] { return std::filesystem::exists(alive); }));
  CHECK(exists(left));
  kill(-getpgid(left), SIGKILL);
}

TEST_CASE_METHOD(Runner, "a command gets the environment and the input that it is given") {
  std::optional<CommandResult> done;
  std::string long_input(300'000, 'x');  // more than a pipe holds
  if (as_units) long_input.clear();      // only a program of ours is given some
  runner.run({{"/bin/sh", "-c", "echo $HOLDFAST_A; wc -c"}, {}, 20s, {"HOLDFAST_A=b c"}, long_input},
             [&](const CommandResult& result) { done = result; });
  REQUIRE(run_until(loop, [&] { return done.has_value(); }));
  CHECK(done->ok());
  CHECK(done->output == "b c\n" + std::to_string(long_input.size()) + "\n");
}

TEST_CASE_METHOD(Runner, "a program of ours runs without any privilege") {
  const auto ids = unallocated_users(1);
  const Fd program(open("/bin/cat", O_RDONLY | O_CLOEXEC));
  std::optional<CommandResult> done;
  Command command{
      {"cat", "/proc/self/status", "-"}, {ids.at(0).uid, ids.at(0).gid, {}}, 20s, {}, "the input", program.get()};
  runner.run(std::move(command), [&](const CommandResult& result) { done = result; });
  REQUIRE(run_until(loop, [&] { return done.has_value(); }));
  CAPTURE(done->output, done->text);
  CHECK(done->ok());
  const std::string id = std::to_string(ids.at(0).uid);
  for (const std::string& line :
       {"Uid:\t" + id + "\t" + id, std::string("CapEff:\t0000000000000000"), std::string("CapBnd:\t0000000000000000"),
        std::string("NoNewPrivs:\t1"), std::string("the input")}) {
    CAPTURE(line);
    CHECK(done->output.find(line) != std::string::npos);
  }
}

TEST_CASE_METHOD(Runner, "what a failed command leaves behind is ended") {
  const CommandResult result = shell("sleep 1000 & echo $!; exit 1");
  const pid_t left = std::stoi(result.output);
  CHECK(run_until(loop, [&] { return !exists(left); }));
}

TEST_CASE_METHOD(Runner, "a failed restart leaves what it has started, unless it took too long") {
  std::optional<CommandResult> done;
  const auto run_one = [&](const std::string& script, Duration timeout) {
    done.reset();
    Command command{{"/bin/sh", "-c", script}, {}, timeout};
    command.starts_daemon = true;
    runner.run(std::move(command), [&](const CommandResult& result) { done = result; });
    REQUIRE(run_until(loop, [&] { return done.has_value(); }));
    return std::stoi(done->output);
  };
  const pid_t left = run_one("sleep 1000 & echo $!; exit 1", 20s);
  CHECK(done->code == 1);
  run_for(loop, 200ms);
  CHECK(exists(left));
  kill(left, SIGKILL);
  const pid_t hung = run_one("sleep 1000 & echo $!; wait", 200ms);
  CHECK(run_until(loop, [&] { return !exists(hung); }));
}

TEST_CASE_METHOD(Runner, "a runner that goes takes its commands along") {
  const std::string file = folder.file("pid");
  pid_t pid = 0;
  {
    CommandRunner leaves(loop, units ? &units->commands : nullptr);
    leaves.run(
        {{"/bin/sh", "-c", "echo $$ > " + file + ".new; mv " + file + ".new " + file + "; exec sleep 1000"}, {}, 60s},
        [](const CommandResult&) { FAIL("nobody is there to be told"); });
    REQUIRE(run_until(loop, [&] { return std::filesystem::exists(file); }));
    std::ifstream(file) >> pid;
  }
  CHECK(run_until(loop, [&] { return waitpid(pid, nullptr, WNOHANG) != 0; }));
}

TEST_CASE_METHOD(Runner, "many commands at once") {
  std::size_t ended = 0;
  constexpr std::size_t count = 300;  // more than the bus lets anybody ask for at once
  for (std::size_t i = 0; i < count; ++i) {
    runner.run({{"true"}, {}, 60s}, [&](const CommandResult& result) {
      CHECK(result.ok());
      ++ended;
    });
  }
  CHECK(run_until(loop, [&] { return ended == count; }));
  if (units) CHECK(run_until(loop, [&] { return units->systemd.unreferenced == static_cast<int>(count); }));
}

namespace {

struct Host : PrivateBus {
  SystemBus bus{loop, address};
  UnitCommands commands{loop, bus, command_program()};
  CommandRunner runner{loop, &commands};
  std::optional<CommandResult> result;

  CommandRunner::RunId start(const std::string& script, Duration timeout = 60s) {
    result.reset();
    return runner.run({{"/bin/sh", "-c", script}, {}, timeout}, [&](const CommandResult& r) { result = r; });
  }
  std::string outcome() {
    REQUIRE(run_until(loop, [&] { return result.has_value(); }));
    CHECK_FALSE(result->ok());
    return result->text;
  }
};

}  // namespace

TEST_CASE_METHOD(Host, "without systemd on the bus, and without a bus, no command is started, and says so") {
  start("exit 0");
  CHECK_THAT(outcome(), Catch::StartsWith("systemd did not answer: "));
  CHECK(result->outcome == Outcome::unknown);
  end();
  run_until(loop, [&] { return start("exit 0"), outcome().find("the system bus cannot be reached: ") == 0; });
  CHECK_THAT(outcome(), Catch::Contains("the system bus cannot be reached: "));
}

TEST_CASE_METHOD(Host, "a bus that goes away fails the commands under way") {
  FakeSystemd systemd(loop, address);
  const auto id = start("sleep 1000");
  run_for(loop, 200ms);
  end();
  CHECK(outcome() == "the connection to the system bus was lost meanwhile");
  CHECK(result->outcome == Outcome::unknown);
  CHECK_FALSE(runner.alive(id));
}

TEST_CASE_METHOD(
    Host, "a command has its whole timeout, however late systemd starts it; one that it never starts is called off") {
  FakeSystemd systemd(loop, address);
  systemd.deaf = true;
  const auto began = loop.now();
  const auto id = start("exit 0", 100ms);
  CHECK(outcome() == "systemd has not started it within 10s");
  CHECK(loop.now() - began >= CommandRunner::answer_limit);
  CHECK(result->outcome == Outcome::unknown);
  CHECK(runner.alive(id));
}

TEST_CASE_METHOD(Host, "an end that was not heard is asked for") {
  FakeSystemd systemd(loop, address);
  systemd.mute = true;
  SECTION("once the command has taken too long") {
    const auto id = start("exit 0", 100ms);
    CHECK(outcome() == "timed out after 100ms");
    CHECK(run_until(loop, [&] { return !runner.alive(id); }));
  }
  SECTION("also where systemd does not know the unit any more") {
    const auto id = start("sleep 1000", 500ms);
    REQUIRE(run_until(loop, [&] { return systemd.started == 1; }));
    systemd.forget_units();
    CHECK(outcome() == "timed out after 500ms");
    CHECK(run_until(loop, [&] { return !runner.alive(id); }));
  }
  SECTION("when systemd comes back to the bus") {
    const std::string file = folder.file("ended");
    start("touch " + file + "; exit 7");
    REQUIRE(run_until(loop, [&] { return std::filesystem::exists(file); }));
    run_for(loop, 200ms);
    CHECK_FALSE(result);
    systemd.leave_bus();
    systemd.return_to_bus();
    CHECK(outcome() == "exited with status 7");
  }
}

TEST_CASE_METHOD(Host, "what is in doubt is killed before the next command is started") {
  std::optional<FakeSystemd> systemd(std::in_place, loop, address);
  systemd->deaf = true;
  const auto first = start("exit 0");
  run_for(loop, 200ms);
  systemd.reset();  // without an answer
  CHECK_THAT(outcome(), Catch::StartsWith("systemd did not answer: "));
  CHECK(result->outcome == Outcome::unknown);
  CHECK_FALSE(runner.alive(first));
  start("exit 5");  // waits for it
  run_for(loop, 500ms);
  CHECK_FALSE(result);
  systemd.emplace(loop, address);
  CHECK(outcome() == "exited with status 5");
  REQUIRE(systemd->calls.size() >= 3);
  systemd->calls.resize(3);
  CHECK(systemd->calls == std::vector<std::string>{"StopUnit", "KillUnit", "StartTransientUnit"});
}

TEST_CASE_METHOD(PrivateBus, "a daemon that leaves ends its commands first") {
  FakeSystemd systemd(loop, address);
  const std::string file = folder.file("pid");
  EventLoop own;
  {
    SystemBus bus(own, address);
    UnitCommands commands(own, bus, command_program());
    CommandRunner runner(own, &commands);
    runner.run(
        {{"/bin/sh", "-c", "echo $$ > " + file + ".new; mv " + file + ".new " + file + "; exec sleep 1000"}, {}, 60s},
        [](const CommandResult&) {});
    REQUIRE(run_until(loop, [&] {
      sd_event_run(own.raw(), 10'000);
      return std::filesystem::exists(file);
    }));
    bool closed = false;
    commands.close([&] { closed = true; });
    REQUIRE(run_until(loop, [&] {
      sd_event_run(own.raw(), 10'000);
      return closed;
    }));
  }
  pid_t pid = 0;
  std::ifstream(file) >> pid;
  CHECK(run_until(loop, [&] { return !exists(pid); }));
}

TEST_CASE_METHOD(PrivateBus, "a unit is not asked for with some input") {
  SystemBus bus(loop, address);
  UnitCommands commands(loop, bus, command_program());
  CommandRunner runner(loop, &commands);
  std::optional<CommandResult> result;
  runner.run({{"cat"}, {}, 20s, {}, "a secret"}, [&](const CommandResult& r) { result = r; });
  REQUIRE(run_until(loop, [&] { return result.has_value(); }));
  CHECK(result->outcome == Outcome::not_started);
  CHECK(result->text == "a command that is given some input cannot be a unit of systemd");
}

TEST_CASE_METHOD(PrivateBus, "a program that systemd can't run is told as such, and is no exit of the command") {
  FakeSystemd systemd(loop, address);
  SystemBus bus(loop, address);
  UnitCommands commands(loop, bus, Fd(open("/dev/null", O_RDONLY | O_CLOEXEC)));
  CommandRunner runner(loop, &commands);
  std::optional<CommandResult> result;
  runner.run({{"true"}, {}, 20s}, [&](const CommandResult& r) { result = r; });
  REQUIRE(run_until(loop, [&] { return result.has_value(); }));
  CHECK(result->outcome == Outcome::not_started);
  CHECK_THAT(result->text, Catch::Contains("holdfast-command"));
}

TEST_CASE("a command survives its way through bytes, and nothing else passes for one") {
  Command command{{"/bin/x", "a b", ""}, {1, 2, {3, 4}}, 1s, {"A=1", "B="}};
  auto bytes = encode_command(command);
  const auto again = decode_command(bytes);
  REQUIRE(again);
  CHECK(again->argv == command.argv);
  CHECK(again->environment == command.environment);
  CHECK(again->account.uid == 1u);
  CHECK(again->account.gid == 2u);
  CHECK(again->account.groups == std::vector<gid_t>{3, 4});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(decode_command(std::span(bytes).first(size)));
  }
  bytes.push_back(0);
  CHECK_FALSE(decode_command(bytes));
}
