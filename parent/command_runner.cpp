#include "parent/command_runner.hpp"

#include "parent/spawn.hpp"
#include "parent/text.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

constexpr std::size_t most_inherited = 64;
// Who writes without end is read this often, and waits in between.
constexpr Duration reading_interval = std::chrono::milliseconds(100);
constexpr unsigned readings = 16;

}  // namespace

struct CommandRunner::Run {
  RunId id = 0;
  Command command;
  Done done;  // empty once it has been called
  TimePoint began;
  bool started = false;
  std::unique_ptr<StartedCommand> process;
  Fd output;
  IoWatch output_watch;
  std::string text;  // of the output
  std::unique_ptr<Timer> deadline;
  bool terminated = false;
  std::string ended_because;  // not the timeout
  std::string start_error;
};

CommandRunner::CommandRunner(EventLoop& loop, CommandLauncher* units) : loop_(loop), children_(loop), units_(units) {}

CommandRunner::~CommandRunner() {
  for (const auto& [id, run] : running_) {
    if (run->process) run->process->signal(SIGTERM);
  }
}

CommandRunner::RunId CommandRunner::run(Command command, Done done) {
  const RunId id = ++last_id_;
  Run& run = *(running_[id] = std::make_unique<Run>());
  run.id = id;
  run.command = std::move(command);
  run.done = std::move(done);
  run.began = loop_.now();
  run.deadline = std::make_unique<Timer>(loop_, [this, id] { on_deadline(id); });
  run.deadline->arm(run.began + answer_limit);

  if (const Status started = start(run); !started) {
    run.start_error = started.error().text;
    run.deadline->arm(run.began);
  }
  return id;
}

void CommandRunner::on_start(RunId id) {
  Run& run = *running_.at(id);
  run.started = true;
  if (run.terminated) return run.process->signal(SIGKILL);  // too late
  run.began = loop_.now();
  if (run.ended_because.empty()) run.deadline->arm(run.began + run.command.timeout);
}

void CommandRunner::end(RunId id, const std::string& why) {
  const auto found = running_.find(id);
  if (found == running_.end() || found->second->terminated) return;
  found->second->ended_because = why;
  found->second->deadline->arm(loop_.now());
}

Status CommandRunner::start(Run& run) {
  const Command& command = run.command;
  if (command.argv.empty() || command.argv.front().empty()) return Error{"the command is empty"};
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error{std::string("cannot make a pipe: ") + std::strerror(errno)};
  run.output = Fd(ends[0]);
  Fd write_end(ends[1]);
  fcntl(run.output.get(), F_SETFL, O_NONBLOCK);
  run.output_watch = IoWatch(loop_, run.output.get(), EPOLLIN, [this, &run](std::uint32_t) { read_output(run); });
  run.output_watch.limit_rate(reading_interval, readings);
  CommandLauncher& launcher = command.program < 0 && units_ ? *units_ : children_;
  auto started = launcher.launch(command, std::move(write_end),
                                 {[this, id = run.id] { on_start(id); },
                                  [this, id = run.id](const CommandLauncher::End& end) { on_end(id, end); }});
  if (!started) return started.error();
  run.process = std::move(*started);
  return {};
}

// Reads what is there, or a part of it: the rest of the loop goes on meanwhile.
void CommandRunner::read_output(Run& run) {
  std::array<char, 4096> buffer;
  for (int i = 0; i < 16 && run.output; ++i) {
    const ssize_t size = read(run.output.get(), buffer.data(), buffer.size());
    if (size < 0) return;
    if (size == 0) {
      run.output_watch = IoWatch();
      run.output = Fd();
      return;
    }
    const std::size_t room = output_limit - run.text.size();
    run.text.append(buffer.data(), std::min(room, static_cast<std::size_t>(size)));
  }
}

void CommandRunner::on_end(RunId id, const CommandLauncher::End& end) {
  using Kind = CommandLauncher::End::Kind;
  const auto found = running_.find(id);
  const std::unique_ptr<Run> run = std::move(found->second);
  running_.erase(found);
  read_output(*run);

  const bool success = end.kind == Kind::exited && WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0;
  const bool leaves_daemon = success || (run->command.starts_daemon && !run->terminated);
  if (!leaves_daemon) run->process->signal(SIGKILL);  // what it left behind
  if (run->terminated)
    finish(*run, CommandResult::Outcome::timed_out, 0, "");
  else if (end.kind == Kind::not_started)
    finish(*run, CommandResult::Outcome::not_started, 0, end.why);
  else if (end.kind == Kind::unknown)
    finish(*run, CommandResult::Outcome::unknown, 0, end.why);
  else if (WIFEXITED(end.status))
    finish(*run, CommandResult::Outcome::exited, WEXITSTATUS(end.status), exit_text(end.status));
  else
    finish(*run, CommandResult::Outcome::signalled, WTERMSIG(end.status), exit_text(end.status));
  if (leaves_daemon && run->output) adopt_output(*run);
}

void CommandRunner::on_deadline(RunId id) {
  Run& run = *running_.at(id);
  if (!run.start_error.empty()) {
    const std::unique_ptr<Run> ended = std::move(running_[id]);
    running_.erase(id);
    return finish(*ended, CommandResult::Outcome::not_started, 0, ended->start_error);
  }
  const bool first = !std::exchange(run.terminated, true);
  run.deadline->arm(loop_.now() + kill_grace);  // and again, as long as it exists
  if (first && run.started) return run.process->signal(SIGTERM);
  run.process->signal(SIGKILL);
  if (run.started || !run.ended_because.empty())
    finish(run, CommandResult::Outcome::timed_out, 0, "");
  else
    finish(run, CommandResult::Outcome::unknown, 0, "systemd has not started it within " + readable(answer_limit));
}

void CommandRunner::finish(Run& run, CommandResult::Outcome outcome, int code, std::string text) {
  if (!run.done) return;
  CommandResult result;
  result.outcome = outcome;
  result.code = code;
  result.output = run.text;
  result.took = loop_.now() - run.began;
  if (outcome == CommandResult::Outcome::timed_out) {
    text = run.ended_because.empty() ? "timed out after " + readable(run.command.timeout) : run.ended_because;
  }
  const std::string said = one_line(run.text, 300);
  result.text = said.empty() ? text : text + ": " + said;
  std::exchange(run.done, nullptr)(result);
}

void CommandRunner::adopt_output(Run& run) {
  run.output_watch = IoWatch();
  if (inherited_.size() >= most_inherited) inherited_.pop_front();
  const auto place = inherited_.emplace(inherited_.end());
  place->output = std::move(run.output);
  place->watch = IoWatch(loop_, place->output.get(), EPOLLIN, [this, place](std::uint32_t) {
    std::array<char, 4096> discarded;
    const ssize_t size = read(place->output.get(), discarded.data(), discarded.size());
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) inherited_.erase(place);
  });
  place->watch.limit_rate(reading_interval, readings);
}

}  // namespace holdfast
