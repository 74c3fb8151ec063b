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
  Child(EventLoop& loop, SpawnedProcess process, CommandLauncher::Handlers handlers)
      : process_(std::move(process)), handlers_(std::move(handlers)) {
    setpgid(process_.pid, process_.pid);  // here too, so that the group exists before any kill
    // Not reaped before the handler returns: until then the id of the group is its.
    exit_ = ChildWatch(loop, process_.pid, [this](int status) {
      using End = CommandLauncher::End;
      const auto tell = std::move(handlers_.ended);
      const std::string failure = spawn_failure(process_);
      tell({failure.empty() ? End::Kind::exited : End::Kind::not_started, status, failure});
    });
  }
  void signal(int number) override { kill(-process_.pid, number); }

 private:
  SpawnedProcess process_;
  CommandLauncher::Handlers handlers_;
  ChildWatch exit_;
};

}  // namespace

Result<std::unique_ptr<StartedCommand>> ChildCommands::launch(const Command& command, Fd output, Handlers handlers) {
  Fd input;
  if (!command.input.empty()) {
    auto file = file_with({reinterpret_cast<const std::uint8_t*>(command.input.data()), command.input.size()});
    if (!file) return file.error();
    input = std::move(*file);
  }
  auto process = spawn([&] { return become_command(command, output.get(), input ? input.get() : -1); });
  if (!process) return process.error();
  handlers.started();
  return std::unique_ptr<StartedCommand>(std::make_unique<Child>(loop_, std::move(*process), std::move(handlers)));
}

}  // namespace holdfast
