#include "parent/child_pace.hpp"

#include <algorithm>

namespace holdfast {
namespace {

constexpr Duration late = Heartbeat::interval / 2;
// A Ping that is out for less than this does not make its answer missing.
constexpr Duration answer_time = std::chrono::milliseconds(100);

constexpr Duration first_pause = std::chrono::seconds(1);
constexpr Duration longest_pause = std::chrono::seconds(30);

}  // namespace

void Heartbeat::begin(TimePoint now) {
  last_ping_ = last_pong_ = patience_from_ = due_ = now;
  sent_ = answered_ = 0;
}

std::optional<std::uint64_t> Heartbeat::tick(TimePoint now) {
  if (now - due_ > late)
    patience_from_ = now;
  else if (answered_ < sent_ && now - patience_from_ > limit_)
    return std::nullopt;
  due_ = now + interval;
  last_ping_ = now;
  return ++sent_;
}

bool Heartbeat::pong(std::uint64_t serial, TimePoint now) {
  if (serial <= answered_ || serial > sent_) return false;
  answered_ = serial;
  last_pong_ = patience_from_ = now;
  return true;
}

TimePoint Heartbeat::alive_until(TimePoint end) const {
  return answered_ == sent_ || end - last_ping_ <= answer_time ? end : last_pong_;
}

Duration RestartPace::pause_after(Duration lifetime) {
  if (lifetime >= longest_pause) next_ = Duration::zero();
  const Duration pause = next_;
  next_ = std::min(longest_pause, pause == Duration::zero() ? first_pause : pause * 2);
  return pause;
}

bool Frequency::count(TimePoint now) {
  times_.push_back(now);
  while (times_.front() + window_ <= now) times_.pop_front();
  return times_.size() >= limit_;
}

}  // namespace holdfast
