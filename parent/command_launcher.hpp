// How a command comes to run: as a child of ours (child_commands.hpp) or as a unit of systemd (unit_commands.hpp).
#pragma once

#include "common/fd.hpp"
#include "common/result.hpp"
#include "parent/command.hpp"

#include <functional>
#include <memory>
#include <string>

namespace holdfast {

// One that was launched. Whoever destroys it does not hear of its end any more; the command itself goes on.
class StartedCommand {
 public:
  virtual ~StartedCommand() = default;
  // To it and everything that it started, also after its end, as long as `ended` has not returned.
  virtual void signal(int number) = 0;
};

class CommandLauncher {
 public:
  struct End {
    // exited: the command's process, with `status` of waitpid(2). not_started: it never became the command. unknown:
    // nobody can say what became of it; its launcher sees to it that nothing of it runs on beside the next command.
    enum class Kind { exited, not_started, unknown };
    Kind kind = Kind::exited;
    int status = 0;
    std::string why;  // not exited
  };
  struct Handlers {
    std::function<void()> started;  // at most once: from here on it runs, or is about to; maybe from inside launch()
    // Once, from the loop. May destroy the StartedCommand.
    std::function<void(const End&)> ended;
  };

  virtual ~CommandLauncher() = default;
  // output: a pipe for both its outputs. The error says why there is no command.
  virtual Result<std::unique_ptr<StartedCommand>> launch(const Command& command, Fd output, Handlers handlers) = 0;
};

}  // namespace holdfast
