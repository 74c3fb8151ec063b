#include "common/log.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <string>
#include <utility>

namespace holdfast {
namespace {

// Used before a loop runs and after it ended, where the line is the only trace of what went wrong: it may wait for a
// slow reader, but not for one that never comes.
constexpr int patience_ms = 1000;

void write_to_stderr(LogLevel level, std::string_view text) {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (poll(&ready, 1, patience_ms) != 1) return;
  std::string line = std::string(to_string(level)) + ": " + std::string(text);
  line.resize(std::min<std::size_t>(line.size(), PIPE_BUF - 1));  // what a pipe takes at once when it says it is ready
  line += '\n';
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

LogSink& sink() {
  static LogSink current = write_to_stderr;
  return current;
}

}  // namespace

void set_log_sink(LogSink replacement) { sink() = replacement ? std::move(replacement) : write_to_stderr; }

void log(LogLevel level, std::string_view text) { sink()(level, text); }

void close_stderr() {
#ifndef __SANITIZE_ADDRESS__
  dup2(STDOUT_FILENO, STDERR_FILENO);  // /dev/null, which a confined child can't open any more
#endif
}

}  // namespace holdfast
