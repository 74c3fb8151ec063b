#include "parent/spawn.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace holdfast {
namespace {

const rlimit descriptors_at_start = [] {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit;
}();

}  // namespace

void reset_signals() {
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) sigaction(number, &by_default, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

Result<SpawnedProcess> spawn(const std::function<std::string()>& become) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error{std::string("cannot make a pipe: ") + std::strerror(errno)};
  Fd read_end(ends[0]);
  const Fd write_end(ends[1]);
  fcntl(read_end.get(), F_SETFL, O_NONBLOCK);

  const pid_t pid = fork();
  if (pid < 0) return Error{std::string("cannot fork: ") + std::strerror(errno)};
  if (pid == 0) {
    const int failure = fcntl(write_end.get(), F_DUPFD_CLOEXEC, safe_descriptors);
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    reset_signals();
    setrlimit(RLIMIT_NOFILE, &descriptors_at_start);
    const std::string why = become();
    [[maybe_unused]] const ssize_t written = write(failure, why.data(), why.size());
    _exit(127);
  }
  return SpawnedProcess{pid, std::move(read_end)};
}

std::string spawn_failure(const SpawnedProcess& process) {
  std::array<char, 1024> buffer;
  const ssize_t size = read(process.failure.get(), buffer.data(), buffer.size());
  return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : "";
}

std::string exit_text(int status) {
  if (WIFEXITED(status)) return "exited with status " + std::to_string(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  return "was killed by signal " + std::to_string(number) + " (" + strsignal(number) + ")";
}

}  // namespace holdfast
