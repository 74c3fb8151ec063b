#include "checker_child/core/check.hpp"

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

// The parent ends a script that takes too long and says so itself; and while systemd or the bus is away, which says
// nothing against what is checked, it tries again for up to 10 seconds. Only when it says nothing is the run given up
// here.
constexpr Duration script_grace = std::chrono::seconds(12);

Duration patience_for(const CheckSpec& spec) {
  return std::holds_alternative<ScriptProbe>(spec.probe) ? spec.timeout + script_grace : spec.timeout;
}

}  // namespace

Check::Check(const CheckSpec& spec, TimePoint now, Duration phase, std::uint64_t first_run, const Past* past)
    : interval_(spec.interval),
      patience_(patience_for(spec)),
      late_text_("no answer within " + seconds_text(patience_)),
      rise_(spec.rise),
      fall_(spec.fall),
      next_run_(now),
      phase_(phase),
      last_number_(first_run - 1),
      since_(now) {
  if (!past) return;
  status_ = past->status;
  since_ = past->since;
  detail_ = past->detail;
}

TimePoint Check::due() const { return running_ ? std::min(started_ + patience_, next_run_) : next_run_; }

CheckActions Check::advance(TimePoint now, std::string_view waiting_for) {
  CheckActions actions;
  if (running_ && now >= started_ + patience_) {
    ProbeResult late{.good = false, .detail = late_text_, .took = patience_};
    if (!waiting_for.empty()) late.detail += ": " + std::string(waiting_for);
    const auto number = *running_;
    actions = finished(now, number, late);
    actions.cancel = true;
  }
  if (now < next_run_) return actions;
  if (running_)
    skip_passed_slots(now);
  else
    actions.start = start(now).start;
  return actions;
}

CheckActions Check::finished(TimePoint now, std::uint64_t run, const ProbeResult& result) {
  if (running_ != run) return {};
  running_.reset();
  latency_ = result.took.value_or(now - started_);
  CheckActions actions;
  actions.changed = count(now, result, fall_);
  if (again_) actions.start = start(now).start;
  return actions;
}

CheckActions Check::event(TimePoint now, const ProbeResult& result) {
  CheckActions actions;
  actions.changed = count(now, result, 1);
  return actions;
}

CheckActions Check::probe_now(TimePoint now) {
  if (!running_) return start(now);
  again_ = true;
  return {};
}

CheckActions Check::start(TimePoint now) {
  if (now >= next_run_) skip_passed_slots(now);
  again_ = false;
  running_ = ++last_number_;
  started_ = now;
  CheckActions actions;
  actions.start = running_;
  return actions;
}

void Check::skip_passed_slots(TimePoint now) {
  next_run_ -= std::exchange(phase_, Duration{});
  next_run_ += ((now - next_run_) / interval_ + 1) * interval_;
}

bool Check::count(TimePoint now, const ProbeResult& result, std::uint32_t needed_to_fall) {
  ++runs_;
  if (!result.good) ++failures_;
  detail_ = result.detail;
  const CheckStatus says = result.good ? CheckStatus::up : CheckStatus::down;
  if (!decided_) {
    decided_ = true;
    decide(now, says);
    return true;
  }
  if (says == status_) {
    against_ = 0;
    return false;
  }
  ++against_;
  return against_ >= (result.good ? rise_ : needed_to_fall) && decide(now, says);
}

bool Check::decide(TimePoint now, CheckStatus status) {
  against_ = 0;
  if (status != status_) since_ = now;
  status_ = status;
  return true;
}

std::string Check::detail() const {
  if (against_ == 0) return detail_;
  const bool rising = status_ == CheckStatus::down;
  return detail_ + " (" + std::to_string(against_) + " of the " + std::to_string(rising ? rise_ : fall_) +
         (rising ? " good results that make it up)" : " bad results that make it down)");
}

CheckReport Check::report(CheckId id) const {
  return {.id = id,
          .status = status_,
          .since = since_,
          .detail = detail(),
          .runs = runs_,
          .failures = failures_,
          .latency = latency_};
}

Duration phase_of(CheckId id, Duration interval) {
  // Multiples of the golden ratio, taken as a fraction, never crowd together.
  const std::uint32_t fraction = id.value * 2654435769u;
  return Duration(static_cast<Duration::rep>(static_cast<double>(interval.count()) * fraction / 4294967296.0));
}

std::string seconds_text(Duration duration) {
  const auto microseconds = duration.count();
  const auto with_tenths = [](auto value, auto unit, const char* name) {
    std::string text = std::to_string(value / unit);
    if (const auto tenths = value % unit * 10 / unit; tenths != 0) text += "." + std::to_string(tenths);
    return text + " " + name;
  };
  if (microseconds >= 1'000'000) return with_tenths(microseconds, 1'000'000, "s");
  return with_tenths(microseconds, 1'000, "ms");
}

}  // namespace holdfast
