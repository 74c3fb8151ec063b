#include "vrrp_child/core/state_machine.hpp"

#include "vrrp_child/core/timing.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

const IpAddr own = IpAddr::v4(192, 0, 2, 3);
const IpAddr lower_address = IpAddr::v4(192, 0, 2, 2);
const IpAddr greater_address = IpAddr::v4(192, 0, 2, 200);

VirtualRouterConfig config_with(Priority priority) {
  VirtualRouterConfig config;
  config.name = "VI_1";
  config.interface = "eth0";
  config.vrid = Vrid{66};
  config.priority = priority;
  config.return_after = 0s;
  return config;
}

// A state machine, its clock and what it has asked for since the last look.
struct Subject {
  explicit Subject(VirtualRouterConfig wanted = config_with(Priority{100}), std::optional<TimePoint> was_active_at = {})
      : config(std::move(wanted)), machine(config, {config.priority, Fitness::fit, ""}, was_active_at) {}

  void link_up() { machine.on_link({true, own, ""}, now, actions); }
  void link_down() { machine.on_link({false, {}, "interface eth0 has no carrier"}, now, actions); }
  void standing(int priority, Fitness fitness = Fitness::fit, const std::string& reason = "") {
    machine.on_standing({Priority{static_cast<std::uint8_t>(priority)}, fitness, reason}, now, actions);
  }
  void hear(int priority, IpAddr source = lower_address, Duration interval = 1s) {
    machine.on_advert({source, Priority{static_cast<std::uint8_t>(priority)}, interval}, now, actions);
  }
  void run_until(TimePoint end) {
    while (machine.deadline() <= end) {
      now = machine.deadline();
      machine.on_deadline(now, actions);
    }
    now = end;
  }
  void pass(Duration duration) { run_until(now + duration); }
  void become_active() {
    link_up();
    pass(4s);
    REQUIRE(machine.state() == InstanceState::active);
    take();
  }
  StateMachine::Actions take() { return std::exchange(actions, {}); }
  template <class T>
  std::size_t count() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(actions, [](const Action& action) { return std::holds_alternative<T>(action); }));
  }
  template <class T>
  const T* last() const {
    const T* found = nullptr;
    for (const Action& action : actions) {
      if (const T* one = std::get_if<T>(&action)) found = one;
    }
    return found;
  }

  VirtualRouterConfig config;
  TimePoint now{1000s};
  StateMachine::Actions actions;
  StateMachine machine;
};

}  // namespace

TEST_CASE("nothing happens before the interface is known", "[VX-SM-02]") {
  Subject subject;
  CHECK(subject.machine.state() == InstanceState::initialize);
  CHECK(subject.machine.deadline() == StateMachine::never);
}

TEST_CASE("startup: backup, silent until the down interval has passed", "[VX-SM-02][VX-SM-04]") {
  Subject subject;
  subject.link_up();
  CHECK(subject.machine.state() == InstanceState::backup);
  CHECK(subject.count<SendAdvert>() == 0);
  CHECK(subject.machine.deadline() == subject.now + 3609375us);
  subject.take();

  subject.pass(3609374us);
  CHECK(subject.take().empty());
  subject.pass(1us);
  const auto actions = subject.take();
  REQUIRE(actions.size() == 4);  // and in this order
  CHECK(std::get<Transition>(actions[0]).reason.cause == Cause::active_silent);
  CHECK(actions[1] == Action{SendAdvert{Priority{100}}});
  CHECK(actions[2] == Action{HoldAddresses{}});
  CHECK(actions[3] == Action{Announce{}});
}

TEST_CASE("an owner is active at once", "[VX-SM-01]") {
  Subject subject(config_with(owner_priority));
  subject.link_up();
  CHECK(subject.machine.state() == InstanceState::active);
  CHECK(subject.last<SendAdvert>()->priority == owner_priority);
}

TEST_CASE("a backup that shuts down says nothing", "[VX-SM-03]") {
  Subject subject;
  subject.link_up();
  subject.take();
  subject.machine.on_shutdown(subject.now, subject.actions);
  CHECK(subject.count<SendAdvert>() == 0);
  CHECK(subject.machine.state() == InstanceState::initialize);
  CHECK(subject.machine.deadline() == StateMachine::never);
}

TEST_CASE("a backup answers a resignation after its skew", "[VX-SM-05]") {
  SECTION("the RFC's") {
    auto config = config_with(Priority{100});
    config.timers = TimerMode::rfc;
    Subject subject(config);
    subject.link_up();
    subject.hear(0);
    CHECK(subject.machine.deadline() == subject.now + 609375us);
  }
  SECTION("fast") {
    Subject subject;
    subject.link_up();
    subject.hear(0);
    CHECK(subject.machine.deadline() == subject.now + fast_skew_time(VrrpVersion::v3, Priority{100}, 1s));
  }
  SECTION("a demoted one leaves it to the fit ones") {
    Subject subject;
    subject.link_up();
    subject.standing(1, Fitness::demoted, "check nginx is down");
    subject.hear(0);
    CHECK(subject.machine.deadline() == subject.now + active_down_interval(VrrpVersion::v3, Priority{1}, 1s));
  }
}

TEST_CASE("a backup obeys equal and higher priorities and learns their interval", "[V3-SM-06][VX-SM-09]") {
  Subject subject;
  subject.link_up();
  const int priority = GENERATE(100, 101, 255);
  subject.pass(1s);
  subject.hear(priority, lower_address, 40950ms);
  CHECK(subject.machine.deadline() ==
        subject.now + active_down_interval(VrrpVersion::v3, Priority{100}, Centiseconds(4095)));
}

TEST_CASE("without preemption a backup obeys lower priorities too", "[V3-SM-06]") {
  auto config = config_with(Priority{100});
  config.preempt = false;
  Subject subject(config);
  subject.link_up();
  for (int i = 0; i < 10; ++i) {
    subject.pass(1s);
    subject.hear(50);
  }
  CHECK(subject.machine.state() == InstanceState::backup);
}

TEST_CASE("version 2 learns no interval", "[V2-SM-07]") {
  auto config = config_with(Priority{100});
  config.version = VrrpVersion::v2;
  Subject subject(config);
  subject.link_up();
  subject.hear(101, lower_address, 10s);
  CHECK(subject.machine.deadline() == subject.now + 3609375us);
}

TEST_CASE("a backup that may preempt ignores a worse active", "[VX-SM-08]") {
  Subject subject;
  subject.link_up();
  const TimePoint due = subject.machine.deadline();
  for (int i = 0; i < 3; ++i) {
    subject.pass(1s);
    subject.hear(99, lower_address, 7s);
    CHECK(subject.machine.deadline() == due);  // neither restarted nor learned
  }
  subject.run_until(due);
  CHECK(subject.machine.state() == InstanceState::active);
  CHECK(subject.machine.reason().cause == Cause::preempted_worse);
  CHECK(subject.machine.reason().peer == lower_address);
}

TEST_CASE("an owner that comes back preempts even without preemption", "[VX-SM-10]") {
  auto config = config_with(owner_priority);
  config.preempt = false;
  Subject subject(config);
  subject.link_up();
  CHECK(subject.machine.state() == InstanceState::active);
  subject.take();
  subject.hear(254);
  CHECK(subject.machine.state() == InstanceState::active);
}

TEST_CASE("an active that shuts down resigns, then removes its addresses", "[VX-SM-11]") {
  Subject subject;
  subject.become_active();
  subject.machine.on_shutdown(subject.now, subject.actions);
  const auto actions = subject.take();
  REQUIRE(actions.size() == 3);
  CHECK(actions[0] == Action{SendAdvert{resigning_priority}});
  CHECK(actions[1] == Action{RemoveAddresses{}});
  CHECK(std::get<Transition>(actions[2]).to == InstanceState::initialize);
}

TEST_CASE("an active advertises at its own interval, without drift", "[VX-SM-12]") {
  auto config = config_with(Priority{100});
  config.announce.repeat_after = 0s;
  Subject subject(config);
  subject.link_up();
  subject.hear(200, greater_address, 5s);  // learned, but not ours to send with
  subject.pass(19s);
  REQUIRE(subject.machine.state() == InstanceState::active);
  subject.take();
  subject.pass(10s);
  CHECK(subject.count<SendAdvert>() == 10);
}

TEST_CASE("a late advert timer sends once and catches the rhythm again") {
  Subject subject;
  subject.become_active();
  const TimePoint due = subject.machine.deadline();
  subject.now = due + 1500ms;
  subject.machine.on_deadline(subject.now, subject.actions);
  CHECK(subject.count<SendAdvert>() == 1);
  CHECK(subject.machine.deadline() > subject.now);
}

TEST_CASE("an active answers a resignation with an advert and stays", "[VX-SM-13]") {
  Subject subject;
  subject.become_active();
  subject.pass(500ms);
  subject.take();
  subject.hear(0);
  CHECK(subject.machine.state() == InstanceState::active);
  CHECK(subject.take() == StateMachine::Actions{SendAdvert{Priority{100}}});
}

TEST_CASE("an active gives way to the better one", "[VX-SM-14][VX-SM-15]") {
  struct Row {
    int priority;
    IpAddr source;
    Cause cause;
  };
  const Row row = GENERATE(values<Row>({{101, lower_address, Cause::better_heard},
                                        {100, greater_address, Cause::tie_lost},
                                        {100, IpAddr::v4(192, 0, 3, 1), Cause::tie_lost}}));
  Subject subject;
  subject.become_active();
  subject.hear(row.priority, row.source, 2s);
  CHECK(subject.machine.state() == InstanceState::backup);
  CHECK(subject.machine.reason().cause == row.cause);
  CHECK(subject.count<RemoveAddresses>() == 1);
  CHECK(subject.count<SendAdvert>() == 0);
  CHECK(subject.machine.deadline() == subject.now + active_down_interval(VrrpVersion::v3, Priority{100}, 2s));
}

TEST_CASE("an active answers a worse one at once in version 3, and is silent in version 2", "[VX-SM-16]") {
  const auto version = GENERATE(VrrpVersion::v2, VrrpVersion::v3);
  auto config = config_with(Priority{100});
  config.version = version;
  Subject subject(config);
  subject.become_active();
  subject.pass(1500ms);
  subject.take();
  const TimePoint due = subject.machine.deadline();
  const int priority = GENERATE(99, 100);  // an equal one loses the tie by its smaller address
  subject.hear(priority);
  CHECK(subject.machine.state() == InstanceState::active);
  CHECK(subject.count<SendAdvert>() == (version == VrrpVersion::v3 ? 1u : 0u));
  CHECK(subject.machine.deadline() == due);
  CHECK(subject.count<Conflict>() == 1);
}

TEST_CASE("the survivor of a conflict announces its addresses again") {
  Subject subject;
  subject.become_active();
  subject.pass(10s);  // past the repetition
  subject.take();
  subject.hear(99);
  subject.pass(1100ms);
  CHECK(subject.count<Announce>() == 1);
}

TEST_CASE("a worse active that floods us is answered a few times an interval, not each time", "[VX-SM-17]") {
  Subject subject;
  subject.become_active();
  for (int i = 0; i < 1000; ++i) {
    subject.now += 1ms;
    subject.hear(99);
  }
  CHECK(subject.count<SendAdvert>() <= 6);
}

TEST_CASE("a twin with our own address and priority is told, never answered", "[VX-SM-17]") {
  Subject subject;
  subject.become_active();
  subject.pass(1500ms);
  subject.take();
  subject.hear(100, own);
  CHECK(subject.machine.state() == InstanceState::active);
  CHECK(subject.take() == StateMachine::Actions{Conflict{ConflictKind::two_actives, own, Priority{100}}});
}

TEST_CASE("an active advertises a changed priority at once") {
  Subject subject;
  subject.become_active();
  subject.pass(300ms);
  subject.take();
  subject.standing(98, Fitness::fit, "check nginx is down");
  CHECK(subject.take() == StateMachine::Actions{SendAdvert{Priority{98}}});
}

TEST_CASE("a backup takes over fast from the active that it obeyed and that fell below it") {
  Subject subject;
  subject.link_up();
  subject.hear(102);
  subject.pass(1s);
  subject.hear(99);
  CHECK(subject.machine.deadline() == subject.now + fast_skew_time(VrrpVersion::v3, Priority{100}, 1s));

  SECTION("with RFC timers it lets its timer run out") {
    auto config = config_with(Priority{100});
    config.timers = TimerMode::rfc;
    Subject slow(config);
    slow.link_up();
    slow.hear(102);
    const TimePoint due = slow.machine.deadline();
    slow.pass(1s);
    slow.hear(99);
    CHECK(slow.machine.deadline() == due);
  }
}

TEST_CASE("a demoted active loses its place, also without preemption") {
  auto config = config_with(Priority{50});
  config.preempt = false;
  Subject subject(config);
  subject.link_up();
  subject.hear(100);
  subject.pass(1s);
  subject.hear(1);
  subject.pass(20ms);
  CHECK(subject.machine.state() == InstanceState::active);
  CHECK(subject.machine.reason().cause == Cause::active_demoted);
}

TEST_CASE("demoted routers leave each other alone, and the last one keeps the address") {
  Subject subject;
  subject.link_up();
  subject.standing(1, Fitness::demoted, "check nginx is down");
  for (int i = 0; i < 20; ++i) {
    subject.pass(1s);
    subject.hear(1);
  }
  CHECK(subject.machine.state() == InstanceState::backup);
  subject.pass(5s);  // now the other one is gone
  CHECK(subject.machine.state() == InstanceState::active);
}

TEST_CASE("a router that was demoted comes home only after return_after") {
  auto config = config_with(Priority{100});
  config.return_after = 5s;
  Subject subject(config);
  subject.link_up();
  subject.standing(1, Fitness::demoted, "check nginx is down");
  subject.hear(99);
  subject.standing(100);
  for (int tenths = 0; tenths < 49; ++tenths) {
    subject.pass(100ms);
    subject.hear(99, lower_address, 100ms);
    REQUIRE(subject.machine.state() == InstanceState::backup);
  }
  subject.pass(200ms);
  subject.hear(99, lower_address, 100ms);
  subject.pass(20ms);
  CHECK(subject.machine.state() == InstanceState::active);
}

TEST_CASE("preempt_delay obeys a worse active for a while after the start") {
  auto config = config_with(Priority{100});
  config.preempt_delay = 10s;
  Subject subject(config);
  subject.link_up();
  for (int i = 0; i < 9; ++i) {
    subject.pass(1s);
    subject.hear(99);
  }
  CHECK(subject.machine.state() == InstanceState::backup);
  SECTION("but not a dead one") {
    subject.pass(4s);
    CHECK(subject.machine.state() == InstanceState::active);
  }
  SECTION("and then preempts") {
    subject.pass(1500ms);
    subject.hear(99);
    subject.pass(20ms);
    CHECK(subject.machine.state() == InstanceState::active);
  }
}

TEST_CASE("fault is a level: whatever the order of events, the present decides") {
  Subject subject;
  subject.become_active();
  subject.standing(100, Fitness::faulted, "check nginx is down");
  CHECK(subject.machine.state() == InstanceState::fault);
  CHECK(subject.last<SendAdvert>()->priority == resigning_priority);
  CHECK(subject.machine.reason().problem == "check nginx is down");
  subject.take();

  subject.link_down();
  CHECK(subject.take().empty());
  CHECK(subject.machine.reason().problem == "interface eth0 has no carrier");
  subject.standing(100);
  CHECK(subject.machine.state() == InstanceState::fault);
  subject.link_up();
  CHECK(subject.machine.state() == InstanceState::backup);
  CHECK(subject.machine.reason().cause == Cause::recovered);
}

TEST_CASE("a lost link removes the addresses and sends nothing") {
  Subject subject;
  subject.become_active();
  subject.link_down();
  CHECK(subject.count<SendAdvert>() == 0);
  CHECK(subject.count<RemoveAddresses>() == 1);
  CHECK(subject.machine.deadline() == StateMachine::never);
}

TEST_CASE("after a crash of the process an active goes on, if it is not too late") {
  SECTION("in time") {
    Subject subject(config_with(Priority{100}), TimePoint{1000s} - 1900ms);
    subject.link_up();
    CHECK(subject.machine.state() == InstanceState::active);
    CHECK(subject.machine.reason().cause == Cause::resumed);
    CHECK(subject.count<RemoveAddresses>() == 0);
  }
  SECTION("too late: backup, and what was left is removed") {
    Subject subject(config_with(Priority{100}), TimePoint{1000s} - 2s);
    subject.link_up();
    CHECK(subject.machine.state() == InstanceState::backup);
    CHECK(subject.count<RemoveAddresses>() == 1);
  }
}

TEST_CASE("while active the lease is renewed well before it ends") {
  Subject subject;
  subject.become_active();
  subject.pass(9s);
  CHECK(subject.count<HoldAddresses>() >= 8);  // lease 3 s
}

TEST_CASE("announcements are repeated once, and refreshed where that is asked for") {
  auto config = config_with(Priority{100});
  SECTION("once") {
    config.announce.refresh = 0s;
    Subject subject(config);
    subject.become_active();
    subject.pass(60s);
    CHECK(subject.count<Announce>() == 1);
  }
  SECTION("refreshed") {
    config.announce.refresh = 10s;
    Subject subject(config);
    subject.become_active();
    subject.pass(60s);
    CHECK(subject.count<Announce>() == 6);
  }
  SECTION("refreshed sooner than repeated") {
    config.announce.refresh = 1s;
    Subject subject(config);
    subject.become_active();
    subject.pass(4s);
    CHECK(subject.count<Announce>() == 4);
  }
}

TEST_CASE("an address that somebody keeps deleting is put back, once a second at most") {
  Subject subject;
  subject.become_active();
  subject.machine.on_address_lost(subject.now);
  subject.pass(1us);
  CHECK(subject.count<HoldAddresses>() == 1);
  subject.take();
  for (int i = 0; i < 10; ++i) {
    subject.machine.on_address_lost(subject.now);
    subject.pass(10ms);
  }
  CHECK(subject.count<HoldAddresses>() == 0);
  subject.pass(1s);
  CHECK(subject.count<HoldAddresses>() >= 1);
  CHECK(subject.machine.state() == InstanceState::active);
}

TEST_CASE("settings change without an election") {
  Subject subject;
  subject.become_active();
  subject.config.advert_interval = 200ms;
  subject.machine.on_config(subject.config, subject.now, subject.actions);
  CHECK(subject.machine.state() == InstanceState::active);
  CHECK(subject.count<Transition>() == 0);
  subject.take();
  subject.pass(1s);
  CHECK(subject.count<SendAdvert>() == 5);
}

// ---- handing over (nobody knows whether there is a backup: try, then roll back) ----

TEST_CASE("a demoted active resigns in one burst, keeps the address, and waits for an answer") {
  Subject subject;
  subject.become_active();
  const TimePoint start = subject.now;
  subject.standing(1, Fitness::demoted, "check nginx is down");
  subject.pass(5ms);
  CHECK(subject.count<SendAdvert>() == 3);
  CHECK(subject.last<SendAdvert>()->priority == resigning_priority);
  CHECK(subject.machine.is_handing_over());
  subject.take();

  SECTION("answered: the address goes, and the successor is obeyed") {
    subject.hear(50);
    CHECK(subject.machine.state() == InstanceState::backup);
    CHECK(subject.machine.reason().cause == Cause::handed_over);
    CHECK(subject.machine.reason().peer == lower_address);
    CHECK(subject.count<RemoveAddresses>() == 1);
    subject.pass(1s);
    subject.hear(50);
    subject.pass(3s);
    CHECK(subject.machine.state() == InstanceState::backup);
  }
  SECTION("unanswered: it goes on at priority 1 with the address, and never resigns again") {
    subject.run_until(start + 1099ms);
    CHECK(subject.count<SendAdvert>() == 0);
    CHECK(subject.count<RemoveAddresses>() == 0);
    subject.pass(1ms);
    CHECK(subject.machine.state() == InstanceState::active);
    CHECK_FALSE(subject.machine.is_handing_over());
    CHECK(subject.last<SendAdvert>()->priority == demoted_priority);
    subject.take();
    subject.pass(10s);
    CHECK(subject.last<SendAdvert>()->priority == demoted_priority);
    SECTION("a late successor still gets the address") {
      subject.hear(50);
      CHECK(subject.machine.state() == InstanceState::backup);
    }
  }
  SECTION("well again before anybody answered: it goes on as if nothing had been") {
    subject.pass(100ms);
    subject.standing(100);
    CHECK(subject.machine.state() == InstanceState::active);
    CHECK(subject.last<SendAdvert>()->priority == Priority{100});
  }
  SECTION("another that resigns is no successor") {
    subject.hear(0);
    CHECK(subject.machine.state() == InstanceState::active);
  }
}

TEST_CASE("version 2 waits for the slowest skew, one second, whatever the interval") {
  auto config = config_with(Priority{100});
  config.version = VrrpVersion::v2;
  config.advert_interval = 10s;
  Subject subject(config);
  subject.link_up();
  subject.pass(31s);
  subject.standing(1, Fitness::demoted);
  subject.pass(1099ms);
  CHECK(subject.machine.is_handing_over());
  subject.pass(1ms);
  CHECK_FALSE(subject.machine.is_handing_over());
}

TEST_CASE("an active that leaves hands over first") {
  Subject subject;
  subject.become_active();
  subject.machine.on_leave(subject.now, subject.actions);
  subject.pass(8ms);
  CHECK(subject.machine.state() == InstanceState::active);
  CHECK(subject.count<RemoveAddresses>() == 0);
  SECTION("answered") {
    subject.hear(50);
    CHECK(subject.machine.state() == InstanceState::initialize);
    CHECK(subject.count<RemoveAddresses>() == 1);
  }
  SECTION("unanswered") {
    subject.pass(1100ms);
    CHECK(subject.machine.state() == InstanceState::initialize);
    CHECK(subject.count<RemoveAddresses>() == 1);
  }
  SECTION("told to leave at once after all") {
    subject.machine.on_shutdown(subject.now, subject.actions);
    CHECK(subject.machine.state() == InstanceState::initialize);
  }
  CHECK(subject.machine.deadline() == StateMachine::never);
}

TEST_CASE("a backup that leaves is gone at once") {
  Subject subject;
  subject.link_up();
  subject.machine.on_leave(subject.now, subject.actions);
  CHECK(subject.machine.state() == InstanceState::initialize);
}

// ---- sleep ----

TEST_CASE("an active that slept too long listens before it speaks") {
  Subject subject;
  subject.become_active();
  subject.now = subject.machine.deadline() + 20s;

  SECTION("somebody took over: it gives way, though its priority is higher") {
    subject.hear(99);
    CHECK(subject.machine.state() == InstanceState::backup);
    CHECK(subject.machine.reason().cause == Cause::slept);
    CHECK(subject.count<SendAdvert>() == 0);
    subject.pass(4s);  // and then goes home by the rules
    subject.hear(99);
    CHECK(subject.machine.state() == InstanceState::active);
  }
  SECTION("the timer is first: it is silent, and an advert still ends it") {
    subject.machine.on_deadline(subject.now, subject.actions);
    CHECK(subject.count<SendAdvert>() == 0);
    CHECK(subject.count<HoldAddresses>() == 0);
    subject.pass(500ms);
    subject.hear(99);
    CHECK(subject.machine.state() == InstanceState::backup);
  }
  SECTION("nobody did: it goes on and announces again") {
    subject.machine.on_deadline(subject.now, subject.actions);
    subject.pass(1100ms);
    CHECK(subject.machine.state() == InstanceState::active);
    CHECK(subject.count<SendAdvert>() == 1);
    CHECK(subject.count<HoldAddresses>() == 1);
    CHECK(subject.count<Announce>() == 1);
  }
}

TEST_CASE("an active that is only a little late just goes on") {
  Subject subject;
  subject.become_active();
  subject.now = subject.machine.deadline() + 1900ms;
  subject.machine.on_deadline(subject.now, subject.actions);
  CHECK(subject.count<SendAdvert>() == 1);
}

// ---- starting while the checks are not known yet ----

TEST_CASE("a priority that rises while backup shortens the wait, and the first results are no recovery") {
  auto config = config_with(Priority{100});
  config.return_after = 5s;
  Subject subject(config);
  StateMachine machine(config, {Priority{1}, Fitness::demoted, "check nginx is unknown"}, {});
  machine.on_link({true, own, ""}, subject.now, subject.actions);
  CHECK(machine.deadline() == subject.now + active_down_interval(VrrpVersion::v3, Priority{1}, 1s));
  machine.on_standing({Priority{100}, Fitness::fit, ""}, subject.now + 10ms, subject.actions);
  CHECK(machine.deadline() == subject.now + active_down_interval(VrrpVersion::v3, Priority{100}, 1s));
  machine.on_advert({lower_address, Priority{99}, 1s}, subject.now + 1s, subject.actions);
  CHECK(machine.deadline() == subject.now + active_down_interval(VrrpVersion::v3, Priority{100}, 1s));
}

TEST_CASE("resignations that flood an active are answered a few times an interval", "[VX-SM-17]") {
  Subject subject;
  subject.become_active();
  for (int i = 0; i < 1000; ++i) {
    subject.now += 1ms;
    subject.hear(0);
  }
  CHECK(subject.count<SendAdvert>() <= 6);
}

// ---- found by the simulation ----

TEST_CASE("who followed and decides for itself again waits the whole down interval") {
  auto config = config_with(Priority{100});
  config.version = VrrpVersion::v2;
  Subject leader(config);
  leader.link_up();
  Subject subject(config);
  subject.machine.set_following(true, subject.now, subject.actions);
  subject.link_up();
  subject.machine.follow(leader.machine, subject.now, subject.actions);
  REQUIRE(subject.machine.state() == InstanceState::backup);
  subject.machine.set_following(false, subject.now, subject.actions);
  CHECK(subject.machine.deadline() == subject.now + active_down_interval(VrrpVersion::v2, Priority{100}, 1s));
}

TEST_CASE("an interval that changed while active counts once it is backup") {
  auto config = config_with(Priority{100});
  config.version = VrrpVersion::v2;
  Subject subject(config);
  subject.become_active();
  config.advert_interval = 6s;
  subject.machine.on_config(config, subject.now, subject.actions);
  subject.hear(200, lower_address, 6s);
  REQUIRE(subject.machine.state() == InstanceState::backup);
  CHECK(subject.machine.deadline() == subject.now + active_down_interval(VrrpVersion::v2, Priority{100}, 6s));
}

TEST_CASE("a reload of a backup takes off what a process before it left under an address it did not know") {
  auto config = config_with(Priority{100});
  Subject subject(config);
  subject.link_up();
  subject.take();
  config.addresses.emplace_back();
  subject.machine.on_config(config, subject.now, subject.actions);
  CHECK(subject.count<RemoveAddresses>() == 1);
}

TEST_CASE("after a long sleep an active listens before it speaks, whatever it learns first") {
  Subject subject;
  subject.become_active();
  subject.now += 10s;
  SECTION("another priority") { subject.standing(90); }
  SECTION("another configuration") {
    subject.config.preempt = false;
    subject.machine.on_config(subject.config, subject.now, subject.actions);
  }
  SECTION("its link") { subject.link_up(); }
  SECTION("a lost address") { subject.machine.on_address_lost(subject.now); }
  CHECK(subject.count<SendAdvert>() == 0);
  CHECK(subject.machine.deadline() == subject.now + 1100ms);
  subject.hear(99);
  CHECK(subject.machine.reason().cause == Cause::slept);
}

TEST_CASE("whoever is well again after the active resigned answers like the others who are") {
  Subject subject;
  subject.link_up();
  subject.hear(200);
  subject.standing(1, Fitness::demoted);
  subject.hear(0);
  subject.pass(1ms);
  subject.standing(100);
  CHECK(subject.machine.deadline() == subject.now + fast_skew_time(VrrpVersion::v3, Priority{100}, 1s));
}

TEST_CASE("an active that sleeps again while it listens listens again") {
  Subject subject;
  subject.become_active();
  subject.now += 10s;
  subject.machine.on_deadline(subject.now, subject.actions);
  subject.now += 10s;
  subject.machine.on_deadline(subject.now, subject.actions);
  CHECK(subject.count<SendAdvert>() == 0);
  CHECK(subject.machine.deadline() == subject.now + 1100ms);
}

// ---- draining ----

TEST_CASE("an active that drains hands over, and stays away") {
  Subject subject;
  subject.become_active();
  subject.standing(100, Fitness::draining, "drained");
  CHECK(subject.last<SendAdvert>()->priority == resigning_priority);
  CHECK(subject.machine.is_handing_over());
  CHECK(subject.count<RemoveAddresses>() == 0);  // until somebody answers
  CHECK(subject.last<DrainOutcome>() == nullptr);
  subject.take();

  subject.hear(99);
  CHECK(subject.machine.state() == InstanceState::initialize);
  CHECK(subject.machine.reason().cause == Cause::handed_over);
  CHECK(subject.count<RemoveAddresses>() == 1);
  CHECK(*subject.last<DrainOutcome>() == DrainOutcome{true});
  subject.take();

  subject.standing(100, Fitness::drained, "drained");
  subject.pass(10s);  // nobody speaks any more
  subject.link_down();
  subject.link_up();
  CHECK(subject.take().empty());
  CHECK(subject.machine.deadline() == StateMachine::never);
  CHECK(subject.machine.reason().cause == Cause::handed_over);

  subject.standing(100);
  CHECK(subject.machine.state() == InstanceState::backup);
  CHECK(subject.machine.reason().cause == Cause::brought_back);
  subject.pass(4s);
  CHECK(subject.machine.state() == InstanceState::active);
}

TEST_CASE("a drain that nobody answers takes the addresses back") {
  Subject subject;
  subject.become_active();
  subject.standing(100, Fitness::draining, "drained");
  subject.take();
  subject.pass(handover_silence(subject.config));
  CHECK(subject.machine.state() == InstanceState::active);
  CHECK(subject.last<SendAdvert>()->priority == Priority{100});
  CHECK(subject.count<HoldAddresses>() >= 1);
  CHECK(*subject.last<DrainOutcome>() == DrainOutcome{false});
  subject.take();
  SECTION("and goes on") {
    subject.standing(100);
    subject.pass(1s);
    CHECK(subject.last<SendAdvert>()->priority == Priority{100});
    CHECK(subject.machine.state() == InstanceState::active);
  }
  SECTION("or is made to give them up") {
    subject.standing(100, Fitness::drained, "drained");
    CHECK(subject.last<SendAdvert>()->priority == resigning_priority);
    CHECK(subject.count<RemoveAddresses>() == 1);
    CHECK(subject.machine.state() == InstanceState::initialize);
    CHECK(subject.machine.reason().cause == Cause::drained);
  }
}

TEST_CASE("a resume in the middle of a drain ends it") {
  Subject subject;
  subject.become_active();
  subject.standing(100, Fitness::draining, "drained");
  subject.take();
  subject.standing(100);
  CHECK(subject.last<SendAdvert>()->priority == Priority{100});
  CHECK_FALSE(subject.machine.is_handing_over());
  subject.pass(5s);
  CHECK(subject.last<DrainOutcome>() == nullptr);
  CHECK(subject.machine.state() == InstanceState::active);
}

TEST_CASE("who has nothing to hand over drains at once") {
  Subject subject;
  SECTION("as backup") { subject.link_up(); }
  SECTION("in fault") {
    subject.link_up();
    subject.link_down();
  }
  SECTION("asleep until a moment ago and replaced") {
    subject.become_active();
    subject.now += 10s;
    subject.hear(99);
    REQUIRE(subject.machine.state() == InstanceState::backup);
  }
  subject.take();
  subject.standing(100, Fitness::draining, "drained");
  CHECK(subject.machine.state() == InstanceState::initialize);
  CHECK(subject.count<SendAdvert>() == 0);
  CHECK(subject.count<RemoveAddresses>() == 1);
  CHECK(*subject.last<DrainOutcome>() == DrainOutcome{true});
}

TEST_CASE("drained from the start: nothing is held or taken over, and what was left is removed") {
  Subject subject;
  subject.standing(100, Fitness::drained, "drained");
  subject.link_up();
  CHECK(subject.take() == StateMachine::Actions{RemoveAddresses{}});
  CHECK(subject.machine.reason().cause == Cause::drained);
  subject.hear(99);
  CHECK(subject.machine.active_router(subject.now)->source == lower_address);
  subject.pass(10s);
  CHECK(subject.take().empty());
  CHECK_FALSE(subject.machine.active_router(subject.now));  // it said nothing for too long
}

TEST_CASE("an active that is demoted and then drains resigns once") {
  Subject subject;
  subject.become_active();
  subject.standing(1, Fitness::demoted, "check nginx is down");
  subject.pass(100ms);
  subject.take();
  subject.standing(1, Fitness::draining, "drained");
  CHECK(subject.count<SendAdvert>() == 0);
  subject.hear(99);
  CHECK(subject.machine.state() == InstanceState::initialize);
}

TEST_CASE("drained once more, after it was resumed into a fault") {
  Subject subject;
  subject.link_up();
  subject.standing(100, Fitness::drained, "drained");
  subject.link_down();
  subject.standing(100);
  REQUIRE(subject.machine.state() == InstanceState::fault);
  subject.standing(100, Fitness::draining, "drained");
  CHECK(subject.machine.state() == InstanceState::initialize);
  CHECK(subject.machine.reason().cause == Cause::drained);
}

TEST_CASE("a drained member that leaves its sync group does not follow the leader's last step") {
  Subject leader, member;
  leader.link_up();
  member.machine.set_following(true, member.now, member.actions);
  member.standing(100, Fitness::drained, "drained");
  member.link_up();
  member.machine.follow(leader.machine, member.now, member.actions);
  REQUIRE(member.machine.state() == InstanceState::backup);
  member.machine.set_following(false, member.now, member.actions);
  CHECK(member.machine.state() == InstanceState::initialize);
}

TEST_CASE("an active that slept listens before it drains") {
  Subject subject;
  subject.become_active();
  subject.now += 3s;
  subject.standing(100, Fitness::draining, "drained");
  CHECK(subject.count<SendAdvert>() == 0);
  SECTION("and hands over then") {
    subject.pass(handover_silence(subject.config));
    CHECK(subject.last<SendAdvert>()->priority == resigning_priority);
    subject.pass(handover_silence(subject.config));
    CHECK(*subject.last<DrainOutcome>() == DrainOutcome{false});
  }
  SECTION("and keeps the addresses until somebody answers") {
    subject.config.advert_interval = 5s;  // the handover lasts longer than the lease of 3 s
    subject.machine.on_config(subject.config, subject.now, subject.actions);
    subject.pass(handover_silence(config_with(Priority{100})));
    REQUIRE(subject.machine.is_handing_over());
    CHECK(subject.count<HoldAddresses>() == 1);
    subject.pass(3s);
    CHECK(subject.machine.is_handing_over());
    CHECK(subject.count<HoldAddresses>() >= 3);
  }
  SECTION("and so do those that follow it") {
    Subject member;
    member.become_active();
    member.machine.set_following(true, member.now, member.actions);
    const auto follow = [&] { member.machine.follow(subject.machine, subject.now, member.actions); };
    follow();
    REQUIRE(member.take().empty());  // it listens
    subject.pass(handover_silence(subject.config));
    follow();
    CHECK(member.last<SendAdvert>()->priority == resigning_priority);
    CHECK(member.count<HoldAddresses>() == 1);
    CHECK(member.machine.is_handing_over());
    member.take();
    follow();
    CHECK(member.take().empty());
    CHECK(member.machine.deadline() < StateMachine::never);
  }
  SECTION("unless it was replaced meanwhile") {
    subject.hear(99);
    CHECK(*subject.last<DrainOutcome>() == DrainOutcome{true});
    CHECK(subject.machine.state() == InstanceState::initialize);
  }
  SECTION("also where it is resumed meanwhile") {
    subject.standing(100);
    CHECK(subject.count<SendAdvert>() == 0);
  }
}

TEST_CASE("a stop in the middle of a handover resigns no second time") {
  Subject subject;
  subject.become_active();
  subject.standing(100, Fitness::draining, "drained");
  subject.pass(20ms);  // the whole burst
  subject.take();
  subject.machine.on_leave(subject.now, subject.actions);
  subject.pass(100ms);
  CHECK(subject.count<SendAdvert>() == 0);
  CHECK(subject.machine.state() == InstanceState::active);  // it keeps the addresses until somebody answers
  subject.hear(99);
  CHECK(subject.machine.state() == InstanceState::initialize);
}
