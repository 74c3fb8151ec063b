// What one target is still to be told, in order. Pure.
//
// One message is on its way at a time. A target that fails is left alone for a growing pause; a message that could not
// be delivered for an hour is dropped, like the oldest ones of a queue that is full, and the next that gets through
// says how many were lost.
//
// While a target is slow or fails, what waits for it grows old. So changes of one thing that wait become one message:
// "VI_1: active, and back again, 3 times in 10s". A command that follows states like keepalived's must see each of
// them: for those this happens only when the queue is full.
//
// Who was told of a problem is told of its end, whatever he asked for.
#pragma once

#include "parent/notification.hpp"

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

class NotificationQueue {
 public:
  struct Policy {
    std::size_t limit = 64;   // messages that wait
    bool merge_early = true;  // changes that wait become one at once, not only when the queue is full
    bool repeat = true;       // a failed message is sent again
    bool recoveries = true;   // the end of a problem that was told is told
  };
  struct Counters {
    std::size_t queued = 0;  // waiting or on its way
    std::uint64_t sent = 0;
    std::uint64_t failed = 0;   // attempts
    std::uint64_t dropped = 0;  // never delivered
    std::string last_error;     // of the last attempt, empty when it succeeded
  };

  static constexpr Duration first_pause = std::chrono::seconds(5);
  static constexpr Duration longest_pause = std::chrono::minutes(5);
  static constexpr Duration patience = std::chrono::hours(1);

  NotificationQueue(Policy policy, std::vector<NotifyEvent> on, std::vector<std::string> instances);

  // Takes what the target is to be told; ignores the rest.
  void add(Notification notification);
  // What to send now, if anything; its fate is to be told by finished().
  std::optional<Notification> next(TimePoint now);
  // error: empty when it was delivered.
  void finished(const std::string& error, TimePoint now);
  // When next() may have something.
  std::optional<TimePoint> next_deadline() const;

  // The target has another configuration: what it wants from now on; and it is tried anew.
  void reconfigure(std::vector<NotifyEvent> on, std::vector<std::string> instances);
  void set_policy(Policy policy) { policy_ = policy; }
  // It can be told again, as was seen elsewhere.
  void reachable();
  // The daemon leaves: everything is tried at once, and once.
  void close();
  bool idle() const { return waiting_.empty() && !in_flight_; }
  Counters counters() const;
  // How long the target is left alone after its last failure; zero: it is not.
  Duration pause() const { return pause_; }

 private:
  struct Entry {
    Notification latest;
    // Of changes that became one:
    std::size_t changes = 1;
    std::string first_from;
    std::string other;       // the state besides first_from, as long as there are only two
    bool alternates = true;  // between these two
    TimePoint first_at;
    std::optional<TimePoint> tried_since;
  };
  struct Problem {
    std::uint64_t serial;
    std::string title;
    TimePoint since;
  };

  bool concerns(const Notification& notification) const;
  bool wants(const Notification& notification) const;
  bool will_tell_problem(const std::string& topic) const;
  bool merge_into_waiting(const Notification& notification);
  static void merge(Entry& entry, const Notification& later);
  void merge_all();
  void drop_oldest();
  Notification composed(const Entry& entry) const;

  Policy policy_;
  std::vector<NotifyEvent> on_;
  std::vector<std::string> instances_;
  std::deque<Entry> waiting_;
  std::optional<Entry> in_flight_;
  std::map<std::string, Problem> problems_;  // told, or on their way: by topic
  TimePoint not_before_;
  Duration pause_{};
  std::uint64_t untold_drops_ = 0;  // since the last that was delivered
  std::uint64_t told_with_flight_ = 0;
  bool closed_ = false;
  Counters counters_;
};

}  // namespace holdfast
