// holdfast-checker: the unprivileged process that probes what the virtual address stands for.
#include "checker_child/checker_process.hpp"
#include "common/channel.hpp"
#include "common/log.hpp"
#include "common/privileges.hpp"
#include "common/sandbox.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

namespace holdfast {
namespace {

bool is_channel(int fd) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

int run() {
  // The parent execs us through a descriptor, which would leave that descriptor's number as the name.
  prctl(PR_SET_NAME, "holdfast-checke");
  if (!is_channel(child_channel_fd)) {
    std::fputs(
        "holdfast-checker is started by holdfastd and does nothing by itself; "
        "start the daemon instead: holdfastd --config FILE\n",
        stderr);
    return 2;
  }
  forbid_core_dumps();
  if (const Status verified = verify_privileges({}); !verified) {
    log(LogLevel::error, "holdfast-checker: refusing to run: " + verified.error().text);
    return 1;
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, SIG_IGN);  // Ctrl-C in the daemon's terminal reaches us too; the parent decides
  raise_descriptor_limit();      // a socket for each check, and a pidfd

  EventLoop loop;
  const SignalWatch terminated(loop, SIGTERM, [&loop] { loop.exit(0); });
  CheckerProcess process(loop, Fd(child_channel_fd), confine_checker);
  set_log_sink([&process](LogLevel level, std::string_view text) { process.say(level, text); });
  close_stderr();
  const int code = loop.run();
  set_log_sink([](LogLevel, std::string_view) {});
  return code;
}

}  // namespace
}  // namespace holdfast

int main() {
  try {
    return holdfast::run();
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "holdfast-checker: %s\n", failure.what());
    return 1;
  }
}
