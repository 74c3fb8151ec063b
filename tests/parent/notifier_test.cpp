// The notifier with real processes: who is run, with what, and what becomes of it.
#include "parent/notifier.hpp"

#include "parent/message_ids.hpp"
#include "tests/parent/loop_support.hpp"
#include "tests/parent/temp_folder.hpp"

#include <fcntl.h>
#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>

using namespace holdfast;
using namespace holdfast::testing;
using namespace std::chrono_literals;

namespace {

struct Daemon {
  EventLoop loop;
  TempFolder folder;
  std::vector<JournalEntry> log;
  Config config;
  std::unique_ptr<Notifier> notifier;

  explicit Daemon(Fd helper = Fd()) {
    notifier = std::make_unique<Notifier>(
        loop, Notifier::Setup{{}, {60'999, 60'999, {}}, {std::move(helper), "helper"}, [this](JournalEntry entry) {
                                log.push_back(std::move(entry));
                              }});
    config.node = "web-1";
    InstanceConfig instance;
    instance.router.name = "VI_1";
    config.instances.push_back(instance);
  }
  // A target whose script appends its arguments to a file, then goes on with `more`.
  void command(const std::string& name, const std::string& more = "true") {
    const std::string script = "echo $* >> " + folder.file(name) + "; " + more;
    config.notify.push_back({name,
                             {NotifyEvent::active, NotifyEvent::backup},
                             {},
                             20s,
                             NotifyCommand{{"/bin/sh", "-c", script, "script"}, ""}});
  }
  void transition(const char* from, const char* to) {
    notifier->on({LogLevel::notice,
                  "",
                  message_id::transition,
                  {{"HOLDFAST_INSTANCE", "VI_1"}, {"HOLDFAST_FROM", from}, {"HOLDFAST_TO", to}}});
  }
  std::string written(const std::string& name) {
    std::ifstream file(folder.file(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  bool logged(const std::string& text) const {
    return std::any_of(log.begin(), log.end(),
                       [&](const JournalEntry& entry) { return entry.text.find(text) != std::string::npos; });
  }
  bool waits_for_log(const std::string& text) {
    return run_until(loop, [&] { return logged(text); });
  }
};

}  // namespace

TEST_CASE("a script that fails does not keep the others from what comes") {
  Daemon daemon;
  daemon.command("good");
  daemon.command("bad", "echo oh dear; exit 3");
  daemon.notifier->configure(daemon.config);
  daemon.transition("initialize", "backup");
  CHECK(daemon.written("good").empty());  // never from inside on()
  daemon.transition("backup", "active");
  const std::string both = "INSTANCE VI_1 BACKUP 100\nINSTANCE VI_1 MASTER 100\n";
  CHECK(run_until(daemon.loop, [&] { return daemon.written("good") == both && daemon.written("bad") == both; }));
  CHECK(daemon.waits_for_log("target bad was not notified: exited with status 3: oh dear"));
  CHECK(run_until(daemon.loop, [&] { return daemon.notifier->targets()[1].counters.failed == 2; }));
  CHECK(run_until(daemon.loop, [&] { return daemon.notifier->targets()[0].counters.sent == 2; }));
}

TEST_CASE("a program that says nothing sensible has not delivered anything") {
  Daemon daemon(Fd(open("/bin/true", O_RDONLY | O_CLOEXEC)));
  daemon.config.notify.push_back({"hook", {NotifyEvent::active}, {}, 20s, NotifyWebhook{}});
  daemon.notifier->configure(daemon.config);
  daemon.transition("backup", "active");
  CHECK(daemon.waits_for_log(
      "target hook was not notified: holdfast-notify failed: exited with status 0; next attempt in 5s"));
  CHECK(daemon.notifier->targets()[0].counters.queued == 1);
}

TEST_CASE("a target is tested past its queue") {
  Daemon daemon;
  daemon.command("slow", "sleep 1000");
  daemon.notifier->configure(daemon.config);
  daemon.transition("backup", "active");
  REQUIRE(run_until(daemon.loop, [&] { return !daemon.written("slow").empty(); }));
  std::optional<Result<std::string>> answer;
  daemon.notifier->test("slw", [&](const Result<std::string>& result) { answer = result; });
  REQUIRE(answer);
  CHECK(answer->error().text == "there is no target called 'slw'; did you mean `slow`?");
  daemon.notifier->test("slow", [](const Result<std::string>&) {});
  CHECK(run_until(daemon.loop,
                  [&] { return daemon.written("slow") == "INSTANCE VI_1 MASTER 100\nINSTANCE VI_1 MASTER 100\n"; }));
}

TEST_CASE("the end waits for what is quick, and not for what hangs") {
  Daemon daemon;
  const bool hangs = GENERATE(false, true);
  CAPTURE(hangs);
  daemon.command("last", hangs ? "sleep 1000" : "sleep 0.2; echo done >> " + daemon.folder.file("done"));
  daemon.notifier->configure(daemon.config);
  daemon.transition("active", "backup");
  bool closed = false;
  daemon.notifier->close([&] { closed = true; });
  CHECK_FALSE(closed);
  CHECK(run_until(daemon.loop, [&] { return closed; }));
  CHECK(daemon.written("done") == (hangs ? "" : "done\n"));
}

TEST_CASE("a move is told as done or failed, and goes with its instance") {
  Daemon daemon;
  MoveConfig move;
  move.argv = {"/bin/sh", "-c", "test -e " + daemon.folder.file("api"), "move"};
  move.retry = 100ms;
  daemon.config.instances[0].move = move;
  daemon.notifier->configure(daemon.config);
  CHECK_FALSE(daemon.notifier->move("VI_2"));
  daemon.transition("initialize", "backup");  // not among its `on`
  daemon.transition("backup", "active");
  CHECK(daemon.waits_for_log("VI_1: move for state active failed: exited with status 1; next attempt in"));
  CHECK(daemon.notifier->move("VI_1")->failed >= 1);
  std::ofstream(daemon.folder.file("api")) << "";
  CHECK(daemon.waits_for_log("VI_1: move for state active succeeded at attempt"));
  CHECK(daemon.notifier->move("VI_1")->state == MoveQueue::State::idle);
  daemon.config.instances[0].move.reset();
  daemon.notifier->configure(daemon.config);
  CHECK_FALSE(daemon.notifier->move("VI_1"));
}
