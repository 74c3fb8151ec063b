// The invariants: what must hold after every event, and what must hold once nothing has gone wrong for long
// enough. It looks from outside, with the truth about who hears whom, and computes each bound from the plan.
#pragma once

#include "tests/simulation/plan.hpp"
#include "vrrp_child/core/state_machine.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace holdfast::simulation {

class World;

struct Violation {
  std::string invariant;  // its name, for counting
  std::string what;       // a sentence
};

class Judge {
 public:
  explicit Judge(World& world);

  // How long after the last fault everything has settled, at most.
  Duration settling_bound() const;
  // How long it is then watched.
  Duration stable_window() const;

  // After every event. This and all below throw Violation.
  void look();
  void sent(int host, int router, Priority priority);
  void transition(int host, int router, const Transition& transition);
  // Before the process that was paused for so long, on its own clock, does anything.
  void resumed(int host, Duration paused);
  // The kernel removed an address that this host's process put there since it last slept.
  void lease_ran_out(int host, int router);
  // The neighbours near a host are told that the addresses are at `owner`.
  void neighbours_learn(int near, int router, int owner) { seat(near, router).neighbours_use = owner; }
  // Before a host is stopped or demoted.
  void handover_begins(int host);
  void settled();
  void finish();

 private:
  // What the bounds are made of, per virtual router; longest over all hosts and revisions.
  struct Bounds {
    Duration interval{};      // of adverts
    Duration down{};          // of the Active_Down_Timer
    Duration silence{};       // of a handover
    Duration last_in_line{};  // until even a demoted backup takes over
    Duration pending{};       // preempt_delay, return_after
    Duration margin{};        // of all that takes time on the way
    Duration takeover{};      // without an owner
    Duration two_actives{};   // that hear each other
    Duration settling{};      // until all is as it should be
    Duration refresh{};       // of the announcements
    Duration restore{};       // of an address that is missing
  };
  static constexpr std::size_t remembered = 64;
  struct Seat {  // a host's virtual router
    WorldTime no_owner_since = world_never;
    WorldTime lacking_since = world_never;
    WorldTime active_until{};                  // or now
    WorldTime speaks_since = world_never;      // as active, in quiet times
    bool was_fit = false;                      // its process, ever
    Fitness fitness = Fitness::fit;            // of its process, at the last look
    WorldTime preempts_from{};                 // preempt_delay, return_after
    std::array<WorldTime, remembered> sent{};  // a ring
    std::size_t sent_count = 0;
    int neighbours_use = -1;                   // those near this host: whose MAC
    WorldTime listens_until{};                 // after a pause
    WorldTime hands_over_since = world_never;  // in settled times, to somebody who is there
    std::uint64_t disturbances_then = 0;
    std::size_t sent_before_window = 0;
    std::array<WorldTime, most_hosts> two_actives_since{};  // with that other host
    Seat() {
      two_actives_since.fill(world_never);
      sent.fill(WorldTime(-std::chrono::hours(1)));
    }
  };

  Seat& seat(int host, int router) { return seats_[static_cast<std::size_t>(host * most_routers + router)]; }
  const Bounds& bounds(int router) const { return bounds_[static_cast<std::size_t>(router)]; }
  Bounds bounds_of(int first_router, int end_router) const;
  Duration takeover_bound(int host, int router) const;
  void look_at_seat(int host, int router);
  void look_at_fitness(int host, int router);
  void look_at_router(int router);
  bool takes_part(int host, int router) const;
  bool is_active(int host, int router) const;
  bool hear_each_other(int a, int b, int router) const;
  bool may_preempt(int host, int router) const;
  bool is_better(int a, int b, int router) const;
  void check_the_right_one(int router) const;
  void check_the_neighbours(int active, int router);
  [[noreturn]] void fail(const char* invariant, const std::string& what) const;

  World& world_;
  std::array<Bounds, most_routers> bounds_;
  std::array<Seat, most_hosts * most_routers> seats_;
  Duration longest_delay_{};
  bool settled_ = false;
};

}  // namespace holdfast::simulation
