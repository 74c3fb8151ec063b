#include "common/log.hpp"

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace holdfast {
namespace {

// Not where that would wait for a reader: a pipe takes PIPE_BUF bytes when it says that it is ready.
void write_to_stderr(LogLevel level, std::string_view text) {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (poll(&ready, 1, 0) != 1) return;
  std::fprintf(stderr, "%s: %.*s\n", to_string(level), static_cast<int>(text.size()), text.data());
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
