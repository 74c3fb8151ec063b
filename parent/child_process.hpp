// One child: its process and our end of the channel, from the fork until both are gone.
#pragma once

#include "common/channel.hpp"
#include "common/event_loop.hpp"
#include "common/fd.hpp"
#include "common/privileges.hpp"
#include "common/result.hpp"
#include "parent/spawn.hpp"

#include <sys/wait.h>

#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast {

// The program of a child, opened by root: the child need not be able to reach the file, and a child started
// after an upgrade of the package is still of the same build as its parent.
struct ChildProgram {
  Fd binary;
  std::string title;  // argv[0]: starts with the program's name, then says the role
};

// The program `name`: beside our own where that exists (a build folder), else where it is installed.
Result<ChildProgram> open_child_program(const std::string& name, const std::string& role);

struct ChildIdentity {
  UserIds user;
  std::vector<cap_value_t> capabilities;  // exactly these
  bool realtime = false;                  // scheduled before ordinary processes, where allowed
};

struct SpawnedChild {
  SpawnedProcess process;
  Fd channel;
};

// Forks and execs: the channel is descriptor 3, stdin and stdout are /dev/null, stderr is ours.
Result<SpawnedChild> spawn_child(const ChildProgram& program, const ChildIdentity& identity);

template <class Out, class In>
class ChildProcess {
 public:
  struct Handlers {
    std::function<void(In&&)> message;
    // Process and channel are gone; `why` continues "the VRRP child ...". The handler may destroy this object.
    std::function<void(const std::string& why)> ended;
  };

  ChildProcess(EventLoop& loop, SpawnedChild child, Handlers handlers)
      : loop_(loop),
        handlers_(std::move(handlers)),
        process_(std::move(child.process)),
        ended_(
            loop, [this] { tell_ended(); }, LoopPriority::urgent),
        exit_(loop, process_.pid, [this](int status) { on_exit(status); }),
        channel_(loop, std::move(child.channel),
                 {.message = [this](In&& message) { receive(std::move(message)); },
                  .closed = [this](const std::string& reason) { on_closed(reason); }}) {}

  // A child that still runs sees the end of the channel and leaves by itself: the VRRP child with priority 0.

  pid_t pid() const { return process_.pid; }
  void send(const Out& message) { channel_.send(message); }

  // The child is not to be trusted or waited for any longer; nothing it says counts from here on.
  void kill(const std::string& why) {
    if (why_killed_.empty()) why_killed_ = why;
    if (!status_) ::kill(process_.pid, SIGKILL);
  }

 private:
  void receive(In&& message) {
    if (why_killed_.empty()) handlers_.message(std::move(message));
  }

  void on_closed(const std::string& reason) {
    // A clean end of file comes with the exit, soon; where it does not, the heartbeat notices.
    closed_ = true;
    if (!reason.empty()) kill(reason);
    settle();
  }

  void on_exit(int status) {
    status_ = status;
    settle();
  }

  // What the child said before it died is still read: the end comes when both have been seen. By way of
  // the timer, since the channel must not be destroyed by its own handler.
  void settle() {
    if (closed_ && status_) ended_.arm(loop_.now());
  }

  void tell_ended() {
    const auto tell = std::move(handlers_.ended);  // it may destroy this object
    tell(why());
  }

  std::string why() const {
    const std::string failure = spawn_failure(process_);
    if (!failure.empty()) return "could not be started: " + failure;
    if (!why_killed_.empty()) return "was killed: " + why_killed_;
    if (WIFSIGNALED(*status_) && WTERMSIG(*status_) == SIGSYS) {
      return "was killed by the kernel for a system call that is not on its list, so it is broken, or under somebody "
             "else's control (which call it was: journalctl -b -g 'type=1326|SECCOMP')";
    }
    return exit_text(*status_);
  }

  EventLoop& loop_;
  Handlers handlers_;
  SpawnedProcess process_;
  Timer ended_;
  ChildWatch exit_;
  Channel<Out, In> channel_;
  std::string why_killed_;
  std::optional<int> status_;
  bool closed_ = false;
};

}  // namespace holdfast
