// What is run for the user, as whom, and how it went.
#pragma once

#include "common/result.hpp"
#include "common/types.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast {

// As whom a command runs.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

// Asks the system's user database, which may wait for a network: for start-up and reload only.
Result<Account> find_account(const std::string& user);

struct Command {
  std::vector<std::string> argv;  // argv[0]: a path, or a name found in the fixed PATH
  Account account;
  Duration timeout{};
  std::vector<std::string> environment{};  // "NAME=value", besides PATH and LANG
  std::string input{};                     // what it can read; may hold secrets, no file has them
  // An opened program to run instead of argv[0], which stays the caller's: without any capability, and it can't regain
  // one.
  int program = -1;
  // What it started lives on also where it says that it failed, unless it took too long: a restart may complain, and
  // yet have started what serves.
  bool starts_daemon = false;
};

struct CommandResult {
  // unknown: nobody can say, since systemd did not answer or the bus went away; nothing against the command itself.
  enum class Outcome { not_started, exited, signalled, timed_out, unknown };
  Outcome outcome = Outcome::not_started;
  int code = 0;        // exit status or signal
  std::string text;    // the outcome in words: "exited with status 1: nginx: [emerg] ..."
  std::string output;  // the first output_limit bytes of stdout and stderr together
  Duration took{};
  bool ok() const { return outcome == Outcome::exited && code == 0; }
};

}  // namespace holdfast
