#include "parent/runtime_dir.hpp"

#include "tests/parent/temp_folder.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>

using namespace holdfast;
using namespace holdfast::testing;

TEST_CASE("a runtime directory is made, and belongs to one daemon at a time") {
  const TempFolder folder;
  const std::string path = folder.file("a/run");
  {
    const auto lock = claim_runtime_dir(path);
    REQUIRE(lock);
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0755);
    const auto second = claim_runtime_dir(path);
    REQUIRE_FALSE(second);
    CHECK_THAT(second.error().text,
               Catch::Contains("another holdfastd (pid " + std::to_string(getpid()) + ") runs with"));
  }
  CHECK(claim_runtime_dir(path));  // the lock goes with its holder
}

TEST_CASE("a runtime directory that can't be one says why") {
  const TempFolder folder;
  const std::string file = folder.write("file", "", 0644);
  CHECK_THAT(claim_runtime_dir(file).error().text, Catch::Contains("is not a directory"));
  CHECK_FALSE(claim_runtime_dir(file + "/below"));
}

TEST_CASE("the state directory is for root alone") {
  const TempFolder folder;
  REQUIRE(make_state_dir(folder.file("state")));
  struct stat status {};
  REQUIRE(stat(folder.file("state").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  CHECK(make_state_dir(folder.file("state")));
}
