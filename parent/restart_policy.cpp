#include "parent/restart_policy.hpp"

#include "parent/text.hpp"

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

constexpr Duration first_pause = std::chrono::seconds(5);
constexpr Duration longest_pause = std::chrono::seconds(60);

Duration pause_after(int failures) {
  Duration pause = first_pause;
  for (int i = 1; i < failures && pause < longest_pause; ++i) pause *= 2;
  return std::min(pause, longest_pause);
}

}  // namespace

RestartPolicy::Actions RestartPolicy::on_down(bool was_up, TimePoint now) {
  down_ = true;
  switch (phase_) {
    case Phase::idle: return attempt(was_up, now);
    case Phase::settling: wait(now); return {};
    case Phase::examining:
    case Phase::restarting:
      // It had come back meanwhile: this is another fall, and the failover waits for what is under way.
      if (was_up && config_.before_failover > Duration::zero()) hold_until_ = now + config_.before_failover;
      return {};
    case Phase::waiting:
    case Phase::exhausted: return {};
  }
  return {};
}

void RestartPolicy::on_up() {
  down_ = false;
  failures_ = 0;
  said_exhausted_ = false;
  rest();
}

void RestartPolicy::on_unknown() {
  down_ = false;
  rest();
}

RestartPolicy::Actions RestartPolicy::on_examined(Verdict verdict, std::string finding, TimePoint now) {
  if (phase_ != Phase::examining) return {};
  if (!down_) {
    phase_ = Phase::idle;
    return {};
  }
  verdict_ = verdict;
  finding_ = std::move(finding);
  if (verdict == Verdict::go) return begin(now);
  wait(now);
  return {};
}

RestartPolicy::Actions RestartPolicy::on_finished(bool ok, TimePoint now, std::string why_not) {
  if (phase_ != Phase::restarting) return {};
  if (!down_) {
    phase_ = Phase::idle;
    return {};
  }
  if (!ok) {
    finding_ = std::move(why_not);
    wait(now);
    return {};
  }
  phase_ = Phase::settling;
  due_ = now + settle_;
  return {Action::probe_now};
}

RestartPolicy::Actions RestartPolicy::on_time(TimePoint now) {
  if (hold_until_ && *hold_until_ <= now) hold_until_.reset();
  if (!due_ || *due_ > now) return {};
  if (phase_ == Phase::settling) {
    wait(now);
    return {};
  }
  return attempt(false, now);
}

std::optional<TimePoint> RestartPolicy::next_deadline() const {
  if (!hold_until_) return due_;
  return due_ ? std::min(*due_, *hold_until_) : *hold_until_;
}

std::string RestartPolicy::text(TimePoint now) const {
  const auto until_due = [&] { return readable(std::chrono::ceil<std::chrono::seconds>(*due_ - now)); };
  switch (phase_) {
    case Phase::idle: return "";
    case Phase::examining: return "looking into it before a restart";
    case Phase::restarting:
      return "restarting, attempt " + std::to_string(attempts_.size()) + " of " + std::to_string(config_.limit);
    case Phase::settling: return "restarted, waiting for a good result";
    case Phase::waiting:
      if (verdict_ == Verdict::go) {
        return (finding_.empty() ? "the restart did not help" : "the restart failed: " + finding_) +
               "; next attempt in " + until_due();
      }
      return "not restarted: " + finding_ + "; looked at again in " + until_due();
    case Phase::exhausted: {
      const std::string spent =
          counted(config_.limit, "restart") + " within " + readable(config_.limit_window) + " spent";
      return due_ ? spent + ", next attempt in " + until_due() : spent;
    }
  }
  return "";
}

RestartPolicy::Actions RestartPolicy::attempt(bool hold, TimePoint now) {
  while (!attempts_.empty() && attempts_.front() + config_.limit_window <= now) attempts_.pop_front();
  due_.reset();
  if (attempts_.size() >= config_.limit) {
    phase_ = Phase::exhausted;
    if (!attempts_.empty()) due_ = attempts_.front() + config_.limit_window;
    if (said_exhausted_) return {};
    said_exhausted_ = true;
    return {Action::report_exhausted};
  }
  if (hold && config_.before_failover > Duration::zero()) hold_until_ = now + config_.before_failover;
  verdict_ = Verdict::go;
  if (config_.when == RestartConfig::When::always && config_.config_test.empty()) return begin(now);
  phase_ = Phase::examining;
  return {Action::examine};
}

RestartPolicy::Actions RestartPolicy::begin(TimePoint now) {
  attempts_.push_back(now);
  finding_.clear();
  phase_ = Phase::restarting;
  return {Action::start_restart};
}

void RestartPolicy::wait(TimePoint now) {
  hold_until_.reset();
  ++failures_;
  phase_ = Phase::waiting;
  due_ = now + pause_after(failures_);
}

// Back to idle, except that a running restart or examination is waited for: never two at a time.
void RestartPolicy::rest() {
  hold_until_.reset();
  if (phase_ == Phase::restarting || phase_ == Phase::examining) return;
  phase_ = Phase::idle;
  due_.reset();
}

}  // namespace holdfast
