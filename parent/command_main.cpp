// holdfast-command: becomes a command of the configuration. systemd starts it as a unit of its own for holdfastd (see
// unit_commands.hpp), so that the command is bound neither by the daemon's sandbox nor by its control group, and is
// run by the very same code as elsewhere.
//
//   stdin    the command, as encode_command() wrote it
//   stdout   the pipe for what the command says
//   stderr   a pipe that tells holdfastd what became of it: "+", then why it could not be run
#include "parent/command_exec.hpp"
#include "parent/spawn.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

using namespace holdfast;

namespace {

constexpr int not_run = 127;

std::vector<std::uint8_t> read_all(int fd) {
  std::vector<std::uint8_t> bytes;
  std::array<std::uint8_t, 4096> buffer;
  for (ssize_t size; (size = read(fd, buffer.data(), buffer.size())) > 0;) {
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + size);
  }
  return bytes;
}

}  // namespace

int main() {
  const auto tell = [fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, safe_descriptors)](const std::string& text) {
    [[maybe_unused]] const ssize_t written = write(fd, text.data(), text.size());
  };
  close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
  reset_signals();
  const auto command = decode_command(read_all(STDIN_FILENO));
  tell("+" + (command ? "" : command.error().text));
  if (command) tell(become_command(*command, STDOUT_FILENO, -1));
  return not_run;
}
