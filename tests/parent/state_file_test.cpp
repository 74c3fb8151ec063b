#include "parent/state_file.hpp"

#include "tests/parent/loop_support.hpp"
#include "tests/parent/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>

using namespace holdfast;
using namespace holdfast::testing;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("a state file is replaced as a whole, and the last text wins") {
  TempFolder folder;
  EventLoop loop;
  StateFile file(loop, folder.file("state"));
  int done = 0;
  for (const char* text : {"one", "two", "three"}) {
    file.save(text, [&](const Status& status) {
      CHECK(status);
      ++done;
    });
  }
  CHECK(done == 0);  // nobody waited
  REQUIRE(run_until(loop, [&] { return done == 3; }));
  CHECK(text_of(folder.file("state")) == "three");
  CHECK_FALSE(std::filesystem::exists(folder.file("state.new")));
}

TEST_CASE("a state file that can't be written says so, and leaves what was there") {
  TempFolder folder;
  EventLoop loop;
  folder.write("state", "old", 0600);
  std::filesystem::create_directory(folder.file("state.new"));
  StateFile file(loop, folder.file("state"));
  std::optional<Status> outcome;
  file.save("new", [&](const Status& status) { outcome = status; });
  REQUIRE(run_until(loop, [&] { return outcome.has_value(); }));
  REQUIRE_FALSE(*outcome);
  CHECK_THAT(outcome->error().text, Catch::Contains("cannot write") && Catch::Contains(folder.file("state")));
  CHECK(text_of(folder.file("state")) == "old");
}
