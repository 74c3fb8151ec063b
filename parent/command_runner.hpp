// Runs the user's commands: scripts of checks, restarts, notifications; and a program of ours that needs no privilege.
// Without a shell, never waiting for them.
#pragma once

#include "common/event_loop.hpp"
#include "common/result.hpp"
#include "parent/spawn.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
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
};

struct CommandResult {
  enum class Outcome { not_started, exited, signalled, timed_out };
  Outcome outcome = Outcome::not_started;
  int code = 0;        // exit status or signal
  std::string text;    // the outcome in words: "exited with status 1: nginx: [emerg] ..."
  std::string output;  // the first output_limit bytes of stdout and stderr together
  Duration took{};
  bool ok() const { return outcome == Outcome::exited && code == 0; }
};

// Each command has a process group of its own, a clean environment (PATH, LANG=C and what it is given) and its input or
// /dev/null to read.
// It ends when its process exits: whatever it left in the background (a daemon that was started) lives on
// after a success. At the timeout the group gets SIGTERM, a second later SIGKILL.
class CommandRunner {
 public:
  using RunId = std::uint64_t;
  using Done = std::function<void(const CommandResult&)>;

  static constexpr std::size_t output_limit = 4096;
  static constexpr Duration kill_grace = std::chrono::seconds(1);

  explicit CommandRunner(EventLoop& loop);
  // Ends the commands that still run; their `done` is not called.
  ~CommandRunner();
  CommandRunner(const CommandRunner&) = delete;
  CommandRunner& operator=(const CommandRunner&) = delete;

  // `done` is called once, from the loop, never from inside run(): at the exit, or at the SIGKILL, since a
  // process may be beyond killing.
  RunId run(Command command, Done done);
  // Ends it like one that takes too long; `done` hears `why`. Nothing where it has ended.
  void end(RunId id, const std::string& why);
  // Whether the process still exists; true after `done` only for one that can't be killed.
  bool alive(RunId id) const { return running_.count(id) != 0; }

 private:
  struct Run;

  Result<SpawnedProcess> start(const Command& command, Run& run);
  void read_output(Run& run);
  void on_exit(RunId id, int status);
  void on_deadline(RunId id);
  void finish(Run& run, CommandResult::Outcome outcome, int code, std::string text);
  void adopt_output(Run& run);

  struct Inherited {
    Fd output;
    IoWatch watch;
  };

  EventLoop& loop_;
  RunId last_id_ = 0;
  std::map<RunId, std::unique_ptr<Run>> running_;
  // Outputs that a daemon still holds: read on, since it would die of SIGPIPE otherwise.
  std::list<Inherited> inherited_;
};

}  // namespace holdfast
