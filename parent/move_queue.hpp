// The runs of an instance's `move`: the latest state wins. One run at a time; a state that comes during a run gets its
// own afterwards, even if it is the same one again, since another host may have moved the address in between; of
// several only the last counts. A run that fails is repeated until it succeeds or another state has come. Pure.
#pragma once

#include "parent/notification.hpp"

#include <optional>
#include <string>
#include <utility>

namespace holdfast {

class MoveQueue {
 public:
  enum class State : std::uint8_t { idle, running, waiting };  // waiting: for the next attempt

  explicit MoveQueue(Duration retry) : retry_(retry) {}
  void set_retry(Duration retry) { retry_ = retry; }

  void want(Notification state) {
    wanted_ = std::move(state);
    due_ = {};
    attempts_ = 0;
  }
  // The state changed to one that needs no run: what was wanted is not any more.
  void forget() {
    wanted_.reset();
    last_error_.clear();
  }
  // What to run now, if anything; its fate is to be told by finished().
  std::optional<Notification> next(TimePoint now) {
    if (running_ || !wanted_ || now < due_) return std::nullopt;
    running_ = wanted_->serial;
    ++attempts_;
    return wanted_;
  }
  // error: empty after a success.
  void finished(const std::string& error, TimePoint now) {
    const auto serial = std::exchange(running_, std::nullopt);
    const bool is_latest = wanted_ && wanted_->serial == serial;
    if (!error.empty()) ++failed_;
    last_error_ = error;
    if (!is_latest) return;
    if (error.empty())
      wanted_.reset();
    else
      due_ = now + retry_;
  }
  std::optional<TimePoint> next_deadline() const { return running_ || !wanted_ ? std::nullopt : std::optional(due_); }
  // The daemon leaves: what waits for another attempt is given up.
  void close() {
    if (!running_ && due_ != TimePoint{}) wanted_.reset();
    retry_ = std::chrono::hours(1);
  }
  // Nothing runs, and nothing would without waiting.
  bool idle() const { return !running_ && (!wanted_ || due_ != TimePoint{}); }

  State state() const { return running_ ? State::running : wanted_ ? State::waiting : State::idle; }
  std::uint64_t attempts() const { return attempts_; }           // of the latest state
  std::uint64_t failed() const { return failed_; }               // since the start
  const std::string& last_error() const { return last_error_; }  // of the last run, empty when it succeeded

 private:
  Duration retry_;
  std::optional<Notification> wanted_;
  std::optional<std::uint64_t> running_;
  TimePoint due_;
  std::uint64_t attempts_ = 0;
  std::uint64_t failed_ = 0;
  std::string last_error_;
};

constexpr const char* to_string(MoveQueue::State state) {
  switch (state) {
    case MoveQueue::State::idle: return "idle";
    case MoveQueue::State::running: return "running";
    case MoveQueue::State::waiting: return "waiting";
  }
  return "?";
}

}  // namespace holdfast
