// Pid files, /proc/PID/stat and the choice of the master.
#include "checker_child/core/processes.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace holdfast;

TEST_CASE("a pid file begins with a process id") {
  const auto [text, pid] = GENERATE(table<std::string, int>({
      {"4711", 4711},
      {"4711\n", 4711},
      {"  4711  \r\n", 4711},
      {"1\n", 1},
      {"4194304\n", 4194304},
      {"4711\n/var/lib/postgresql\n5432\n", 4711},
  }));
  CAPTURE(text);
  const auto parsed = parse_pid_file(text);
  REQUIRE(parsed);
  CHECK(*parsed == pid);
}

TEST_CASE("what is no pid file says why") {
  const auto [text, error] = GENERATE(table<std::string, std::string>({
      {"", "is empty"},
      {" \n\n", "is empty"},
      {"nginx", "does not begin with a process id but with 'nginx'"},
      {"47 11", "does not begin with a process id but with '47 11'"},
      {"4711x", "does not begin with a process id but with '4711x'"},
      {"0x1f", "does not begin with a process id but with '0x1f'"},
      {"+5", "does not begin with a process id but with '+5'"},
      {"\x1b[31mred", "does not begin with a process id but with '\?[31mred'"},
      {"0", "names process 0, which cannot exist"},
      {"-1", "names process -1, which cannot exist"},
      {"4194305", "names process 4194305, which cannot exist"},
      {"99999999999", "names process 99999999999, which cannot exist"},
      {"99999999999999999999999", "does not begin with a process id but with '99999999999999999999...'"},
      {std::string(largest_pid_file + 1, '1'), "is too large for a pid file"},
      {std::string(3, '\0'), "does not begin with a process id but with '\?\?\?'"},
  }));
  CAPTURE(text);
  const auto parsed = parse_pid_file(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().text == error);
}

TEST_CASE("a line of /proc/PID/stat") {
  const std::string tail = " S 1 77 77 0 -1 4194624 1 2 3 4 5 6 7 8 20 0 1 0 987654 5 6 7";
  CHECK(parse_stat("4711 (nginx)" + tail) ==
        ProcessInfo{.pid = 4711, .name = "nginx", .zombie = false, .parent = 1, .group = 77, .started = 987654});
  SECTION("names may hold anything") {
    const auto process = parse_stat("12 (a) S 9 (b c)" + tail);
    REQUIRE(process);
    CHECK(process->name == "a) S 9 (b c");
    CHECK(process->parent == 1);
  }
  SECTION("zombies") {
    CHECK(parse_stat("4 (x) Z 1 2 3 0 -1 4194624 1 2 3 4 5 6 7 8 20 0 1 0 9 5")->zombie);
    CHECK(parse_stat("4 (x) X 1 2 3 0 -1 4194624 1 2 3 4 5 6 7 8 20 0 1 0 9 5")->zombie);
  }
  SECTION("anything else is nothing") {
    const auto text = GENERATE_REF(as<std::string>{}, "", "4711", "4711 (nginx", "4711 (nginx) S 1", "x (nginx)" + tail,
                                   ") (", "4711 (nginx) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x");
    CAPTURE(text);
    CHECK_FALSE(parse_stat(text));
  }
}

TEST_CASE("names are compared as the kernel keeps them") {
  CHECK(same_process_name("nginx", "nginx"));
  CHECK_FALSE(same_process_name("nginx", "ngin"));
  CHECK_FALSE(same_process_name("ngin", "nginx"));
  CHECK(same_process_name("holdfast-checke", "holdfast-checker"));
  CHECK_FALSE(same_process_name("holdfast-check", "holdfast-checker"));
}

namespace {

ProcessInfo process(ProcessId pid, ProcessId parent, std::uint64_t started, std::string name = "nginx",
                    ProcessId group = 0) {
  return {.pid = pid,
          .name = std::move(name),
          .zombie = false,
          .parent = parent,
          .group = group ? group : pid,
          .started = started};
}

std::optional<ProcessId> master_of(const std::vector<ProcessInfo>& all, const Leftovers& leftovers = {}) {
  const auto master = choose_master(all, "nginx", leftovers);
  return master ? std::optional(master->pid) : std::nullopt;
}

}  // namespace

TEST_CASE("the master is the oldest process of the name whose parent has another name") {
  const auto init = process(1, 0, 0, "systemd");
  CHECK_FALSE(master_of({init, process(50, 1, 5, "apache2")}));
  CHECK(master_of({init, process(101, 100, 11), process(100, 1, 10), process(102, 100, 11)}) == 100);
  SECTION("process ids may have wrapped around") {
    CHECK(master_of({init, process(7, 32000, 11), process(32000, 1, 10)}) == 32000);
    CHECK(master_of({init, process(7, 32000, 10), process(32000, 1, 10)}) == 32000);  // within one tick
  }
  SECTION("of two masters the older") { CHECK(master_of({init, process(200, 1, 20), process(300, 1, 15)}) == 300); }
  SECTION("not a zombie") {
    auto zombie = process(100, 1, 10);
    zombie.zombie = true;
    CHECK_FALSE(master_of({init, zombie}));
    CHECK(master_of({init, zombie, process(200, 1, 20)}) == 200);
  }
  SECTION("a binary upgrade: the new master is the old one's child until that goes") {
    CHECK(master_of({init, process(100, 1, 10), process(150, 100, 50), process(151, 150, 51)}) == 100);
  }
}

TEST_CASE("workers that a dead master left are no master") {
  const auto init = process(1, 0, 0, "systemd");
  const auto by_group = process(101, 1, 11, "nginx", 100);
  const auto by_parentage = process(102, 1, 11, "nginx", 40);
  CHECK(master_of({init, by_group}) == 101);  // nobody died that we know of
  const Leftovers leftovers{{90, 100}, {102}};
  CHECK_FALSE(master_of({init, by_group}, leftovers));
  CHECK_FALSE(master_of({init, by_parentage}, leftovers));
  CHECK(master_of({init, by_group, process(200, 1, 20)}, leftovers) == 200);
  SECTION("but the new master of a binary upgrade is one: it leads workers") {
    const auto new_master = process(150, 1, 50, "nginx", 100);
    CHECK(master_of({init, new_master, process(151, 150, 51, "nginx", 100)}, leftovers) == 150);
  }
}

TEST_CASE("leftovers are remembered as long as something of them lives") {
  const Leftovers leftovers{{100, 200}, {101, 201}};
  const std::vector<ProcessInfo> all{process(101, 1, 11, "nginx", 100), process(102, 1, 11, "nginx", 100),
                                     process(300, 1, 30)};
  CHECK(still_there(leftovers, all) == Leftovers{{100}, {101}});
  CHECK(still_there(leftovers, {}) == Leftovers{});
}
