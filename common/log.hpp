// Where a process says something. The sink decides where it goes: in the parent to the journal or stderr,
// in a child to the parent as a message. Before a sink is set, lines go to stderr.
#pragma once

#include "common/types.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace holdfast {

using LogSink = std::function<void(LogLevel level, std::string_view text)>;

void set_log_sink(LogSink sink);  // an empty one: stderr again
void log(LogLevel level, std::string_view text);

// For a child whose sink works: from here on nothing it writes by itself reaches the parent's log; stderr goes where
// stdout goes, which is /dev/null in a child. Keeps stderr in builds with sanitizers, which report there.
void close_stderr();

}  // namespace holdfast
