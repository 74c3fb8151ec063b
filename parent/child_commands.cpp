#include "parent/child_commands.hpp"

#include "parent/command_exec.hpp"
#include "parent/spawn.hpp"

#include <unistd.h>

#include <csignal>
#include <utility>

namespace holdfast {
namespace {

class Child final : public StartedCommand {
 public:
  Child(EventLoop& loop, SpawnedProcess process, CommandLauncher::Ended ended)
      : process_(std::move(process)), ended_(std::move(ended)) {
    setpgid(process_.pid, process_.pid);  // here too, so that the group exists before any kill
    // Not reaped before the handler returns: until then the id of the group is its.
    exit_ = ChildWatch(loop, process_.pid, [this](int status) {
      const auto tell = std::move(ended_);
      tell(status, spawn_failure(process_));
    });
  }
  void signal(int number) override { kill(-process_.pid, number); }

 private:
  SpawnedProcess process_;
  CommandLauncher::Ended ended_;
  ChildWatch exit_;
};

}  // namespace

Result<std::unique_ptr<StartedCommand>> ChildCommands::launch(const Command& command, Fd output, Ended ended) {
  Fd input;
  if (!command.input.empty()) {
    auto file = file_with({reinterpret_cast<const std::uint8_t*>(command.input.data()), command.input.size()});
    if (!file) return file.error();
    input = std::move(*file);
  }
  auto process = spawn([&] { return become_command(command, output.get(), input ? input.get() : -1); });
  if (!process) return process.error();
  return std::unique_ptr<StartedCommand>(std::make_unique<Child>(loop_, std::move(*process), std::move(ended)));
}

}  // namespace holdfast
