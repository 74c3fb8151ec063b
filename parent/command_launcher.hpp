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
  // Called once, from the loop, when its process has ended; may destroy the StartedCommand. `failure`: why it never
  // became the command, or why nobody can say how it ended; else empty, and `status` is that of waitpid(2).
  using Ended = std::function<void(int status, const std::string& failure)>;

  virtual ~CommandLauncher() = default;
  // output: a pipe for both its outputs. The error says why there is no command.
  virtual Result<std::unique_ptr<StartedCommand>> launch(const Command& command, Fd output, Ended ended) = 0;
};

}  // namespace holdfast
