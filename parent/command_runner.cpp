#include "parent/command_runner.hpp"

#include "common/privileges.hpp"
#include "parent/text.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

namespace holdfast {
namespace {

constexpr std::array search_path{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
constexpr std::size_t most_inherited = 64;
constexpr int safe_descriptors = 100;  // out of the way of dup2
// Who writes without end is read this often, and waits in between.
constexpr Duration reading_interval = std::chrono::milliseconds(100);
constexpr unsigned readings = 16;

std::string joined_search_path() {
  std::string joined = "PATH=";
  for (const char* folder : search_path) {
    if (joined.back() != '=') joined += ":";
    joined += folder;
  }
  return joined;
}

// The files that argv[0] may mean, in order.
std::vector<std::string> candidates(const std::string& program) {
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> paths;
  for (const char* folder : search_path) paths.push_back(std::string(folder) + "/" + program);
  return paths;
}

std::string exec_failure(const std::string& program, int error) {
  switch (error) {
    case ENOENT:
      return program.find('/') == std::string::npos
                 ? "there is no program '" + program + "' in " + joined_search_path().substr(5)
                 : "'" + program + "', or the interpreter in its first line, does not exist";
    case EACCES: return "'" + program + "' is not executable for the user it runs as (try: chmod 755 " + program + ")";
    case ENOEXEC: return "'" + program + "' is not a program: a script needs a first line like #!/bin/sh";
    default: return "cannot execute '" + program + "': " + std::strerror(error);
  }
}

// A file without a name that holds the text, to be read from its beginning.
Result<Fd> file_with(const std::string& text) {
  const auto failed = [] { return Error{std::string("cannot pass its input on: ") + std::strerror(errno)}; };
  Fd file(memfd_create("input", MFD_CLOEXEC));
  if (!file) return failed();
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t size = write(file.get(), text.data() + written, text.size() - written);
    if (size < 0) return failed();
    written += static_cast<std::size_t>(size);
  }
  if (lseek(file.get(), 0, SEEK_SET) != 0) return failed();
  return file;
}

// Becomes who shall run the command; the error says why not.
Status assume_identity(const Command& command) {
  const Account& account = command.account;
  if (command.program >= 0) {
    const rlimit no_core{0, 0};  // a core would hold the secrets of its input
    setrlimit(RLIMIT_CORE, &no_core);
    return shed_privileges({account.uid, account.gid, ""}, {});
  }
  if (setgroups(account.groups.size(), account.groups.data()) != 0 ||
      setresgid(account.gid, account.gid, account.gid) != 0 || setresuid(account.uid, account.uid, account.uid) != 0) {
    return Error{"cannot become user " + std::to_string(account.uid) + ": " + std::strerror(errno)};
  }
  return {};
}

// In the new process; returns only with the reason why it did not become the command. `input`: -1 for none.
std::string become_command(const Command& command, int output, int input) {
  setpgid(0, 0);
  umask(022);
  const int program = command.program < 0 ? -1 : fcntl(command.program, F_DUPFD_CLOEXEC, safe_descriptors);
  const int null = input >= 0 ? input : open("/dev/null", O_RDONLY | O_CLOEXEC);
  // /dev/null may come out as 0 itself; dup2 onto itself would keep the close-on-exec flag.
  if (null > 0)
    dup2(null, 0);
  else if (null == 0)
    fcntl(0, F_SETFD, 0);
  dup2(output, 1);
  dup2(output, 2);
  if (chdir("/") != 0) return std::string("cannot change to /: ") + std::strerror(errno);

  if (const Status assumed = assume_identity(command); !assumed) return assumed.error().text;

  std::vector<char*> argv;
  for (const std::string& argument : command.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::string path = joined_search_path();
  std::string language = "LANG=C";
  std::vector<char*> environment{path.data(), language.data()};
  for (const std::string& variable : command.environment) environment.push_back(const_cast<char*>(variable.c_str()));
  environment.push_back(nullptr);

  if (program >= 0) {
    fexecve(program, argv.data(), environment.data());
    return "cannot execute '" + command.argv.front() + "': " + std::strerror(errno);
  }
  int error = ENOENT;
  for (const std::string& file : candidates(command.argv.front())) {
    execve(file.c_str(), argv.data(), environment.data());
    // A file that exists but can't be run says more than the folders where there is none.
    if (errno != ENOENT && errno != ENOTDIR) error = errno;
  }
  return exec_failure(command.argv.front(), error);
}

}  // namespace

struct CommandRunner::Run {
  RunId id = 0;
  Command command;
  Done done;  // empty once it has been called
  TimePoint started;
  SpawnedProcess process;
  ChildWatch exit;
  Fd output;
  IoWatch output_watch;
  std::string text;  // of the output
  std::unique_ptr<Timer> deadline;
  bool terminated = false;
  std::string ended_because;  // not the timeout
  std::string start_error;
};

Result<Account> find_account(const std::string& user) {
  const passwd* entry = getpwnam(user.c_str());
  if (!entry) return Error{"there is no user '" + user + "' on this host"};
  Account account{entry->pw_uid, entry->pw_gid, {}};
  int count = 64;
  account.groups.resize(static_cast<std::size_t>(count));
  if (getgrouplist(user.c_str(), account.gid, account.groups.data(), &count) < 0) {
    account.groups.resize(static_cast<std::size_t>(count));
    getgrouplist(user.c_str(), account.gid, account.groups.data(), &count);
  }
  account.groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  return account;
}

CommandRunner::CommandRunner(EventLoop& loop) : loop_(loop) {}

CommandRunner::~CommandRunner() {
  for (const auto& [id, run] : running_) {
    if (run->process.pid > 0) kill(-run->process.pid, SIGTERM);
  }
}

CommandRunner::RunId CommandRunner::run(Command command, Done done) {
  const RunId id = ++last_id_;
  Run& run = *(running_[id] = std::make_unique<Run>());
  run.id = id;
  run.command = std::move(command);
  run.done = std::move(done);
  run.started = loop_.now();
  run.deadline = std::make_unique<Timer>(loop_, [this, id] { on_deadline(id); });

  if (auto process = start(run.command, run)) {
    run.process = std::move(*process);
    setpgid(run.process.pid, run.process.pid);  // here too, so that the group exists before any kill
    run.exit = ChildWatch(loop_, run.process.pid, [this, id](int status) { on_exit(id, status); });
    run.deadline->arm(run.started + run.command.timeout);
  } else {
    run.start_error = process.error().text;
    run.deadline->arm(run.started);
  }
  return id;
}

void CommandRunner::end(RunId id, const std::string& why) {
  const auto found = running_.find(id);
  if (found == running_.end() || found->second->terminated) return;
  found->second->ended_because = why;
  found->second->deadline->arm(loop_.now());
}

Result<SpawnedProcess> CommandRunner::start(const Command& command, Run& run) {
  if (command.argv.empty() || command.argv.front().empty()) return Error{"the command is empty"};
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error{std::string("cannot make a pipe: ") + std::strerror(errno)};
  run.output = Fd(ends[0]);
  const Fd write_end(ends[1]);
  fcntl(run.output.get(), F_SETFL, O_NONBLOCK);
  run.output_watch = IoWatch(loop_, run.output.get(), EPOLLIN, [this, &run](std::uint32_t) { read_output(run); });
  run.output_watch.limit_rate(reading_interval, readings);
  Fd input;
  if (!command.input.empty()) {
    auto file = file_with(command.input);
    if (!file) return file.error();
    input = std::move(*file);
  }
  return spawn([&] { return become_command(command, write_end.get(), input ? input.get() : -1); });
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

void CommandRunner::on_exit(RunId id, int status) {
  const auto found = running_.find(id);
  const std::unique_ptr<Run> run = std::move(found->second);
  running_.erase(found);
  read_output(*run);

  const std::string failure = spawn_failure(run->process);
  const bool success = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!success)
    kill(-run->process.pid, SIGKILL);  // what it left behind; the process is not reaped yet, so the id is its
  if (!failure.empty())
    finish(*run, CommandResult::Outcome::not_started, 0, failure);
  else if (run->terminated)
    finish(*run, CommandResult::Outcome::timed_out, 0, "");
  else if (WIFEXITED(status))
    finish(*run, CommandResult::Outcome::exited, WEXITSTATUS(status), exit_text(status));
  else
    finish(*run, CommandResult::Outcome::signalled, WTERMSIG(status), exit_text(status));
  if (success && run->output) adopt_output(*run);
}

void CommandRunner::on_deadline(RunId id) {
  Run& run = *running_.at(id);
  if (!run.start_error.empty()) {
    const std::unique_ptr<Run> ended = std::move(running_[id]);
    running_.erase(id);
    return finish(*ended, CommandResult::Outcome::not_started, 0, ended->start_error);
  }
  if (!run.terminated) {
    run.terminated = true;
    kill(-run.process.pid, SIGTERM);
    run.deadline->arm(loop_.now() + kill_grace);
    return;
  }
  kill(-run.process.pid, SIGKILL);
  finish(run, CommandResult::Outcome::timed_out, 0, "");
}

void CommandRunner::finish(Run& run, CommandResult::Outcome outcome, int code, std::string text) {
  if (!run.done) return;
  CommandResult result;
  result.outcome = outcome;
  result.code = code;
  result.output = run.text;
  result.took = loop_.now() - run.started;
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
