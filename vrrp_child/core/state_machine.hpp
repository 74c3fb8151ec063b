// One virtual router: what it is, what it wants, when it next wants something. Pure: events and the time
// come in, actions go out, and the shell performs them in order.
#pragma once

#include "common/ip_addr.hpp"
#include "common/router_config.hpp"
#include "common/types.hpp"
#include "vrrp_child/core/conflicts.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace holdfast {

// The states (RFC 9568, 6.4):
//
//   initialize  not started, drained, or shut down: silent, holds nothing.
//   backup      listens to the active; `deadline` is the Active_Down_Timer. When it passes, we take over.
//   active      holds the addresses, answers for them and advertises; `deadline` is the Adver_Timer.
//   fault       ours, not the RFC's: may not take part, because the interface can't be used or a check with
//               `while_down: fault` says no. Silent, holds nothing, and is left as soon as neither is true.
//
//                     link usable, neither faulted nor drained
//   initialize/fault ------------------------------> backup  (priority 255, or resumed: active)
//        ^                                           |    ^
//        | link lost, faulted,                silence,    | a better active is heard
//        | drained, shut down               resignation,  |
//        |                                  preemption    |
//        +------------------------------------- active <--+
//
// An active can be silent for a moment, still holding the addresses (Silence below): because it hands over and
// waits for a successor's first advert, or because it slept too long and listens before it speaks. An active
// cannot know its backups, so it tries, then rolls back: whoever is heard ends the silence and gets the
// address; when nobody is, it ends by itself.
//
// Link and standing are levels, not edges: whatever the order in which they change, only their present
// values decide. One function, enter(), writes the state.
//
// In a sync group one member, the leader, is a virtual router as above; the others follow it, state for state
// and silence for silence: they speak and hold as they are told, and elect nobody.

// Why a state was entered; reason_text.hpp makes the sentence.
enum class Cause : std::uint8_t {
  none,
  started,           // nothing heard yet
  started_as_owner,  // priority 255 does not wait
  resumed,           // a VRRP process before us died as active a moment ago
  active_silent,     // no advert for the Active_Down_Interval
  active_resigned,   // the active said priority 0
  active_demoted,    // the active said priority 1: unfit
  preempted_worse,   // the active's priority is below ours
  better_heard,      // an active with a higher priority
  tie_lost,          // an active with our priority and a greater address
  handed_over,       // a successor answered our resignation
  slept,             // another active was heard after we had been stopped for too long
  followed,          // the leader of the sync group went there
  link_unusable,     // Reason::problem says what is wrong with it
  check_fault,       // the standing says why
  recovered,         // neither any longer
  drained,           // an operator wants it away
  brought_back,      // and wants it back
  shut_down,
};

struct Reason {
  Cause cause = Cause::none;
  IpAddr peer{};  // the other router, where there is one
  Priority peer_priority{};
  Priority own_priority{};
  Duration waited{};      // active_silent: how long nothing came
  std::string problem{};  // link_unusable, check_fault
  bool operator==(const Reason&) const = default;
};

struct SendAdvert {
  Priority priority{};
  bool operator==(const SendAdvert&) const = default;
};
// Exactly the configured addresses are to be on the host, with a fresh lease.
struct HoldAddresses {
  bool operator==(const HoldAddresses&) const = default;
};
// None of this instance's addresses are to be on the host.
struct RemoveAddresses {
  bool operator==(const RemoveAddresses&) const = default;
};
// Tell the neighbours where the addresses are.
struct Announce {
  bool operator==(const Announce&) const = default;
};
// Ask whether anybody else answers for the addresses.
struct ProbeAddresses {
  bool operator==(const ProbeAddresses&) const = default;
};
struct Transition {
  InstanceState from{};
  InstanceState to{};
  Reason reason;
  bool operator==(const Transition&) const = default;
};
// What came of Fitness::draining.
struct DrainOutcome {
  bool away = false;
  bool operator==(const DrainOutcome&) const = default;
};
using Action = std::variant<SendAdvert, HoldAddresses, RemoveAddresses, Announce, ProbeAddresses, Transition, Conflict,
                            DrainOutcome>;

// The interface an instance runs on, as far as it matters here.
struct LinkCondition {
  bool usable = false;
  IpAddr source;        // what our adverts come from: the tie-break
  std::string problem;  // why it is not usable
  // Not usable for the sake of others in the sync group: a last advert can leave.
  bool can_resign = false;
  bool operator==(const LinkCondition&) const = default;
};

struct HeardAdvert {
  IpAddr source;
  Priority priority{};
  Duration interval{};
};

class StateMachine {
 public:
  using Actions = std::vector<Action>;  // appended to, never cleared here
  static constexpr TimePoint never = TimePoint::max();

  // `was_active_at`: set when a process before this one died as active and was alive until then.
  StateMachine(const VirtualRouterConfig& config, Standing standing, std::optional<TimePoint> was_active_at);

  void on_link(LinkCondition link, TimePoint now, Actions& actions);
  void on_standing(Standing standing, TimePoint now, Actions& actions);
  void on_advert(const HeardAdvert& advert, TimePoint now, Actions& actions);
  void on_deadline(TimePoint now, Actions& actions);
  // One of our addresses vanished from the host; true: while we hold it, so that it is put back.
  bool on_address_lost(TimePoint now);
  // Another host answered for one of them.
  void on_address_taken(const IpAddr& address, const MacAddress& mac, Actions& actions);
  // Same virtual router, other settings; what is not affected goes on undisturbed.
  void on_config(const VirtualRouterConfig& config, TimePoint now, Actions& actions);
  // Whether another machine decides for this one from now on; if so, follow() it after whatever happens to it.
  void set_following(bool following, TimePoint now, Actions& actions);
  void follow(const StateMachine& leader, TimePoint now, Actions& actions);
  // The leader of a sync group is told what the others hear.
  void on_member_heard(const HeardAdvert& advert, TimePoint now, Actions& actions);
  // An advert or a timer comes much too late: listen before anything is said.
  void notice_sleep(TimePoint now);
  // Leave once a successor answered, or nobody did: initialize is reached now or soon.
  void on_leave(TimePoint now, Actions& actions);
  // Leave at once.
  void on_shutdown(TimePoint now, Actions& actions);

  // When on_deadline wants to be called; `never` when nothing is due.
  TimePoint deadline() const;
  // How much earlier on_deadline may be called, so that many routers' adverts leave in one system call.
  Duration slack() const;

  InstanceState state() const { return state_; }
  TimePoint since() const { return since_; }
  const Reason& reason() const { return reason_; }
  const Standing& standing() const { return standing_; }
  const LinkCondition& link() const { return link_; }
  bool is_handing_over() const { return silence_ && silence_->why != Silence::Why::slept; }
  // Since when it takes part; nothing in initialize and fault.
  const std::optional<TimePoint>& up_since() const { return up_since_; }
  // Why it last became active; none while it never was.
  Cause became_active_because() const { return became_active_because_; }
  // The intervals as they are with our priority and the interval of the active (RFC 9568, 6.1).
  Duration down_interval() const;
  Duration skew_time() const;
  // The active as last heard while backup; nothing while nobody is. Who takes no part hears it too, but does not wait
  // for it: what is older than a down interval says nothing.
  std::optional<HeardAdvert> active_router(TimePoint now) const;

 private:
  struct Settings {
    VrrpVersion version;
    Duration advert_interval;
    bool preempt;
    Duration preempt_delay;
    Duration return_after;
    TimerMode timers;
    Duration lease;
    Duration announce_repeat_after;
    Duration announce_refresh;
    Duration handover_silence;
  };
  // An active that says nothing for a while.
  struct Silence {
    enum class Why : std::uint8_t { demoted, draining, leaving, slept };
    Why why;
    TimePoint until;
    int resignations_left = 0;  // of the burst
    TimePoint resign_at = never;
  };
  static Settings settings_of(const VirtualRouterConfig& config);

  void enter(InstanceState state, Reason reason, TimePoint now, Actions& actions);
  void reconsider(TimePoint now, Actions& actions);
  void start(TimePoint now, Actions& actions);
  void become_active(Reason reason, TimePoint now, Actions& actions);
  void become_backup(Reason reason, TimePoint now, Actions& actions);
  void stand_aside(TimePoint now, Actions& actions);
  void drain(TimePoint now, Actions& actions);
  void become_drained(TimePoint now, Actions& actions);
  void become_fault(TimePoint now, Actions& actions);
  void leave_at_once(Reason reason, TimePoint now, Actions& actions);
  void send_advert_now(TimePoint now, Actions& actions);
  void hold(TimePoint now, Actions& actions);

  void hand_over(Silence::Why why, TimePoint now, Actions& actions);
  void resign_again(TimePoint now, Actions& actions);
  void end_silence(TimePoint now, Actions& actions);
  void speak(TimePoint now, Actions& actions);
  bool let_go(Reason reason, TimePoint now, Actions& actions);
  void give_way(Reason reason, const HeardAdvert& advert, TimePoint now, Actions& actions);
  void tell_of_another_active(const HeardAdvert& advert, TimePoint now, Actions& actions);

  void hear_as_backup(const HeardAdvert& advert, TimePoint now);
  void hear_as_active(const HeardAdvert& advert, TimePoint now, Actions& actions);
  void obey(const HeardAdvert& advert, TimePoint now);
  void start_down_timer(TimePoint now);
  bool may_answer(TimePoint now);
  void learn(const HeardAdvert& advert);

  bool is_leaving() const { return silence_ && silence_->why == Silence::Why::leaving; }
  bool is_drained() const { return standing_.fitness >= Fitness::draining; }
  bool may_take_part() const { return link_.usable && standing_.fitness < Fitness::faulted; }
  Priority own_priority() const { return standing_.priority; }
  Duration answer_skew() const;
  Reason reason_with_peer(Cause cause, const HeardAdvert& peer) const;

  Settings settings_;
  Standing standing_;
  LinkCondition link_;
  std::optional<TimePoint> was_active_at_;
  bool was_fit_ = false;  // ever: what is demoted from the start only waits for its first checks
  bool following_ = false;
  bool away_ = false;         // in initialize because it is drained
  TimePoint member_heard_{};  // the leader: when a member last heard a better active
  TimePoint deaf_since_{};    // and since when we did not hear it ourselves

  InstanceState state_ = InstanceState::initialize;
  TimePoint since_{};
  Reason reason_;
  std::optional<TimePoint> up_since_;
  Cause became_active_because_ = Cause::none;

  // backup
  TimePoint active_down_at_ = never;
  TimePoint down_from_{};  // when the timer was last started
  TimePoint last_heard_{};
  Duration active_advert_interval_{};            // learned from the active (v3), else our own
  Cause takeover_cause_ = Cause::active_silent;  // what to say when the timer fires
  std::optional<HeardAdvert> active_router_;
  std::optional<IpAddr> obeyed_;  // whose adverts last restarted the timer
  TimePoint preempt_from_{};      // preempt_delay and return_after: obey a worse active until then

  // active
  std::optional<Silence> silence_;
  TimePoint advert_at_ = never;
  TimePoint lease_at_ = never;
  TimePoint announce_at_ = never;
  TimePoint restore_at_ = never;
  TimePoint last_restore_{};
  TimePoint last_answer_{};
};

}  // namespace holdfast
