// The nginx probe against stand-ins: a process with a child for master and worker, and a tiny server. Real nginx is asked
// in tests/system/nginx_check_test.py.
#include "checker_child/probes/nginx_probe.hpp"

#include "tests/checker_child/support.hpp"

#include <atomic>
#include <mutex>

using namespace holdfast;
using namespace holdfast::test;

namespace {

// A process with one child, or without.
class Master {
 public:
  explicit Master(bool with_worker = true) {
    int ready[2];
    REQUIRE(pipe(ready) == 0);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      const bool speaks = !with_worker || fork() == 0;
      prctl(PR_SET_PDEATHSIG, SIGKILL);  // before it speaks: nobody is killed until then
      if (speaks) {
        [[maybe_unused]] const auto said = write(ready[1], "x", 1);
      }
      for (;;) pause();
    }
    char byte = 0;
    [[maybe_unused]] const auto got = read(ready[0], &byte, 1);
    close(ready[0]);
    close(ready[1]);
  }
  Master(const Master&) = delete;
  Master& operator=(const Master&) = delete;
  ~Master() { end(); }

  pid_t pid() const { return pid_; }
  void end() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
};

std::string response(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

const std::string good_numbers =
    "Active connections: 12 \nserver accepts handled requests\n 3 3 4 \nReading: 0 Writing: 1 Waiting: 11 \n";

struct Bench {
  std::mutex mutex;
  std::string page = response("200 OK", "welcome");
  std::string numbers = response("200 OK", good_numbers);
  std::atomic<bool> silent = false;
  std::atomic<int> asked = 0;
  Server server{[this](int connection) {
    const std::string request = read_until(connection, "\r\n\r\n");
    ++asked;
    if (silent) return wait_for_close(connection);
    const std::lock_guard lock(mutex);
    write_all(connection, request.find("GET /numbers ") == 0 ? numbers : page);
  }};

  EventLoop loop;
  HttpClient client{loop};
  Recorder recorder;
  TempFolder folder;
  NginxProbe what;
  std::unique_ptr<NginxProbeRunner> runner;

  explicit Bench(bool with_numbers = false) {
    what.pid_file = folder.file("nginx.pid");
    what.page.url = "http://" + server.text() + "/";
    if (with_numbers) what.stub_status = "http://" + server.text() + "/numbers";
    runner = std::make_unique<NginxProbeRunner>(loop, client, what, recorder.sink());
  }

  ProbeResult probe() { return run_once(loop, *runner, recorder); }
  void answer(std::string& part, const std::string& text) {
    const std::lock_guard lock(mutex);
    part = text;
  }
  void write_pid(pid_t pid) { write_file(what.pid_file, std::to_string(pid) + "\n"); }
};

}  // namespace

TEST_CASE("nginx: master, worker and page make it up") {
  Bench bench;
  Master nginx;
  bench.write_pid(nginx.pid());
  const auto result = bench.probe();
  CHECK(result.good);
  CHECK(result.detail == "answered 200");
  bench.answer(bench.page, response("500 Oh", ""));
  CHECK_FALSE(bench.probe().good);
  CHECK(bench.probe().detail == "answered 500, wanted 200-399");
  bench.server.stop();
  CHECK(bench.probe().detail == "connect to " + bench.server.text() + ": Connection refused");
}

TEST_CASE("nginx: without its master a page is not enough, and is not asked for") {
  Bench bench;
  const auto result = bench.probe();
  CHECK_FALSE(result.good);
  CHECK(result.detail == "cannot read " + bench.what.pid_file + ": No such file or directory");
  CHECK(bench.asked == 0);
}

TEST_CASE("nginx: a page that somebody else answers") {
  Bench bench;
  Master nginx(false);
  bench.write_pid(nginx.pid());
  const std::string no_worker = "nginx's master process " + std::to_string(nginx.pid()) + " has no worker";
  auto result = bench.probe();
  CHECK_FALSE(result.good);
  CHECK(result.detail == "answered 200, but not from nginx: " + no_worker);
  bench.answer(bench.page, response("500 Oh", ""));
  result = bench.probe();
  CHECK_FALSE(result.good);
  CHECK(result.detail == "answered 500, wanted 200-399; " + no_worker);
}

TEST_CASE("nginx: the master's death is an event") {
  Bench bench;
  Master nginx;
  const auto pid = nginx.pid();
  bench.write_pid(pid);
  const std::string obituary = "process " + std::to_string(pid) + " of " + bench.what.pid_file + " has exited";
  SECTION("between runs") {
    REQUIRE(bench.probe().good);
    nginx.end();
    REQUIRE(run_until(bench.loop, [&] { return !bench.recorder.events.empty(); }));
    CHECK(bench.recorder.finished.size() == 1);
  }
  SECTION("while its page is awaited, which then counts for nothing") {
    bench.silent = true;
    bench.runner->start(7);
    REQUIRE(run_until(bench.loop, [&] { return bench.asked == 1; }));
    CHECK(bench.runner->waiting_for() == "GET " + bench.what.page.url);
    nginx.end();
    REQUIRE(run_until(bench.loop, [&] { return !bench.recorder.finished.empty(); }));
    CHECK(bench.recorder.finished.size() == 1);
    CHECK(bench.recorder.finished.back().run == 7);
    CHECK_FALSE(bench.recorder.finished.back().result.good);
    CHECK(bench.recorder.finished.back().result.detail == obituary);
  }
  REQUIRE(bench.recorder.events.size() == 1);
  CHECK_FALSE(bench.recorder.events.back().good);
  CHECK(bench.recorder.events.back().detail == obituary);
}

TEST_CASE("nginx: a new master asks for a look, and claims nothing") {
  Bench bench;
  Master first;
  bench.write_pid(first.pid());
  REQUIRE(bench.probe().good);
  Master second;
  SECTION("after the old one died") {
    first.end();
    REQUIRE(run_until(bench.loop, [&] { return !bench.recorder.events.empty(); }));
    bench.write_pid(second.pid());
  }
  SECTION("beside the old one, as in an upgrade of the binary") {
    std::filesystem::rename(bench.what.pid_file, bench.what.pid_file + ".oldbin");
    bench.write_pid(second.pid());
  }
  REQUIRE(run_until(bench.loop, [&] { return bench.recorder.looks_wanted > 0; }));
  for (const auto& event : bench.recorder.events) CHECK_FALSE(event.good);
  CHECK(bench.recorder.finished.size() == 1);
  const auto deaths = bench.recorder.events.size();
  first.end();
  CHECK(bench.probe().good);
  CHECK(bench.recorder.events.size() == deaths);
}

TEST_CASE("nginx: stub_status") {
  Bench bench(true);
  Master nginx;
  bench.write_pid(nginx.pid());
  const std::string at = "stub_status at " + bench.what.stub_status;
  CHECK(bench.probe().good);
  CHECK(bench.probe().detail == "answered 200; 12 connections");
  bench.answer(bench.numbers, response("200 OK", "welcome"));
  CHECK_FALSE(bench.probe().good);
  CHECK(bench.probe().detail == at + " shows no numbers of connections; is `stub_status;` in that location?");
  bench.answer(bench.numbers, response("404 No", good_numbers));
  CHECK_FALSE(bench.probe().good);
  CHECK(bench.probe().detail == at + " answered 404, wanted 200");
  bench.answer(bench.numbers, "");
  CHECK_FALSE(bench.probe().good);
  CHECK(bench.probe().detail == at + ": " + bench.server.text() + " closed the connection without an answer");
}

TEST_CASE("nginx: a run given up reports nothing, and the next one works") {
  Bench bench(true);
  Master nginx;
  bench.write_pid(nginx.pid());
  bench.silent = true;
  bench.runner->start(1);
  REQUIRE(run_until(bench.loop, [&] { return bench.asked == 1; }));
  bench.runner->cancel();
  CHECK_FALSE(run_until(
      bench.loop, [&] { return !bench.recorder.finished.empty(); }, 50ms));
  bench.silent = false;
  CHECK(bench.probe().good);
}
