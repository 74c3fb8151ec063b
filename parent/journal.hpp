// The daemon's log. Only this thread ever waits for journald or a pipe: everybody else leaves an entry
// in a bounded queue and goes on; what does not fit is counted, and the count is logged when there is room.
#pragma once

#include "common/types.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace holdfast {

struct JournalEntry {
  LogLevel level = LogLevel::info;
  std::string text;
  const char* message_id = nullptr;                         // one of message_ids.hpp
  std::vector<std::pair<const char*, std::string>> fields;  // "HOLDFAST_INSTANCE", "VI_1"
};

// Who writes entries takes one of these.
using JournalSink = std::function<void(JournalEntry)>;

class Journal {
 public:
  enum class Target { journald, text };

  static constexpr std::size_t queue_limit = 4096;

  // Entries below `threshold` are dropped. Text goes to `text_fd`, which stays the caller's.
  Journal(LogLevel threshold, Target target, int text_fd);
  // Writes what is queued, but waits at most a second for a reader that does not read.
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Never waits.
  void write(JournalEntry entry);

  // journald when systemd connected our stderr to it, else text.
  static Target target_of_stderr();

 private:
  struct Shared;
  LogLevel threshold_;
  std::shared_ptr<Shared> shared_;  // outlives us while the thread hangs in a write
};

}  // namespace holdfast
