// One thing that somebody may want to be told of. Pure.
#pragma once

#include "common/config/notify_model.hpp"
#include "common/types.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

struct Notification {
  // What it means to who waits for the end of something.
  enum class Status : std::uint8_t { news, problem, recovery };

  std::uint64_t serial = 0;  // unique in the life of the daemon
  TimePoint at;
  std::string event;                   // for programs: "active", "still_active", "check_down", "test"
  std::optional<NotifyEvent> kind;     // what `on` must hold; nothing: only for who was told of the problem it ends
  std::string topic;                   // what it is about: "VI_1", "check nginx", "conflict of VI_1"
  std::vector<std::string> instances;  // whom it concerns
  Status status = Status::news;        // a recovery counts as news for who was not told of the problem
  std::string from;                    // of a change that may become one with others: the state before it ...
  std::string to;                      // ... and after it
  std::string title;                   // a subject: "VI_1 is active"
  std::string text;                    // a sentence: "VI_1: backup -> active: REASON"
  std::string reason;                  // the last part of `text`; may be empty
  std::map<std::string, std::string> fields;  // the other values that templates and environments get
  std::optional<std::uint64_t> answers;       // the notification of the problem that it ends or goes on with
};

constexpr const char* to_string(Notification::Status status) {
  switch (status) {
    case Notification::Status::news: return "news";
    case Notification::Status::problem: return "problem";
    case Notification::Status::recovery: return "recovery";
  }
  return "?";
}

}  // namespace holdfast
