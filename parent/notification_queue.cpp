#include "parent/notification_queue.hpp"

#include "parent/text.hpp"

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

constexpr std::size_t most_problems = 10'000;  // topics are instances and checks: more than there can be

bool is_change(const Notification& notification) { return !notification.to.empty(); }

std::string times(std::size_t count) { return count == 1 ? "once" : std::to_string(count) + " times"; }

}  // namespace

NotificationQueue::NotificationQueue(Policy policy, std::vector<NotifyEvent> on, std::vector<std::string> instances)
    : policy_(policy), on_(std::move(on)), instances_(std::move(instances)) {}

void NotificationQueue::reconfigure(std::vector<NotifyEvent> on, std::vector<std::string> instances) {
  on_ = std::move(on);
  instances_ = std::move(instances);
  reachable();
}

void NotificationQueue::reachable() {
  counters_.last_error.clear();
  not_before_ = {};
  pause_ = {};
}

bool NotificationQueue::concerns(const Notification& notification) const {
  return instances_.empty() ||
         std::any_of(notification.instances.begin(), notification.instances.end(), [&](auto& name) {
           return std::find(instances_.begin(), instances_.end(), name) != instances_.end();
         });
}

bool NotificationQueue::wants(const Notification& notification) const {
  return notification.kind && std::find(on_.begin(), on_.end(), *notification.kind) != on_.end();
}

void NotificationQueue::add(Notification notification) {
  if (!concerns(notification)) return;
  if (policy_.merge_early && merge_into_waiting(notification)) return;

  const auto problem = problems_.find(notification.topic);
  const bool is_known = problem != problems_.end() || will_tell_problem(notification.topic);
  const bool ends = policy_.recoveries && notification.status == Notification::Status::recovery && is_known;
  if (!ends && !wants(notification)) return;
  if (notification.status == Notification::Status::recovery && !ends) notification.status = Notification::Status::news;
  if (policy_.recoveries && problem != problems_.end()) notification.answers = problem->second.serial;

  if (waiting_.size() >= policy_.limit) merge_all();
  if (waiting_.size() >= policy_.limit) drop_oldest();
  Entry entry;
  entry.first_from = notification.from;
  entry.other = notification.to;
  entry.first_at = notification.at;
  entry.latest = std::move(notification);
  waiting_.push_back(std::move(entry));
}

// Whether a problem of this topic waits, or is on its way: its end is to follow it.
bool NotificationQueue::will_tell_problem(const std::string& topic) const {
  const auto is_it = [&](const Entry& entry) {
    return entry.latest.topic == topic && entry.latest.status == Notification::Status::problem;
  };
  return (in_flight_ && is_it(*in_flight_)) || std::any_of(waiting_.begin(), waiting_.end(), is_it);
}

// ---- many become one ----

bool NotificationQueue::merge_into_waiting(const Notification& notification) {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Entry& entry) {
    return entry.latest.topic == notification.topic && is_change(entry.latest) == is_change(notification) &&
           (is_change(notification) || entry.latest.event == notification.event);
  });
  if (found == waiting_.end()) return false;
  merge(*found, notification);
  return true;
}

void NotificationQueue::merge(Entry& entry, const Notification& later) {
  ++entry.changes;
  const std::string& expected = entry.latest.to == entry.first_from ? entry.other : entry.first_from;
  entry.alternates = entry.alternates && later.from == entry.latest.to && later.to == expected;
  const auto answers = entry.latest.answers;
  entry.latest = later;
  entry.latest.answers = answers;
  entry.tried_since.reset();  // the latest is news, however old the first is
}

void NotificationQueue::merge_all() {
  std::deque<Entry> all = std::exchange(waiting_, {});
  for (Entry& entry : all) {
    // Entries that already stand for several don't meet their like again: they took in whatever came after them.
    if (entry.changes > 1 || !merge_into_waiting(entry.latest)) waiting_.push_back(std::move(entry));
  }
}

void NotificationQueue::drop_oldest() {
  waiting_.pop_front();
  ++counters_.dropped;
  ++untold_drops_;
}

Notification NotificationQueue::composed(const Entry& entry) const {
  Notification message = entry.latest;
  if (entry.changes > 1) {
    const std::string span = readable(message.at - entry.first_at);
    std::string happened;
    if (!is_change(message)) {
      happened = message.text + " (" + times(entry.changes) + " in " + span + ")";
    } else if (message.to == entry.first_from && entry.alternates) {
      happened = message.topic + ": " + entry.other + ", and back again, " + times(entry.changes / 2) + " in " + span +
                 "; it is " + message.to + (message.reason.empty() ? "" : ": " + message.reason);
    } else {
      happened = message.topic + ": " + entry.first_from + " -> " + message.to + " after " +
                 counted(entry.changes, "change") + " in " + span +
                 (message.reason.empty() ? "" : ": " + message.reason);
    }
    message.text = happened;
    message.from = entry.first_from;
  }
  const auto problem = problems_.find(message.topic);
  if (problem != problems_.end() && message.status == Notification::Status::recovery) {
    message.answers = problem->second.serial;
    message.title = problem->second.title;
    message.text += " (it had lasted " + readable(message.at - problem->second.since) + ")";
  } else if (message.status == Notification::Status::recovery) {
    message.status = Notification::Status::news;
  }
  if (untold_drops_ > 0) {
    message.text += " [" + counted(untold_drops_, "notification") + " before this one could not be delivered]";
  }
  return message;
}

// ---- one after the other ----

std::optional<Notification> NotificationQueue::next(TimePoint now) {
  if (in_flight_ || waiting_.empty() || now < not_before_) return std::nullopt;
  in_flight_ = std::move(waiting_.front());
  waiting_.pop_front();
  if (!in_flight_->tried_since) in_flight_->tried_since = now;
  told_with_flight_ = untold_drops_;
  Notification message = composed(*in_flight_);
  if (policy_.recoveries && message.status == Notification::Status::problem && problems_.size() < most_problems) {
    problems_.try_emplace(message.topic, Problem{message.serial, message.title, in_flight_->first_at});
  }
  return message;
}

void NotificationQueue::finished(const std::string& error, TimePoint now) {
  Entry entry = std::move(*in_flight_);
  in_flight_.reset();
  counters_.last_error = error;
  const bool was_recovery = entry.latest.status == Notification::Status::recovery;
  if (error.empty()) {
    ++counters_.sent;
    untold_drops_ -= told_with_flight_;
    pause_ = {};
    not_before_ = {};
    if (was_recovery) problems_.erase(entry.latest.topic);
    return;
  }
  ++counters_.failed;
  if (!policy_.repeat) return;
  if (entry.latest.status == Notification::Status::problem) {
    // Nobody was told of it unless an earlier message was: then the end is not told either, until this one is.
    const auto problem = problems_.find(entry.latest.topic);
    if (problem != problems_.end() && problem->second.serial == entry.latest.serial) problems_.erase(problem);
  }
  pause_ = pause_ == Duration::zero() ? first_pause : std::min(2 * pause_, longest_pause);
  not_before_ = now + pause_;
  if (closed_) {
    ++counters_.dropped;
    not_before_ = {};  // the others have their one attempt, too
    return;
  }
  if (now - *entry.tried_since >= patience) {
    ++counters_.dropped;
    ++untold_drops_;
    return;
  }
  // What came in the meantime and is about the same becomes one with it.
  waiting_.push_front(std::move(entry));
  if (policy_.merge_early) {
    Entry& front = waiting_.front();
    for (auto it = std::next(waiting_.begin()); it != waiting_.end();) {
      const bool same = it->changes == 1 && it->latest.topic == front.latest.topic && is_change(it->latest) &&
                        is_change(front.latest);
      if (same) merge(front, it->latest);
      it = same ? waiting_.erase(it) : std::next(it);
    }
  }
  if (waiting_.size() > policy_.limit) drop_oldest();
}

std::optional<TimePoint> NotificationQueue::next_deadline() const {
  if (in_flight_ || waiting_.empty()) return std::nullopt;
  return not_before_;
}

void NotificationQueue::close() {
  closed_ = true;
  not_before_ = {};
}

NotificationQueue::Counters NotificationQueue::counters() const {
  Counters counters = counters_;
  counters.queued = waiting_.size() + (in_flight_ ? 1 : 0);
  return counters;
}

}  // namespace holdfast
