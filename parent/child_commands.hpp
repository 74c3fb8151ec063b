// Commands as children of ours, each in a process group of its own.
#pragma once

#include "common/event_loop.hpp"
#include "parent/command_launcher.hpp"

namespace holdfast {

class ChildCommands final : public CommandLauncher {
 public:
  explicit ChildCommands(EventLoop& loop) : loop_(loop) {}
  Result<std::unique_ptr<StartedCommand>> launch(const Command& command, Fd output, Handlers handlers) override;

 private:
  EventLoop& loop_;
};

}  // namespace holdfast
