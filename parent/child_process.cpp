#include "parent/child_process.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>

namespace holdfast {
namespace {

// Low among the real-time priorities: before ordinary processes, behind the kernel's own threads.
constexpr int realtime_priority = 10;
// A real-time child that computes this long without waiting for anything hangs, and must not hold the core.
constexpr rlim_t realtime_limit_us = 1'000'000;

std::string failed(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

// Real time is wished for, not needed: where it is not allowed, the child runs as an ordinary process.
void ask_for_realtime() {
  const rlimit no_longer_than{realtime_limit_us, realtime_limit_us};
  if (setrlimit(RLIMIT_RTTIME, &no_longer_than) != 0) return;
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &unlimited);
  const sched_param parameters{realtime_priority};
  // Its threads inherit that; it starts no process, which the list of its system calls sees to.
  sched_setscheduler(0, SCHED_FIFO, &parameters);
}

// In the new process; returns only with the reason why it did not become the child.
std::string become_child(const ChildProgram& program, const ChildIdentity& identity, int channel) {
  const int binary = fcntl(program.binary.get(), F_DUPFD_CLOEXEC, safe_descriptors);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (binary < 0 || null < 0) return failed("cannot open /dev/null");
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  if (channel == child_channel_fd)
    fcntl(channel, F_SETFD, 0);
  else if (dup2(channel, child_channel_fd) < 0)
    return failed("cannot pass the channel on");
  if (chdir("/") != 0) return failed("cannot change to /");
  umask(077);

  const rlimit no_core{0, 0};  // a core would hold the password
  setrlimit(RLIMIT_CORE, &no_core);
  if (identity.realtime) ask_for_realtime();
  const rlimit no_realtime{0, 0};  // from here on: what the unit allows the parent is not the children's
  setrlimit(RLIMIT_RTPRIO, &no_realtime);
  if (const Status shed = shed_privileges(identity.user, identity.capabilities); !shed) return shed.error().text;

  std::string title = program.title;
  char* argv[] = {title.data(), nullptr};
  std::string language = "LANG=C";
  char* environment[] = {language.data(), nullptr};
  fexecve(binary, argv, environment);
  return failed("cannot execute the program");
}

std::string own_folder() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  if (size <= 0) return ".";
  const std::string_view self(path, static_cast<std::size_t>(size));
  return std::string(self.substr(0, self.rfind('/')));
}

}  // namespace

Result<ChildProgram> open_child_program(const std::string& name, const std::string& role) {
  const std::string beside = own_folder() + "/" + name;
  const std::string installed = std::string(HOLDFAST_LIBEXECDIR) + "/" + name;
  for (const std::string& path : {beside, installed}) {
    Fd binary(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (binary) return ChildProgram{std::move(binary), name + ": " + role};
  }
  return Error{"cannot find the program " + name + ": neither " + beside + " nor " + installed +
               " can be opened; is the installation complete?"};
}

Result<SpawnedChild> spawn_child(const ChildProgram& program, const ChildIdentity& identity) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return Error{failed("cannot make a socket pair")};
  }
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  auto process = spawn([&] { return become_child(program, identity, theirs.get()); });
  if (!process) return process.error();
  return SpawnedChild{std::move(*process), std::move(ours)};
}

}  // namespace holdfast
