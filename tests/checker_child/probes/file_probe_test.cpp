// The file probe against a real directory.
#include "checker_child/probes/file_probe.hpp"

#include "tests/checker_child/support.hpp"

#include <sys/stat.h>

using namespace holdfast;
using namespace holdfast::test;

namespace {

namespace fs = std::filesystem;

struct Bench {
  EventLoop loop;
  Recorder recorder;
  TempFolder folder;
  std::string path;
  FileProbeRunner runner;

  explicit Bench(bool invert = false, const std::string& name = "switch")
      : path(folder.file(name)), runner(loop, {.path = path, .invert = invert}, recorder.sink()) {}

  ProbeResult probe() { return run_once(loop, runner, recorder); }
  // The next event.
  ProbeResult event() {
    const auto before = seen_++;
    REQUIRE(run_until(loop, [&] { return recorder.events.size() > before; }));
    return recorder.events[before];
  }
  bool quiet() {
    return !run_until(
        loop, [&] { return recorder.events.size() > seen_; }, 50ms);
  }

 private:
  std::size_t seen_ = 0;
};

}  // namespace

TEST_CASE("file: present is up, coming and going are events") {
  Bench bench;
  CHECK_FALSE(bench.probe().good);
  CHECK(bench.probe().detail == bench.path + " is not there");
  for (int i = 0; i < 2; ++i) {
    write_file(bench.path, "");
    const auto came = bench.event();
    CHECK(came.good);
    CHECK(came.detail == bench.path + " is there");
    fs::remove(bench.path);
    const auto went = bench.event();
    CHECK_FALSE(went.good);
    CHECK(went.detail == bench.path + " is not there");
  }
  write_file(bench.path, "");
  CHECK(bench.event().good);
  CHECK(bench.probe().good);
}

TEST_CASE("file: inverted, the maintenance switch") {
  Bench bench(true);
  CHECK(bench.probe().good);
  CHECK(bench.probe().detail == bench.path + " is not there");
  write_file(bench.path, "");
  CHECK_FALSE(bench.event().good);
  CHECK(bench.probe().detail == bench.path + " is there");
  fs::remove(bench.path);
  CHECK(bench.event().good);
}

TEST_CASE("file: moved there and away, replaced, other names, a directory") {
  Bench bench;
  CHECK_FALSE(bench.probe().good);
  write_file(bench.folder.file("other"), "");
  CHECK(bench.quiet());
  fs::rename(bench.folder.file("other"), bench.path);
  CHECK(bench.event().good);
  write_file(bench.folder.file("newer"), "");
  fs::rename(bench.folder.file("newer"), bench.path);
  CHECK(bench.quiet());
  fs::rename(bench.path, bench.folder.file("other"));
  CHECK_FALSE(bench.event().good);
  fs::create_directory(bench.path);
  CHECK(bench.event().good);
}

TEST_CASE("file: its directory comes and goes, however deep") {
  const bool invert = GENERATE(false, true);
  Bench bench(invert, "a/b/switch");
  CHECK(bench.probe().good == invert);
  CHECK(bench.probe().detail == bench.path + " is not there, nor is its directory");
  for (int i = 0; i < 2; ++i) {
    fs::create_directory(bench.folder.file("a"));
    fs::create_directory(bench.folder.file("a/b"));
    write_file(bench.path, "");
    CHECK(bench.event().good != invert);
    fs::remove_all(bench.folder.file("a"));
    CHECK(bench.event().good == invert);
  }
}

TEST_CASE("file: its directory is replaced by another one") {
  Bench bench(false, "a/b/switch");
  fs::create_directories(bench.folder.file("a/b"));
  CHECK_FALSE(bench.probe().good);
  fs::create_directories(bench.folder.file("new/b"));
  write_file(bench.folder.file("new/b/switch"), "");
  SECTION("the directory itself: an event") {
    fs::rename(bench.folder.file("a/b"), bench.folder.file("old"));
    fs::rename(bench.folder.file("new/b"), bench.folder.file("a/b"));
    CHECK(bench.event().good);
  }
  SECTION("one above it: the next run sees it, and watches the new one") {
    fs::rename(bench.folder.file("a"), bench.folder.file("old"));
    fs::rename(bench.folder.file("new"), bench.folder.file("a"));
    CHECK(bench.probe().good);
  }
  fs::remove(bench.path);
  CHECK_FALSE(bench.event().good);
}

TEST_CASE("file: what cannot be told is down, inverted too") {
  Bench bench(GENERATE(false, true));
  SECTION("a link that leads nowhere") {
    fs::create_symlink(bench.folder.file("nothing"), bench.path);
    CHECK(bench.probe().detail == bench.path + " is a link to what is not there");
  }
  SECTION("links in a circle") {
    fs::create_symlink(bench.path, bench.path);
    CHECK(bench.probe().detail ==
          "cannot tell whether " + bench.path + " is there: Too many levels of symbolic links");
  }
  CHECK_FALSE(bench.recorder.finished.back().result.good);
}

TEST_CASE("file: a directory that is a file") {
  Bench bench(true, "file/switch");
  write_file(bench.folder.file("file"), "");
  CHECK(bench.probe().detail == "cannot tell whether " + bench.path + " is there: Not a directory");
  CHECK_FALSE(bench.recorder.finished.back().result.good);
}

TEST_CASE("file: a directory that may not be searched") {
  if (geteuid() != 0) return;
  Bench bench(true, "closed/switch");
  fs::create_directory(bench.folder.file("closed"));
  REQUIRE(chmod(bench.folder.file("closed").c_str(), 0700) == 0);
  REQUIRE(seteuid(65534) == 0);
  const auto result = bench.probe();
  REQUIRE(seteuid(0) == 0);
  CHECK_FALSE(result.good);
  CHECK(result.detail.find(": Permission denied") != std::string::npos);
}
