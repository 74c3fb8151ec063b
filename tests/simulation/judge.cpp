#include "tests/simulation/judge.hpp"

#include "tests/simulation/world.hpp"
#include "vrrp_child/core/timing.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::simulation {
namespace {

using namespace std::chrono_literals;

// Clocks drift by at most 1 %: what takes d on a host's clock takes less than this in the world's.
Duration drifted(Duration d) { return d + d / 64; }

// state_machine.cpp puts a missing address back at most this often.
constexpr Duration restore_pause = 1s;

// Adverts that one host may send for a virtual router within one advert interval. In quiet times: the periodic one
// and its neighbour at the window's edge, one every quarter of an interval as answer to others and its neighbour,
// and a change of state or two. Around faults: bursts of three, and an advert for each word of the parent's.
constexpr std::size_t most_adverts_in_quiet = 12;
constexpr std::size_t most_adverts = 60;

}  // namespace

Judge::Judge(World& world) : world_(world) {
  const Plan& plan = world.plan();
  longest_delay_ = plan.shortest_delay + plan.jitter + plan.timer_lateness;
  for (int r = 0; r < plan.routers; ++r) {
    // In a sync group the leader's timers count for all; who leads may change.
    bounds_[static_cast<std::size_t>(r)] = plan.has_groups ? bounds_of(0, plan.routers) : bounds_of(r, r + 1);
  }
}

Judge::Bounds Judge::bounds_of(int first_router, int end_router) const {
  const Plan& plan = world_.plan();
  Bounds b;
  Duration skew{};
  for (int router = first_router; router < end_router; ++router) {
    for (const auto& revision : plan.router[static_cast<std::size_t>(router)].revisions) {
      for (std::size_t h = 0; h < static_cast<std::size_t>(plan.hosts); ++h) {
        const VirtualRouterConfig& config = revision.config[h];
        b.interval = std::max(b.interval, config.advert_interval);
        // The demoted wait longest. In v3 the interval is the active's, which may be anybody's: the longest.
        skew = std::max(skew, skew_time(config.version, demoted_priority, b.interval));
        b.down = std::max(b.down, active_down_interval(config.version, demoted_priority, b.interval));
        b.silence = std::max(b.silence, handover_silence(config));
        b.refresh = std::max(b.refresh, config.announce.refresh);
        b.pending = std::max({b.pending, config.preempt_delay, config.return_after});
      }
    }
  }
  b.margin = longest_delay_ + 1ms;
  // A backup takes over when its timer fires: at the latest the down interval after the last advert; a demoted one
  // that heard a resignation leaves it to the others until an active that got no answer would be back. An active
  // that is silent because it slept holds the address again when that ends.
  b.last_in_line = std::max(b.down, b.silence + skew);
  b.takeover = drifted(b.last_in_line + 2 * b.margin);
  // Of two that hear each other the worse yields at the better one's next advert; where one is silent (it hands
  // over, or slept), at the end of that, at the latest.
  b.two_actives = drifted(std::max(b.interval, b.silence) + 2 * b.margin);
  // Somebody is active and speaks, and what was pending no longer is: last_in_line or pending. Two actives settle
  // within an interval. The best of those who may preempt hears it once (an interval), has obeyed it until
  // then, and fires within the down interval; the other yields when it hears that. Twice, for one that was
  // active only in between.
  b.settling = drifted(std::max(b.last_in_line, b.pending) + 2 * (b.down + b.interval) + b.silence + 8 * b.margin);
  // A deleted address comes back at once, but not twice in restore_pause; an active that slept waits for the end
  // of its silence.
  b.restore = drifted(b.silence + restore_pause + 2 * b.margin);
  return b;
}

Duration Judge::settling_bound() const {
  Duration longest{};
  for (const Bounds& b : bounds_) longest = std::max(longest, b.settling);
  return longest;
}

Duration Judge::stable_window() const {
  Duration longest{};
  for (const Bounds& b : bounds_) longest = std::max({longest, b.down + 2 * b.interval, drifted(b.refresh) + 1ms});
  return longest;
}

void Judge::fail(const char* invariant, const std::string& what) const {
  throw Violation{invariant, fmt::format("at {} us: {}", world_.now().time_since_epoch().count(), what)};
}

// ---- the truth ----

bool Judge::takes_part(int host, int router) const {
  const Host& h = world_.host(host);
  return h.running() && !h.leaving() && !h.is_drained(router) && h.may_take_part(router);
}

bool Judge::is_active(int host, int router) const {
  const Host& h = world_.host(host);
  return h.running() && h.machine(router)->state() == InstanceState::active;
}

bool Judge::hear_each_other(int a, int b, int router) const {
  return (world_.reached_by(a, router) & only(b)) && (world_.reached_by(b, router) & only(a));
}

bool Judge::may_preempt(int host, int router) const {
  const VirtualRouterConfig& config = world_.host(host).config(router);
  return config.preempt || world_.host(host).standing(router).priority == owner_priority;
}

// RFC 9568, 6.4.3: by priority, then by address.
bool Judge::is_better(int a, int b, int router) const {
  const Priority of_a = world_.host(a).standing(router).priority;
  const Priority of_b = world_.host(b).standing(router).priority;
  return of_a != of_b ? of_a > of_b : world_.host(a).source(router) > world_.host(b).source(router);
}

// ---- after every event ----

void Judge::look() {
  for (int r = 0; r < world_.plan().routers; ++r) {
    for (int h = 0; h < world_.plan().hosts; ++h) look_at_seat(h, r);
    look_at_router(r);
  }
}

void Judge::look_at_seat(int host, int router) {
  const Host& h = world_.host(host);
  Seat& s = seat(host, router);
  if (!h.running()) {
    s.lacking_since = world_never;
    if (!h.has_process()) s.was_fit = false;
    return;
  }
  const StateMachine& machine = *h.machine(router);
  const InstanceState state = machine.state();
  const AddressSet present = h.addresses_present(router);
  look_at_fitness(host, router);

  // Nobody holds an address without being active. Excepted: what a process that died left on the host, of a
  // configuration that its successor never saw; the kernel removes it when the lease ends.
  if (state != InstanceState::active) {
    const auto excused = static_cast<AddressSet>(h.addresses_orphaned(router) & ~h.addresses_wanted(router));
    if (present & ~excused) {
      fail("held while not active",
           fmt::format("h{} vr{} is in {} and holds an address", host, router, holdfast::to_string(state)));
    }
  }
  // Nobody is active without its addresses for longer than it takes to put them back.
  if (state == InstanceState::active && (h.addresses_wanted(router) & ~present)) {
    s.lacking_since = std::min(s.lacking_since, world_.now());
    if (world_.now() - s.lacking_since > bounds(router).restore) {
      fail("active without the address",
           fmt::format("h{} vr{} has been so for {} us", host, router, (world_.now() - s.lacking_since).count()));
    }
  } else {
    s.lacking_since = world_never;
  }
  // Nothing is stuck: a backup and an active always wait for something, and not for ever; fault has a cause.
  const TimePoint deadline = machine.deadline();
  const int leader = h.leader(router);
  if (leader < 0 && (state == InstanceState::backup || state == InstanceState::active)) {
    const Duration longest = std::max(bounds(router).last_in_line, bounds(router).restore) + 1s;
    if (deadline == StateMachine::never || deadline - h.clock().at(world_.now()) > longest) {
      fail("stuck", fmt::format("h{} vr{} is in {} and waits for nothing, or for too long", host, router,
                                holdfast::to_string(state)));
    }
  }
  const bool has_cause = !h.is_drained(router) && !h.may_take_part(router);
  if ((state == InstanceState::fault) != has_cause && !h.leaving()) {
    fail("fault without a cause",
         fmt::format("h{} vr{} is in {}, which its links and checks {}", host, router, holdfast::to_string(state),
                     h.may_take_part(router) ? "give no reason for" : "forbid"));
  }
  // The members of a sync group on a host are in the same state, always.
  if (leader >= 0 && state != h.machine(leader)->state()) {
    fail("sync group apart",
         fmt::format("h{} vr{} is in {}, vr{}, which it follows, in {}", host, router, holdfast::to_string(state),
                     leader, holdfast::to_string(h.machine(leader)->state())));
  }
  if (state == InstanceState::active) s.active_until = world_.now();
}

// When a process may preempt again after a demotion; one that is demoted from its start only waits for its checks.
void Judge::look_at_fitness(int host, int router) {
  Seat& s = seat(host, router);
  const Host& h = world_.host(host);
  const Fitness fitness = h.machine(router)->standing().fitness;
  if (fitness == Fitness::fit && s.fitness == Fitness::demoted && s.was_fit) {
    s.preempts_from = std::max(s.preempts_from, world_.now() + h.config(router).return_after * 63 / 64);
  }
  s.was_fit = s.was_fit || fitness == Fitness::fit;
  s.fitness = fitness;
}

// The longest wait of this very host: by its priority, if it is fit.
Duration Judge::takeover_bound(int host, int router) const {
  const Host& h = world_.host(host);
  const Bounds& b = bounds(router);
  const int decider = h.leader(router) < 0 ? router : h.leader(router);
  const Standing& standing = h.standing(decider);
  if (standing.fitness != Fitness::fit) return b.takeover;
  const Duration down = active_down_interval(h.config(decider).version, standing.priority, b.interval);
  return drifted(std::max(down, b.silence) + 2 * b.margin);
}

void Judge::look_at_router(int router) {
  const WorldTime now = world_.now();
  const int hosts = world_.plan().hosts;
  HostSet owners = 0;
  HostSet actives = 0;
  for (int h = 0; h < hosts; ++h) {
    const Host& host = world_.host(h);
    // An address that somebody deleted is back within the time that look_at_seat() watches over.
    const bool restores = is_active(h, router) && now - host.deleted_at() <= bounds(router).restore;
    if (host.powered() && world_.link_up(h, router) && (restores || host.addresses_present(router))) {
      owners = static_cast<HostSet>(owners | only(h));
    }
    if (is_active(h, router)) actives = static_cast<HostSet>(actives | only(h));
  }
  // Whoever can take part owns the address, or hears somebody who does; for want of an owner, it takes over.
  for (int h = 0; h < hosts; ++h) {
    Seat& s = seat(h, router);
    bool sees_owner = (owners & only(h)) != 0;
    for (int other = 0; other < hosts && !sees_owner; ++other) {
      sees_owner = (owners & only(other)) && (world_.reached_by(other, router) & only(h));
    }
    if (sees_owner || !takes_part(h, router)) {
      s.no_owner_since = world_never;
      continue;
    }
    s.no_owner_since = std::min(s.no_owner_since, now);
    const Duration missed = now - std::max(s.no_owner_since, world_.disturbed_at());
    if (missed > takeover_bound(h, router)) {
      fail("no owner", fmt::format("h{} vr{} could own the address, and for {} us nobody that it hears does", h, router,
                                   missed.count()));
    }
  }
  // A handover in settled times leaves no gap at all: who leaves holds the address until somebody else does.
  for (int h = 0; h < hosts; ++h) {
    Seat& s = seat(h, router);
    if (s.hands_over_since == world_never) continue;
    const HostSet near = static_cast<HostSet>(world_.reached_by(h, router) | only(h));
    if (world_.disturbances() > s.disturbances_then || now - s.hands_over_since > bounds(router).takeover) {
      s.hands_over_since = world_never;
    } else if (!(owners & near)) {
      fail("gap in a handover", fmt::format("nobody owns vr{}, which h{} hands over", router, h));
    }
  }
  // Two actives that hear each other settle it.
  for (int a = 0; a < hosts; ++a) {
    for (int b = a + 1; b < hosts; ++b) {
      WorldTime& since = seat(a, router).two_actives_since[static_cast<std::size_t>(b)];
      if (!(actives & only(a)) || !(actives & only(b)) || !hear_each_other(a, b, router)) {
        since = world_never;
        continue;
      }
      since = std::min(since, now);
      const Duration both = now - std::max(since, world_.disturbed_at());
      if (both > bounds(router).two_actives) {
        fail("two actives", fmt::format("h{} and h{} vr{} have been active and heard each other for {} us", a, b,
                                        router, both.count()));
      }
    }
  }
}

// ---- adverts and transitions ----

void Judge::sent(int host, int router, Priority priority) {
  Seat& s = seat(host, router);
  const WorldTime now = world_.now();
  if (priority != resigning_priority && now > world_.plan().quiet_from) s.speaks_since = std::min(s.speaks_since, now);
  // RFC 9568 knows no pauses; ours: an active that was stopped for longer than its backups wait drains its socket,
  // and listens as long as a handover lasts, before it speaks again.
  const bool decides = world_.host(host).leader(router) < 0;
  if (decides && priority != resigning_priority && now < s.listens_until) {
    fail("spoke before it listened", fmt::format("h{} vr{}, after a pause", host, router));
  }
  const auto back = [&](std::size_t count) { return s.sent[(s.sent_count - count) % remembered]; };
  // Measured on the sender's clock, whose interval may be a little shorter than the world's; the shortest of all
  // hosts' intervals would be too strict, for answers go by the own one.
  const Duration window = world_.host(host).config(router).advert_interval * 63 / 64;
  const bool quiet = now - world_.disturbed_at() > window;
  const std::size_t most = quiet ? most_adverts_in_quiet : most_adverts;
  if (s.sent_count >= most && now - back(most) < window) {
    fail("message storm", fmt::format("h{} vr{} sent more than {} adverts within one interval", host, router, most));
  }
  s.sent[s.sent_count % remembered] = now;
  ++s.sent_count;
}

void Judge::transition(int host, int router, const Transition& transition) {
  const WorldTime now = world_.now();
  Seat& s = seat(host, router);
  if (transition.to != InstanceState::active) s.speaks_since = world_never;
  s.listens_until = WorldTime{};
  if (transition.from == InstanceState::initialize || transition.from == InstanceState::fault) {
    s.preempts_from = now + world_.host(host).config(router).preempt_delay * 63 / 64;
  }
  if (settled_) {
    fail("not settled", fmt::format("h{} vr{} goes from {} to {} though nothing has happened for long", host, router,
                                    holdfast::to_string(transition.from), holdfast::to_string(transition.to)));
  }
  if (now <= world_.plan().quiet_from || world_.host(host).leader(router) >= 0) return;
  if (transition.from == InstanceState::active && transition.to == InstanceState::backup) {
    // In quiet times an active that is not silent gives way to nobody but a better active.
    const Cause cause = transition.reason.cause;
    if (cause == Cause::handed_over || cause == Cause::slept) return;
    for (int other = 0; other < world_.plan().hosts; ++other) {
      if (other == host || !(world_.reached_by(other, router) & only(host)) || !is_better(other, host, router))
        continue;
      if (is_active(other, router) || now - seat(other, router).active_until <= longest_delay_) return;
    }
    fail("gave way to nobody better", fmt::format("h{} vr{}", host, router));
  }
  if (transition.from == InstanceState::backup && transition.to == InstanceState::active) {
    // In quiet times a backup takes over from an active that speaks only where it is better, and may preempt.
    const Standing& own = world_.host(host).standing(router);
    for (int other = 0; other < world_.plan().hosts; ++other) {
      if (other == host || !(world_.reached_by(other, router) & only(host)) || !is_active(other, router)) continue;
      const WorldTime spoke = seat(other, router).speaks_since;
      if (spoke == world_never || now - spoke <= drifted(2 * bounds(router).interval + longest_delay_)) continue;
      const Standing& its = world_.host(other).standing(router);
      const bool demoted = its.priority == demoted_priority && own.fitness == Fitness::fit;
      const bool in_time = now >= s.preempts_from || own.priority == owner_priority;
      if (demoted || (own.priority > its.priority && may_preempt(host, router) && in_time)) continue;
      fail("took over from a healthy active", fmt::format("h{} vr{} (priority {}) from h{} (priority {})", host, router,
                                                          own.priority.value, other, its.priority.value));
    }
  }
}

void Judge::resumed(int host, Duration paused) {
  const Host& h = world_.host(host);
  for (int r = 0; r < world_.plan().routers; ++r) {
    const StateMachine& machine = *h.machine(r);
    const bool speaks = machine.state() == InstanceState::active && !machine.is_handing_over();
    // Whether it notices before or after it reads of a new configuration is chance.
    const Duration silence = std::min(handover_silence(h.config(r)), handover_silence(h.config_in_use(r)));
    // A backup's timer is shorter than four intervals, on whose clock ever.
    if (!speaks || h.leader(r) >= 0 || paused < drifted(4 * bounds(r).interval)) continue;
    seat(host, r).listens_until = world_.now() + silence * 63 / 64;
  }
}

void Judge::lease_ran_out(int host, int router) {
  if (!is_active(host, router)) return;
  fail("lease ran out", fmt::format("h{} vr{} is active and awake, and did not renew it", host, router));
}

// Watched where it must work: nothing has happened for long, and a fit backup hears and is heard. Where adverts
// overtake each other by more than the burst of resignations lasts, an old one can undo the last of them. Where
// intervals are long, drift eats the silence's margin of 100 ms.
void Judge::handover_begins(int host) {
  const WorldTime now = world_.now();
  if (world_.plan().jitter > 1ms) return;
  for (int r = 0; r < world_.plan().routers; ++r) {
    const bool settled = now - world_.disturbed_at() > bounds(r).settling && bounds(r).interval <= 2s;
    if (!settled || !is_active(host, r) || world_.host(host).leaving()) continue;
    for (int other = 0; other < world_.plan().hosts; ++other) {
      const bool fit = world_.host(other).standing(r).fitness == Fitness::fit;
      if (other == host || !fit || !takes_part(other, r) || !hear_each_other(host, other, r)) continue;
      seat(host, r).hands_over_since = now;
      seat(host, r).disturbances_then = world_.disturbances() + 1;  // that one itself
    }
  }
}

// ---- the end ----

void Judge::settled() {
  settled_ = true;
  for (int r = 0; r < world_.plan().routers; ++r) {
    check_the_right_one(r);
    for (int h = 0; h < world_.plan().hosts; ++h) seat(h, r).sent_before_window = seat(h, r).sent_count;
  }
}

// In each connected component exactly one is active, if any can be; it is fit if any is; nobody fit who may preempt
// it has a higher priority. Who the incumbent was, where several could stay, is what transition() watches over.
// Members that follow a leader are where it is, which look_at_seat() watches over.
void Judge::check_the_right_one(int router) const {
  if (world_.plan().router[static_cast<std::size_t>(router)].revisions.back().leader >= 0) return;
  const int hosts = world_.plan().hosts;
  HostSet seen = 0;
  for (int first = 0; first < hosts; ++first) {
    if (seen & only(first)) continue;
    HostSet component = only(first);
    for (int h = 0; h < hosts; ++h) {
      if (h != first && hear_each_other(first, h, router)) component = static_cast<HostSet>(component | only(h));
    }
    seen = static_cast<HostSet>(seen | component);

    int actives = 0;
    int active = -1;
    bool anybody = false;
    bool anybody_fit = false;
    for (int h = 0; h < hosts; ++h) {
      if (!(component & only(h))) continue;
      if (is_active(h, router)) {
        ++actives;
        active = h;
      }
      if (!takes_part(h, router)) continue;
      anybody = true;
      if (world_.host(h).standing(router).fitness == Fitness::fit) anybody_fit = true;
    }
    if (actives != (anybody ? 1 : 0)) {
      fail("not one active", fmt::format("vr{}: {} actives in the component of h{}", router, actives, first));
    }
    if (!anybody) continue;
    const Standing& its = world_.host(active).standing(router);
    if (anybody_fit && its.fitness != Fitness::fit) {
      fail("the wrong one", fmt::format("vr{}: h{} is active and unfit, though others are fit", router, active));
    }
    for (int h = 0; h < hosts; ++h) {
      if (!(component & only(h)) || !takes_part(h, router)) continue;
      const Standing& own = world_.host(h).standing(router);
      if (own.fitness == Fitness::fit && may_preempt(h, router) && own.priority > its.priority) {
        fail("the wrong one", fmt::format("vr{}: h{} is active with priority {}, though h{} has {} and may preempt",
                                          router, active, its.priority.value, h, own.priority.value));
      }
    }
  }
}

// The last window was quiet: only the active spoke, once an interval, and nobody changed. It was as long as the
// pause between announcements, so the neighbours of each component know its active by now.
void Judge::finish() {
  for (int r = 0; r < world_.plan().routers; ++r) {
    check_the_right_one(r);
    for (int h = 0; h < world_.plan().hosts; ++h) {
      const std::size_t sent = seat(h, r).sent_count - seat(h, r).sent_before_window;
      std::size_t most = 0;
      if (is_active(h, r)) {
        const Duration interval = world_.host(h).config(r).advert_interval;
        most = static_cast<std::size_t>(drifted(stable_window()) / interval) + 2;
        check_the_neighbours(h, r);
      }
      if (sent > most) {
        fail("adverts in steady state", fmt::format("h{} vr{} sent {} in the last window, not {}", h, r, sent, most));
      }
    }
  }
}

void Judge::check_the_neighbours(int active, int router) {
  // What is deleted again and again is put back, and announced, later.
  if (world_.now() - world_.host(active).deleted_at() <= bounds(router).restore + stable_window()) return;
  const auto near = static_cast<HostSet>(world_.reached_by(active, router) | only(active));
  for (int h = 0; h < world_.plan().hosts; ++h) {
    const int used = seat(h, router).neighbours_use;
    if (!(near & only(h)) || used == active) continue;
    fail("neighbours misled",
         fmt::format("vr{}: those near h{} send to h{}, but h{} is active", router, h, used, active));
  }
}

}  // namespace holdfast::simulation
