#include "common/log.hpp"

#include <cstdio>
#include <utility>

namespace holdfast {
namespace {

LogSink& sink() {
  static LogSink current = [](LogLevel level, std::string_view text) {
    std::fprintf(stderr, "%s: %.*s\n", to_string(level), static_cast<int>(text.size()), text.data());
  };
  return current;
}

}  // namespace

void set_log_sink(LogSink replacement) { sink() = std::move(replacement); }

void log(LogLevel level, std::string_view text) { sink()(level, text); }

}  // namespace holdfast
