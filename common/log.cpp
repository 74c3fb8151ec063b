#include "common/log.hpp"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace holdfast {
namespace {

void write_to_stderr(LogLevel level, std::string_view text) {
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
