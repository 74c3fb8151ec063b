#include "checker_child/probes/process_probe.hpp"

#include "checker_child/probes/proc_table.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

// A pid file that is replaced (nginx does so when its binary is upgraded) is missing or empty for a moment.
// While the process that it named lives, it gets this long to come back.
constexpr Duration replacement_time = std::chrono::milliseconds(300);

// glibc 2.36 declares it without C linkage.
int open_pidfd(ProcessId pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

bool same_version(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

ProcessProbeRunner::ProcessProbeRunner(EventLoop& loop, ProcessProbe probe, ProbeSink sink)
    : loop_(loop), probe_(std::move(probe)), sink_(std::move(sink)), second_look_(loop, [this] {
        if (run_) finish(look());
      }) {}

void ProcessProbeRunner::start(std::uint64_t run) {
  run_ = run;
  if (watched_died()) return process_died();
  const ProbeResult result = look();
  if (file_is_away_ && watched_lives()) {
    waiting_for_ = result.detail;
    second_look_.arm(loop_.now() + replacement_time);
  } else {
    finish(result);
  }
}

void ProcessProbeRunner::cancel() {
  run_.reset();
  second_look_.disarm();
}

void ProcessProbeRunner::finish(const ProbeResult& result) {
  second_look_.disarm();
  sink_.finished(*std::exchange(run_, std::nullopt), result);
}

ProbeResult ProcessProbeRunner::look() { return probe_.pid_file.empty() ? look_for_name() : look_at_file(); }

// ---- by pid file ----

ProbeResult ProcessProbeRunner::look_at_file() {
  if (!directory_) watch_directory();
  file_is_away_ = false;
  auto read = read_small_file(probe_.pid_file, largest_pid_file + 1);
  if (!read) {
    file_is_away_ = true;
    return {.detail = "cannot read " + probe_.pid_file + ": " + read.error().text};
  }
  const auto pid = parse_pid_file(read->text);
  if (!pid) {
    file_is_away_ = read->text.empty();
    return {.detail = probe_.pid_file + " " + pid.error().text};
  }
  file_ = {*pid, read->identity};
  // Once its process has died, a file that nobody has written since can only name a stranger.
  if (dead_ && dead_->pid == *pid && same_version(dead_->identity, file_.identity)) {
    return {.detail = process_text(*pid) + " has exited"};
  }
  dead_.reset();
  if (*pid == getpid()) {
    return {.detail = probe_.pid_file + " names process " + std::to_string(*pid) + ", which is this checker itself"};
  }
  if (*pid != pid_ || !watched_lives()) {
    if (const auto flaw = watch(*pid)) return {.detail = process_text(*pid) + " " + *flaw};
  }
  return {.good = true, .detail = process_text(*pid) + " is running"};
}

void ProcessProbeRunner::watch_directory() {
  // Not on creation: the file is empty then.
  constexpr std::uint32_t written = IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO;
  directory_ = PathWatch(loop_, directory_of(probe_.pid_file), written | IN_DELETE_SELF | IN_MOVE_SELF,
                         [this](std::uint32_t mask, const std::string& name) { directory_changed(mask, name); });
}

void ProcessProbeRunner::directory_changed(std::uint32_t mask, const std::string& name) {
  if (mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) {
    directory_ = PathWatch();  // the next run tries again
    return;
  }
  const bool ours = name == probe_.pid_file.substr(probe_.pid_file.rfind('/') + 1);
  if (!ours && !(mask & IN_Q_OVERFLOW)) return;
  if (watched_died()) return process_died();
  const ProcessId before = pid_;
  const ProbeResult result = look();
  // Good news is told at once; what is bad may be half written, and the next run tells it.
  if (!result.good) return;
  if (run_)
    finish(result);
  else if (pid_ != before)
    sink_.event(result);
}

// ---- by name ----

ProbeResult ProcessProbeRunner::look_for_name() {
  const std::string named = " named " + probe_.name;
  if (watched_lives() && same_process_name(process_name(pid_), probe_.name)) {
    children_ = children_of(pid_).value_or(std::vector<ProcessId>{});
    return {.good = true, .detail = process_text(pid_) + " is running"};
  }
  const auto all = running_processes();
  leftovers_ = still_there(leftovers_, all);
  if (const auto master = choose_master(all, probe_.name, leftovers_)) {
    if (const auto flaw = watch(master->pid)) return {.detail = process_text(master->pid) + " " + *flaw};
    children_ = children_of(pid_).value_or(std::vector<ProcessId>{});
    return {.good = true, .detail = process_text(pid_) + " is running"};
  }
  forget();
  std::string text = "no process" + named;
  if (choose_master(all, probe_.name, {})) {
    text += " but what a dead one left behind";
  } else if (process_name(1).empty()) {
    text += ", as far as the checker's user may see (is /proc mounted with hidepid? use pid_file instead)";
  }
  return {.detail = text};
}

// ---- the watched process ----

std::optional<std::string> ProcessProbeRunner::watch(ProcessId pid) {
  forget();
  Fd pidfd(open_pidfd(pid));
  if (!pidfd) {
    if (errno == ESRCH) return "is not running";
    if (errno == EINVAL || errno == ENOENT) return "is not a process but a thread of one";
    return std::string("cannot be watched: ") + std::strerror(errno);
  }
  pidfd_ = std::move(pidfd);
  if (!watched_lives()) {
    forget();
    return "has exited and only waits for its parent to notice (a zombie)";
  }
  if (!probe_.name.empty() && !same_process_name(process_name(pid), probe_.name)) {
    forget();
    return "has exited while the checker looked at it";
  }
  pid_ = pid;
  death_ = IoWatch(loop_, pidfd_.get(), EPOLLIN, [this](std::uint32_t) { process_died(); });
  return std::nullopt;
}

void ProcessProbeRunner::forget() {
  death_ = IoWatch();
  pidfd_ = Fd();
  pid_ = 0;
}

bool ProcessProbeRunner::watched_lives() const {
  if (!pidfd_) return false;
  pollfd exited{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  return poll(&exited, 1, 0) == 0;
}

void ProcessProbeRunner::process_died() {
  const ProcessId pid = pid_;
  const std::string obituary = process_text(pid) + " has exited";
  if (file_.pid == pid) dead_ = file_;
  leftovers_.masters.push_back(pid);
  leftovers_.children.insert(leftovers_.children.end(), children_.begin(), children_.end());
  forget();
  ProbeResult result = look();  // another one may have taken over already
  if (!result.good) {
    result.detail = obituary;
    sink_.event(result);
  }
  if (run_)
    finish(result);
  else if (result.good)
    sink_.event(result);
}

std::string ProcessProbeRunner::process_text(ProcessId pid) const {
  return "process " + std::to_string(pid) +
         (probe_.pid_file.empty() ? " named " + probe_.name : " of " + probe_.pid_file);
}

}  // namespace holdfast
