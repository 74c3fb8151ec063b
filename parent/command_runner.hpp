// Runs the user's commands: scripts of checks, restarts, notifications; and a program of ours that needs no privilege.
// Without a shell, never waiting for them.
#pragma once

#include "common/event_loop.hpp"
#include "common/fd.hpp"
#include "parent/child_commands.hpp"
#include "parent/command.hpp"
#include "parent/command_launcher.hpp"

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace holdfast {

// Each command has a process group of its own, or a unit of its own where systemd runs them; a clean environment (PATH,
// LANG=C and what it is given) and its input or /dev/null to read.
// It ends when its process exits: whatever it left in the background (a daemon that was started) lives on
// after a success. Its timeout begins when it does; then the group gets SIGTERM, a second later SIGKILL. One that
// systemd does not even start within answer_limit is called off.
class CommandRunner {
 public:
  using RunId = std::uint64_t;
  using Done = std::function<void(const CommandResult&)>;

  static constexpr std::size_t output_limit = 4096;
  static constexpr Duration kill_grace = std::chrono::seconds(1);
  static constexpr Duration answer_limit = std::chrono::seconds(10);

  // units: runs the commands (not a program of ours, which stays a child); without, they are children. Outlives this.
  explicit CommandRunner(EventLoop& loop, CommandLauncher* units = nullptr);
  // Ends the commands that still run; their `done` is not called.
  ~CommandRunner();
  CommandRunner(const CommandRunner&) = delete;
  CommandRunner& operator=(const CommandRunner&) = delete;

  // `done` is called once, from the loop, never from inside run(): at the exit, or at the SIGKILL, since a
  // process may be beyond killing, and systemd may not answer.
  RunId run(Command command, Done done);
  // Ends it like one that takes too long; `done` hears `why`. Nothing where it has ended.
  void end(RunId id, const std::string& why);
  // Whether the process may still exist; true after `done` only for one that can't be killed, or nobody can say.
  bool alive(RunId id) const { return running_.count(id) != 0; }

 private:
  struct Run;

  Status start(Run& run);
  void read_output(Run& run);
  void on_start(RunId id);
  void on_end(RunId id, const CommandLauncher::End& end);
  void on_deadline(RunId id);
  void finish(Run& run, CommandResult::Outcome outcome, int code, std::string text);
  void adopt_output(Run& run);

  struct Inherited {
    Fd output;
    IoWatch watch;
  };

  EventLoop& loop_;
  ChildCommands children_;
  CommandLauncher* units_;
  RunId last_id_ = 0;
  std::map<RunId, std::unique_ptr<Run>> running_;
  // Outputs that a daemon still holds: read on, since it would die of SIGPIPE otherwise.
  std::list<Inherited> inherited_;
};

}  // namespace holdfast
