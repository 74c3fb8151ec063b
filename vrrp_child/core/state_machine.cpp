#include "vrrp_child/core/state_machine.hpp"

#include "vrrp_child/core/timing.hpp"

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

// An address that somebody keeps deleting is put back at most this often.
constexpr Duration restore_pause = std::chrono::seconds(1);

// A resignation is said three times within 5 ms, against loss, and never again: each one restarts the timer
// of the backups that hear it.
constexpr int resignations = 3;
constexpr Duration resignation_pause = std::chrono::milliseconds(2);

// A periodic time after one that was due: without drift, and without a burst after a stall.
TimePoint next_period(TimePoint due, Duration period, TimePoint now) {
  return due + period > now ? due + period : now + period;
}

}  // namespace

StateMachine::Settings StateMachine::settings_of(const VirtualRouterConfig& config) {
  return {.version = config.version,
          .advert_interval = config.advert_interval,
          .preempt = config.preempt,
          .preempt_delay = config.preempt_delay,
          .return_after = config.return_after,
          .timers = config.timers,
          .lease = config.lease,
          .announce_repeat_after = config.announce.repeat_after,
          .announce_refresh = config.announce.refresh,
          .handover_silence = handover_silence(config)};
}

StateMachine::StateMachine(const VirtualRouterConfig& config, Standing standing, std::optional<TimePoint> was_active_at)
    : settings_(settings_of(config)),
      standing_(std::move(standing)),
      was_active_at_(was_active_at),
      was_fit_(standing_.fitness == Fitness::fit),
      active_advert_interval_(config.advert_interval) {}

// The only place that changes the state. Timers of the state that is left are cancelled here.
void StateMachine::enter(InstanceState state, Reason reason, TimePoint now, Actions& actions) {
  reason.own_priority = own_priority();
  active_down_at_ = advert_at_ = lease_at_ = announce_at_ = restore_at_ = never;
  silence_.reset();
  active_router_.reset();
  obeyed_.reset();
  takeover_cause_ = Cause::active_silent;
  away_ = false;
  actions.push_back(Transition{state_, state, reason});
  const bool takes_part = state == InstanceState::backup || state == InstanceState::active;
  if (!takes_part)
    up_since_.reset();
  else if (!up_since_)
    up_since_ = now;
  if (state == InstanceState::active) became_active_because_ = reason.cause;
  state_ = state;
  since_ = now;
  reason_ = std::move(reason);
}

// ---- levels: link and standing ----

void StateMachine::on_link(LinkCondition link, TimePoint now, Actions& actions) {
  notice_sleep(now);
  link_ = std::move(link);
  reconsider(now, actions);
}

void StateMachine::on_standing(Standing standing, TimePoint now, Actions& actions) {
  notice_sleep(now);
  const Standing before = std::exchange(standing_, std::move(standing));
  if (before.fitness == Fitness::demoted && standing_.fitness == Fitness::fit && was_fit_) {
    // A restart of the checked service must not move the address twice.
    preempt_from_ = std::max(preempt_from_, now + settings_.return_after);
  }
  was_fit_ = was_fit_ || standing_.fitness == Fitness::fit;
  if (state_ == InstanceState::backup && !following_) {
    const bool well_again = before.fitness == Fitness::demoted && standing_.fitness == Fitness::fit;
    if (takeover_cause_ != Cause::active_resigned) {
      active_down_at_ = std::max(now, down_from_ + down_interval());  // the skew is that of the new priority
    } else if (well_again) {
      active_down_at_ = std::min(active_down_at_, now + answer_skew());  // it leaves it to others no longer
    }
  }
  if (following_) {
    const bool was_active = state_ == InstanceState::active;
    if (was_active && !silence_ && before.priority != own_priority()) send_advert_now(now, actions);
    return;
  }
  if (standing_.fitness == Fitness::draining && before.fitness != Fitness::draining) drain(now, actions);
  const bool was_active = state_ == InstanceState::active;
  reconsider(now, actions);
  if (!was_active || state_ != InstanceState::active || is_leaving() || is_drained()) return;
  const bool newly_demoted = before.fitness != Fitness::demoted && standing_.fitness == Fitness::demoted;
  if (newly_demoted && !silence_) {
    hand_over(Silence::Why::demoted, now, actions);
  } else if (standing_.fitness == Fitness::fit && is_handing_over()) {
    speak(now, actions);  // well again before anybody answered
  } else if (before.priority != own_priority() && !silence_) {
    send_advert_now(now, actions);  // at once, not at the next interval: the backups can act on it
  }
}

void StateMachine::reconsider(TimePoint now, Actions& actions) {
  if (following_) return;
  const bool outside = state_ == InstanceState::initialize || state_ == InstanceState::fault;
  if (outside && may_take_part()) {
    start(now, actions);
  } else if (!may_take_part()) {
    stand_aside(now, actions);
  }
}

// An active that drains goes on until a successor answers; for everybody else there is nothing to hand over.
void StateMachine::drain(TimePoint now, Actions& actions) {
  if (state_ != InstanceState::active || is_leaving()) return;
  if (!silence_)
    hand_over(Silence::Why::draining, now, actions);
  else if (silence_->why == Silence::Why::demoted)
    silence_->why = Silence::Why::draining;  // it has resigned already
}

void StateMachine::stand_aside(TimePoint now, Actions& actions) {
  const bool drains = standing_.fitness == Fitness::draining;
  if (drains && state_ == InstanceState::active && link_.usable) return;
  if (is_drained())
    become_drained(now, actions);
  else
    become_fault(now, actions);
  if (drains) actions.push_back(DrainOutcome{true});
}

void StateMachine::become_drained(TimePoint now, Actions& actions) {
  if (state_ == InstanceState::initialize) {
    if (std::exchange(away_, true)) return;
    since_ = now;  // drained from the start
    reason_ = {.cause = Cause::drained};
    actions.push_back(RemoveAddresses{});
    return;
  }
  leave_at_once({.cause = Cause::drained}, now, actions);
  away_ = true;
}

// RFC 9568, 6.4.1: Startup.
void StateMachine::start(TimePoint now, Actions& actions) {
  const Cause cause = state_ == InstanceState::fault ? Cause::recovered : away_ ? Cause::brought_back : Cause::started;
  active_advert_interval_ = settings_.advert_interval;
  preempt_from_ = std::max(preempt_from_, now + settings_.preempt_delay);
  const auto was_active_at = std::exchange(was_active_at_, std::nullopt);
  if (was_active_at && now - *was_active_at < 2 * settings_.advert_interval) {
    become_active({.cause = Cause::resumed}, now, actions);
  } else if (own_priority() == owner_priority) {
    become_active({.cause = Cause::started_as_owner}, now, actions);
  } else {
    become_backup({.cause = cause}, now, actions);
  }
}

void StateMachine::become_fault(TimePoint now, Actions& actions) {
  Reason reason{.cause = link_.usable ? Cause::check_fault : Cause::link_unusable,
                .problem = link_.usable ? standing_.reason : link_.problem};
  if (state_ == InstanceState::fault) {  // still in fault, perhaps for another reason
    reason.own_priority = reason_.own_priority;
    reason_ = std::move(reason);
    return;
  }
  if (state_ == InstanceState::active && !silence_ && (link_.usable || link_.can_resign)) {
    actions.push_back(SendAdvert{resigning_priority});
  }
  actions.push_back(RemoveAddresses{});
  enter(InstanceState::fault, std::move(reason), now, actions);
}

void StateMachine::become_backup(Reason reason, TimePoint now, Actions& actions) {
  actions.push_back(RemoveAddresses{});  // also what a process before us may have left
  enter(InstanceState::backup, std::move(reason), now, actions);
  last_heard_ = now;
  if (!following_) start_down_timer(now);
}

// RFC 9568, 6.4.1 and 6.4.2: advert first, so that nobody else moves; announce once the addresses exist.
void StateMachine::become_active(Reason reason, TimePoint now, Actions& actions) {
  enter(InstanceState::active, std::move(reason), now, actions);
  send_advert_now(now, actions);
  hold(now, actions);
}

// The addresses on the host and known to the neighbours, from now on.
void StateMachine::hold(TimePoint now, Actions& actions) {
  actions.push_back(HoldAddresses{});
  actions.push_back(Announce{});
  lease_at_ = now + settings_.lease / 3;
  for (const Duration after : {settings_.announce_repeat_after, settings_.announce_refresh}) {
    if (after > Duration::zero()) announce_at_ = std::min(announce_at_, now + after);  // whichever comes first
  }
}

void StateMachine::send_advert_now(TimePoint now, Actions& actions) {
  actions.push_back(SendAdvert{own_priority()});
  advert_at_ = now + settings_.advert_interval;
}

// ---- silence: handing over, and listening after a sleep ----

void StateMachine::hand_over(Silence::Why why, TimePoint now, Actions& actions) {
  silence_ = Silence{why, following_ ? never : now + settings_.handover_silence, resignations};
  advert_at_ = announce_at_ = never;
  resign_again(now, actions);
}

void StateMachine::resign_again(TimePoint now, Actions& actions) {
  actions.push_back(SendAdvert{resigning_priority});
  silence_->resign_at = --silence_->resignations_left > 0 ? now + resignation_pause : never;
}

// Nobody was heard. Who was demoted, drains or slept goes on, a demoted one at priority 1; who leaves has tried.
void StateMachine::end_silence(TimePoint now, Actions& actions) {
  if (is_leaving()) {
    actions.push_back(RemoveAddresses{});
    return enter(InstanceState::initialize, {.cause = Cause::shut_down}, now, actions);
  }
  const bool drains = standing_.fitness == Fitness::draining && !following_;
  if (drains && silence_->why == Silence::Why::slept) {  // it could not, before it had listened
    hold(now, actions);                                  // until somebody answers
    return hand_over(Silence::Why::draining, now, actions);
  }
  speak(now, actions);
  if (drains) actions.push_back(DrainOutcome{false});
}

// An active finds its voice again: the addresses may have expired, the neighbours may have forgotten.
void StateMachine::speak(TimePoint now, Actions& actions) {
  silence_.reset();
  send_advert_now(now, actions);
  hold(now, actions);
}

// An advert that is this late means that the process or the host was stopped, for so long that a backup has
// taken over: its timer runs three intervals and a skew from our last advert.
void StateMachine::notice_sleep(TimePoint now) {
  if (following_) return;  // the leader notices for all
  const Duration much = 2 * settings_.advert_interval;
  if (silence_ && silence_->why == Silence::Why::slept && now - silence_->until >= much) {
    silence_->until = now + settings_.handover_silence;  // it slept on, instead of listening
  }
  if (state_ != InstanceState::active || silence_ || now - advert_at_ < much) return;
  silence_ = Silence{Silence::Why::slept, now + settings_.handover_silence};
  advert_at_ = announce_at_ = lease_at_ = restore_at_ = never;
}

// To a successor. False where that was the end: who leaves or drains does not stay as backup.
bool StateMachine::let_go(Reason reason, TimePoint now, Actions& actions) {
  const bool stays = !is_leaving() && !is_drained();
  actions.push_back(RemoveAddresses{});
  enter(stays ? InstanceState::backup : InstanceState::initialize, std::move(reason), now, actions);
  away_ = is_drained();
  if (standing_.fitness == Fitness::draining && !following_) actions.push_back(DrainOutcome{true});
  return stays;
}

void StateMachine::give_way(Reason reason, const HeardAdvert& advert, TimePoint now, Actions& actions) {
  const bool stays = let_go(std::move(reason), now, actions);
  active_router_ = advert;
  last_heard_ = now;
  if (!stays) return;
  learn(advert);  // also where it is worse than we are: what was learned before is of another time
  hear_as_backup(advert, now);
  if (active_down_at_ == never) start_down_timer(now);
}

// ---- adverts ----

void StateMachine::on_advert(const HeardAdvert& advert, TimePoint now, Actions& actions) {
  deaf_since_ = now;
  notice_sleep(now);
  if (state_ == InstanceState::backup)
    hear_as_backup(advert, now);
  else if (state_ == InstanceState::active)
    hear_as_active(advert, now, actions);
  else if (advert.priority != resigning_priority) {
    active_router_ = advert;
    last_heard_ = now;
  }
}

// RFC 9568, 6.4.2.
void StateMachine::hear_as_backup(const HeardAdvert& advert, TimePoint now) {
  last_heard_ = now;
  if (following_) {
    active_router_ = advert;
    return learn(advert);
  }
  if (advert.priority == resigning_priority) {
    // Said again for safety: the answer to the first stands.
    const bool repeated = takeover_cause_ == Cause::active_resigned && active_router_->source == advert.source;
    if (repeated) return;
    // The next in line answers first; one that is unfit itself leaves it to the others.
    const Duration last_in_line = std::max(down_interval(), settings_.handover_silence + answer_skew());
    active_down_at_ = now + (standing_.fitness == Fitness::demoted ? last_in_line : answer_skew());
    active_router_ = advert;
    takeover_cause_ = Cause::active_resigned;
    return;
  }
  const bool demoted = advert.priority == demoted_priority && standing_.fitness == Fitness::fit;
  const bool may_preempt = demoted || own_priority() == owner_priority || (settings_.preempt && now >= preempt_from_);
  active_router_ = advert;
  if (advert.priority >= own_priority() || !may_preempt) return obey(advert, now);

  // A worse active: its adverts don't restart the timer, so that we take over when it fires. Where we
  // obeyed this very router until now, it fell below us (or we rose, or may preempt at last): there
  // is nobody else to wait for, and with fast timers we don't.
  takeover_cause_ = demoted ? Cause::active_demoted : Cause::preempted_worse;
  if (settings_.timers == TimerMode::fast && obeyed_ == advert.source) {
    active_down_at_ = std::min(active_down_at_, now + answer_skew());
  }
  obeyed_.reset();
}

void StateMachine::obey(const HeardAdvert& advert, TimePoint now) {
  learn(advert);
  obeyed_ = advert.source;
  takeover_cause_ = Cause::active_silent;
  start_down_timer(now);
}

void StateMachine::start_down_timer(TimePoint now) {
  down_from_ = now;
  active_down_at_ = now + down_interval();
}

// v3: the active's interval rules the timers of the backups. v2 has one interval for all, checked on receipt.
void StateMachine::learn(const HeardAdvert& advert) {
  if (settings_.version == VrrpVersion::v3) active_advert_interval_ = advert.interval;
}

// RFC 9568, 6.4.3.
void StateMachine::hear_as_active(const HeardAdvert& advert, TimePoint now, Actions& actions) {
  if (following_ && (silence_ || advert.priority > own_priority())) {  // the leader decides what follows from it
    if (!silence_) tell_of_another_active(advert, now, actions);
    return;
  }
  if (silence_) {
    if (advert.priority == resigning_priority) return;  // handing over itself
    const Cause cause = is_handing_over() ? Cause::handed_over : Cause::slept;
    return give_way(reason_with_peer(cause, advert), advert, now, actions);
  }
  if (advert.priority == resigning_priority) {
    if (may_answer(now)) send_advert_now(now, actions);
    return;
  }
  const bool tie = advert.priority == own_priority();
  if (!following_ && (advert.priority > own_priority() || (tie && advert.source > link_.source))) {
    return give_way(reason_with_peer(tie ? Cause::tie_lost : Cause::better_heard, advert), advert, now, actions);
  }
  tell_of_another_active(advert, now, actions);
  // RFC 9568 answers a worse active at once; RFC 3768 stays silent. A twin with our very address would
  // answer the answer, so it gets none.
  const bool twin = tie && advert.source == link_.source;
  if (settings_.version == VrrpVersion::v3 && !twin && may_answer(now)) {
    actions.push_back(SendAdvert{own_priority()});
  }
}

void StateMachine::tell_of_another_active(const HeardAdvert& advert, TimePoint now, Actions& actions) {
  // An advert that crossed our first one on the wire is no news.
  if (now - since_ < settings_.advert_interval) return;
  actions.push_back(Conflict{ConflictKind::two_actives, advert.source, advert.priority});
  // The neighbours may have learned the other one's MAC: tell them again, as soon as it had time to yield.
  announce_at_ = std::min(announce_at_, now + settings_.advert_interval);
}

// Whoever makes us answer gets no more than a few adverts in an interval.
bool StateMachine::may_answer(TimePoint now) {
  if (now - last_answer_ < settings_.advert_interval / 4) return false;
  last_answer_ = now;
  return true;
}

// ---- time ----

TimePoint StateMachine::deadline() const {
  const TimePoint voice = silence_ ? std::min(silence_->until, silence_->resign_at) : advert_at_;
  return std::min({active_down_at_, voice, lease_at_, announce_at_, restore_at_});
}

Duration StateMachine::slack() const {
  constexpr Duration most = std::chrono::microseconds(500);
  return state_ == InstanceState::active ? std::min(settings_.advert_interval / 20, most) : Duration::zero();
}

void StateMachine::on_deadline(TimePoint now, Actions& actions) {
  if (active_down_at_ <= now) {  // RFC 9568, 6.4.2: the Active_Down_Timer fires
    Reason reason =
        active_router_ ? reason_with_peer(takeover_cause_, *active_router_) : Reason{.cause = takeover_cause_};
    reason.waited = now - last_heard_;
    return become_active(std::move(reason), now, actions);
  }
  if (state_ != InstanceState::active) return;
  notice_sleep(now);
  if (silence_) {
    if (silence_->until <= now) return end_silence(now, actions);
    if (silence_->resign_at <= now) resign_again(now, actions);
  } else if (advert_at_ <= now + slack()) {  // RFC 9568, 6.4.3: the Adver_Timer fires
    actions.push_back(SendAdvert{own_priority()});
    advert_at_ = next_period(advert_at_, settings_.advert_interval, now);
  }
  if (restore_at_ <= now) {
    last_restore_ = now;
    restore_at_ = never;
    hold(now, actions);
  } else if (lease_at_ <= now) {
    actions.push_back(HoldAddresses{});
    lease_at_ = now + settings_.lease / 3;
  }
  if (announce_at_ <= now) {
    // Not at the first announcement: the former active has not let go yet.
    actions.push_back(ProbeAddresses{});
    actions.push_back(Announce{});
    announce_at_ = settings_.announce_refresh > Duration::zero() ? now + settings_.announce_refresh : never;
  }
}

bool StateMachine::on_address_lost(TimePoint now) {
  notice_sleep(now);
  if (state_ != InstanceState::active || (silence_ && silence_->why == Silence::Why::slept)) return false;
  restore_at_ = std::max(now, last_restore_ + restore_pause);
  return true;
}

void StateMachine::on_address_taken(const IpAddr& address, const MacAddress& mac, Actions& actions) {
  if (state_ != InstanceState::active || silence_) return;
  actions.push_back(Conflict{.kind = ConflictKind::address_taken, .peer = address, .mac = mac});
}

// ---- configuration ----

void StateMachine::on_config(const VirtualRouterConfig& config, TimePoint now, Actions& actions) {
  notice_sleep(now);
  settings_ = settings_of(config);
  if (settings_.version == VrrpVersion::v2 || !obeyed_) active_advert_interval_ = settings_.advert_interval;
  if (state_ == InstanceState::active && !silence_) {
    send_advert_now(now, actions);
    hold(now, actions);
  } else if (state_ == InstanceState::backup || state_ == InstanceState::fault) {
    actions.push_back(RemoveAddresses{});  // a process before us may have left one that we only know from now on
    if (state_ == InstanceState::backup && !following_) start_down_timer(now);
  }
}

// ---- sync groups ----

// What a member of the group heard speaks of the whole group on the other side, which moves as one. It counts where
// the leader's own network is broken, so that nothing is heard there; else the leader's own ears decide.
void StateMachine::on_member_heard(const HeardAdvert& advert, TimePoint now, Actions& actions) {
  notice_sleep(now);
  if (advert.priority == resigning_priority) return;
  if (state_ == InstanceState::backup && takeover_cause_ == Cause::active_silent && advert.priority >= own_priority()) {
    start_down_timer(now);
    return;
  }
  if (state_ != InstanceState::active) return;
  if (!silence_) {
    if (advert.priority <= own_priority()) return;
    if (now - member_heard_ > down_interval()) deaf_since_ = now;
    member_heard_ = now;
    if (now - deaf_since_ < down_interval()) return;
  }
  const Cause cause = !silence_ ? Cause::better_heard : is_handing_over() ? Cause::handed_over : Cause::slept;
  if (let_go(reason_with_peer(cause, advert), now, actions)) start_down_timer(now);
}

void StateMachine::set_following(bool following, TimePoint now, Actions& actions) {
  if (following_ == following) return;
  following_ = following;
  if (following_) {
    active_down_at_ = never;
    if (silence_) silence_->until = never;
    return;
  }
  if (state_ == InstanceState::backup) start_down_timer(now);
  if (silence_) silence_->until = now + settings_.handover_silence;
  reconsider(now, actions);
}

void StateMachine::follow(const StateMachine& leader, TimePoint now, Actions& actions) {
  if (state_ != leader.state_) {
    Reason reason{.cause = Cause::followed};
    switch (leader.state_) {
      case InstanceState::initialize:
        if (leader.reason_.cause == Cause::shut_down) reason.cause = Cause::shut_down;
        return leave_at_once(std::move(reason), now, actions);
      case InstanceState::active: become_active(std::move(reason), now, actions); break;
      case InstanceState::backup: become_backup(std::move(reason), now, actions); break;
      case InstanceState::fault:
        if (!link_.usable) reason = {.cause = Cause::link_unusable, .problem = link_.problem};
        if (state_ == InstanceState::active && !silence_ && link_.usable) {
          actions.push_back(SendAdvert{resigning_priority});
        }
        actions.push_back(RemoveAddresses{});
        enter(InstanceState::fault, std::move(reason), now, actions);
        break;
    }
  }
  if (state_ != InstanceState::active) return;
  const bool listened = leader.is_handing_over() && silence_ && !is_handing_over();
  if (leader.silence_.has_value() == silence_.has_value() && !listened) return;
  if (!leader.silence_) return speak(now, actions);
  if (listened) hold(now, actions);
  if (leader.is_handing_over()) return hand_over(leader.silence_->why, now, actions);
  silence_ = Silence{Silence::Why::slept, never};
  advert_at_ = announce_at_ = lease_at_ = restore_at_ = never;
}

// ---- the end ----

void StateMachine::on_leave(TimePoint now, Actions& actions) {
  notice_sleep(now);
  if (is_leaving()) return;
  if (state_ == InstanceState::active && is_handing_over()) {  // it has resigned already: never twice
    silence_->why = Silence::Why::leaving;
    return;
  }
  const bool slept = silence_ && silence_->why == Silence::Why::slept;
  if (state_ != InstanceState::active || slept) return on_shutdown(now, actions);
  hand_over(Silence::Why::leaving, now, actions);
}

void StateMachine::on_shutdown(TimePoint now, Actions& actions) {
  if (state_ == InstanceState::initialize) return;
  notice_sleep(now);
  leave_at_once({.cause = Cause::shut_down}, now, actions);
}

void StateMachine::leave_at_once(Reason reason, TimePoint now, Actions& actions) {
  // Who is silent has resigned already, or does not know whether it is still the active one.
  if (state_ == InstanceState::active && !silence_) actions.push_back(SendAdvert{resigning_priority});
  actions.push_back(RemoveAddresses{});
  enter(InstanceState::initialize, std::move(reason), now, actions);
}

// ---- small words ----

Duration StateMachine::down_interval() const {
  return active_down_interval(settings_.version, own_priority(), active_advert_interval_);
}

Duration StateMachine::skew_time() const {
  return holdfast::skew_time(settings_.version, own_priority(), active_advert_interval_);
}

std::optional<HeardAdvert> StateMachine::active_router(TimePoint now) const {
  const bool takes_no_part = state_ == InstanceState::initialize || state_ == InstanceState::fault;
  if (takes_no_part && now - last_heard_ > down_interval()) return std::nullopt;
  return active_router_;
}

Duration StateMachine::answer_skew() const {
  const auto skew = settings_.timers == TimerMode::fast ? fast_skew_time : holdfast::skew_time;
  return skew(settings_.version, own_priority(), active_advert_interval_);
}

Reason StateMachine::reason_with_peer(Cause cause, const HeardAdvert& peer) const {
  return {.cause = cause, .peer = peer.source, .peer_priority = peer.priority};
}

}  // namespace holdfast
