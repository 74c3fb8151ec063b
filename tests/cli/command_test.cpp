// The program as people call it: what it prints where, and its exit code.
#include "cli/command.hpp"
#include "tests/cli/fake_daemon.hpp"

#include <sys/wait.h>

#include <fstream>
#include <iterator>

using namespace holdfast;

namespace {

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

Outcome run(const std::string& arguments, const std::string& input = "/dev/null") {
  const TemporaryDirectory directory;
  const auto content = [&](const char* name) {
    std::ifstream file(directory.path() + "/" + name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string command = std::string(HOLDFAST_BINARY) + " " + arguments + " >" + directory.path() + "/out 2>" +
                              directory.path() + "/err <" + input;
  const int status = std::system(command.c_str());
  REQUIRE(WIFEXITED(status));
  return {WEXITSTATUS(status), content("out"), content("err")};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("help and version") {
  CHECK(run("--help").exit_code == exit_done);
  CHECK(contains(run("--help").out, "Examples:"));
  CHECK(contains(run("status --help").out, "--runtime-dir"));
  CHECK(run("--version").out == "holdfast " HOLDFAST_VERSION "\n");
}

TEST_CASE("wrong usage") {
  for (const char* arguments :
       {"", "--nonsense", "status --watch", "status a b", "validate --node a --all-nodes", "reload x"}) {
    CAPTURE(arguments);
    const Outcome outcome = run(arguments);
    CHECK(outcome.exit_code == exit_usage);
    CHECK(outcome.out.empty());
    CHECK_FALSE(outcome.err.empty());
  }
  const Outcome mistyped = run("validat x");
  CHECK(mistyped.exit_code == exit_usage);
  CHECK(mistyped.err == "holdfast has no subcommand `validat`; did you mean `validate`?\n");
}

TEST_CASE("without a daemon") {
  const TemporaryDirectory empty;
  for (const std::string command : {"status", "status --json", "reload"}) {
    CAPTURE(command);
    const Outcome outcome = run(command + " --runtime-dir " + empty.path());
    CHECK(outcome.exit_code == exit_no_daemon);
    CHECK(outcome.out.empty());
    CHECK(outcome.err == "holdfastd is not running (no answer at " + empty.path() +
                             "/control.sock); start it with `systemctl start holdfast`, or name its --runtime-dir; or "
                             "it fails to start: see `holdfast validate` and `journalctl -u holdfast`\n");
  }
}

TEST_CASE("status") {
  std::string received;
  FakeDaemon daemon([&](const std::string& request, int socket) {
    received = request;
    answering(R"({"ok":true,"status":{"node":"web-1","instances":[{"name":"a","state":"active"},{"name":"b"}]}})")(
        request, socket);
  });
  const std::string runtime = " --runtime-dir " + daemon.runtime_dir();
  CHECK(contains(run("status" + runtime).out, "a: ACTIVE"));
  CHECK(received == R"({"command":"status"})");
  CHECK(contains(run(runtime + " status").out, "a: ACTIVE"));
  CHECK_FALSE(contains(run("status b" + runtime).out, "a: ACTIVE"));
  CHECK(run("status b --json" + runtime).out ==
        "{\n  \"node\": \"web-1\",\n  \"instances\": [\n    {\n      \"name\": \"b\"\n    }\n  ]\n}\n");
  const Outcome unknown = run("status c" + runtime);
  CHECK(unknown.exit_code == exit_failed);
  CHECK(unknown.err == "there is no instance called c; the instances are: a b\n");
}

TEST_CASE("reload") {
  SECTION("with changes") {
    FakeDaemon daemon(
        answering(R"({"ok":true,"changes":["instance a: priority 100 -> 90"],"warnings":["f:1:1: warning: hm"]})"));
    const Outcome outcome = run("reload --runtime-dir " + daemon.runtime_dir());
    CHECK(outcome.exit_code == exit_done);
    CHECK(outcome.out == "instance a: priority 100 -> 90\n");
    CHECK(outcome.err == "f:1:1: warning: hm\n");
  }
  SECTION("without") {
    FakeDaemon daemon(answering(R"({"ok":true,"changes":[],"warnings":[]})"));
    CHECK(run("reload --runtime-dir " + daemon.runtime_dir()).out == "nothing has changed\n");
  }
  SECTION("refused") {
    FakeDaemon daemon(answering(R"({"ok":false,"errors":["f:1:2: error: no"]})"));
    const Outcome outcome = run("reload --runtime-dir " + daemon.runtime_dir());
    CHECK(outcome.exit_code == exit_failed);
    CHECK(outcome.out.empty());
    CHECK(outcome.err == "f:1:2: error: no\nnothing was changed: the configuration in force stays in force\n");
  }
}

TEST_CASE("validate") {
  const std::string file = SOURCE_DIR "/etc/one-file-for-all.yaml";
  const Outcome all = run("validate --all-nodes " + file);
  CHECK(all.exit_code == exit_done);
  CHECK(all.err.empty());
  CHECK(all.out == file + ": valid: 2 instances, 1 check for node web-1\n" + file +
                       ": valid: 2 instances, 1 check for node web-2\n" + file +
                       ": valid: 2 instances, 1 check for node web-3\n");
  CHECK(run("validate --node web-2 " + file).out == file + ": valid: 2 instances, 1 check for node web-2\n");
  const Outcome stranger = run("validate --node web-9 " + file);
  CHECK(stranger.exit_code == exit_failed);
  CHECK(stranger.out.empty());
  CHECK(contains(stranger.err, ": error: `per_node` does not name this node, `web-9`"));
  CHECK(run("validate /nowhere").exit_code == exit_failed);
}

TEST_CASE("validate reads stdin") {
  const std::string file = SOURCE_DIR "/etc/one-file-for-all.yaml";
  CHECK(run("validate --node web-2 -", file).out == "stdin: valid: 2 instances, 1 check for node web-2\n");
  CHECK(contains(run("validate --all-nodes -", file).out, "for node web-3\n"));
  const Outcome nothing = run("validate -");
  CHECK(nothing.exit_code == exit_failed);
  CHECK(contains(nothing.err, "stdin: error: the file is empty"));
}

TEST_CASE("validate looks at this host, and only for this host") {
  const TemporaryDirectory directory;
  const std::string file = directory.path() + "/f.yaml";
  std::ofstream(file) << "instances:\n  w: {interface: no-such-if, vrid: 1, addresses: [10.0.0.1]}\n"
                         "per_node: {elsewhere: {}}\nnode: elsewhere\n";
  const Outcome here = run("validate " + file);
  CHECK(here.exit_code == exit_done);
  CHECK(contains(here.err, file + ": warning: instance `w`: this host has no interface `no-such-if` now; it has "));
  CHECK(run("validate --node elsewhere " + file).err.empty());
  CHECK(run("validate --all-nodes " + file).err.empty());
}
