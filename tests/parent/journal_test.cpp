#include "parent/journal.hpp"

#include "parent/wall_clock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>

using namespace holdfast;

namespace {

struct Pipe {
  int read_end, write_end;
  Pipe() {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    close(read_end);
    if (write_end >= 0) close(write_end);
  }
  std::string rest() {
    close(write_end);
    write_end = -1;
    std::string all;
    std::array<char, 65536> buffer;
    for (ssize_t size; (size = read(read_end, buffer.data(), buffer.size())) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return all;
  }
};

JournalEntry entry(LogLevel level, const std::string& text) { return {level, text, nullptr, {}}; }

}  // namespace

TEST_CASE("a time of day reads as ISO 8601 in UTC") {
  using namespace std::chrono;
  CHECK(iso_time(WallTime(seconds(1795347000) + milliseconds(123))) == "2026-11-22T11:30:00.123Z");
  CHECK(iso_time(WallTime(seconds(0))) == "1970-01-01T00:00:00.000Z");
  const WallClock clock(WallTime(seconds(1795347000)), TimePoint(seconds(500)));
  CHECK(clock.text(TimePoint(seconds(440))) == "2026-11-22T11:29:00.000Z");
}

TEST_CASE("entries become lines, in order, without line breaks of their own") {
  Pipe pipe;
  {
    Journal journal(LogLevel::notice, Journal::Target::text, pipe.write_end);
    journal.write(entry(LogLevel::notice, "VI_1: backup -> active: why"));
    journal.write(entry(LogLevel::info, "not wanted"));
    journal.write(entry(LogLevel::error, "two\nlines"));
  }
  const std::string text = pipe.rest();
  CHECK_THAT(text, Catch::Matches("[-0-9]{10}T[0-9:.]{12}Z notice VI_1: backup -> active: why\n"
                                  "[-0-9]{10}T[0-9:.]{12}Z error two lines\n"));
}

TEST_CASE("a reader that does not read delays nobody; what is lost is counted") {
  Pipe pipe;
  std::string text;
  {
    Journal journal(LogLevel::info, Journal::Target::text, pipe.write_end);
    const std::string long_line(200, 'x');
    // More than pipe and queue can hold: if write() waited, this would never end.
    for (std::size_t i = 0; i < 3 * Journal::queue_limit; ++i) journal.write(entry(LogLevel::info, long_line));
    std::array<char, 65536> buffer;
    while (text.find("log entries lost because nobody took them: ") == std::string::npos) {
      const ssize_t size = read(pipe.read_end, buffer.data(), buffer.size());
      REQUIRE(size > 0);
      text.append(buffer.data(), static_cast<std::size_t>(size));
    }
  }
}

TEST_CASE("a reader that never reads does not hold the end up for long") {
  // Never closed: the journal's thread goes on hanging in its write.
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const auto before = std::chrono::steady_clock::now();
  {
    Journal journal(LogLevel::info, Journal::Target::text, ends[1]);
    const std::string long_line(1000, 'x');
    for (int i = 0; i < 200; ++i) journal.write(entry(LogLevel::info, long_line));
  }
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(15));
}

TEST_CASE("stderr is the journal exactly when systemd says so") {
  unsetenv("JOURNAL_STREAM");
  CHECK(Journal::target_of_stderr() == Journal::Target::text);
  struct stat status {};
  REQUIRE(fstat(STDERR_FILENO, &status) == 0);
  setenv("JOURNAL_STREAM", (std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino)).c_str(), 1);
  CHECK(Journal::target_of_stderr() == Journal::Target::journald);
  setenv("JOURNAL_STREAM", "1:2", 1);
  CHECK(Journal::target_of_stderr() == Journal::Target::text);
  unsetenv("JOURNAL_STREAM");
}
