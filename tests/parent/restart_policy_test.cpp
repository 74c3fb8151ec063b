#include "parent/restart_policy.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

using Action = RestartPolicy::Action;
using Actions = RestartPolicy::Actions;

constexpr TimePoint t0{1000s};

RestartConfig config(Duration before_failover = 3s) {
  RestartConfig restart;
  restart.command = {"nginx"};
  restart.before_failover = before_failover;
  return restart;
}

RestartPolicy policy(Duration before_failover = 3s) { return RestartPolicy(config(before_failover), 4s); }

}  // namespace

TEST_CASE("going down starts a restart and holds the failover") {
  RestartPolicy p = policy();
  CHECK(p.on_down(true, t0) == Actions{Action::start_restart});
  CHECK(p.holding());
  CHECK(p.text(t0) == "restarting, attempt 1 of 3");
  CHECK(p.next_deadline() == t0 + 3s);
  p.on_time(t0 + 3s);
  CHECK_FALSE(p.holding());
  CHECK(p.restarting());
}

TEST_CASE("a check that was not up is restarted without a hold") {
  RestartPolicy p = policy();
  CHECK(p.on_down(false, t0) == Actions{Action::start_restart});
  CHECK_FALSE(p.holding());
}

TEST_CASE("before_failover 0 fails over now and restarts behind") {
  RestartPolicy p = policy(0s);
  CHECK(p.on_down(true, t0) == Actions{Action::start_restart});
  CHECK_FALSE(p.holding());
}

TEST_CASE("a restart that works: probe, hold until up, then rest") {
  RestartPolicy p = policy();
  p.on_down(true, t0);
  CHECK(p.on_finished(true, t0 + 200ms) == Actions{Action::probe_now});
  CHECK(p.holding());
  CHECK(p.text(t0 + 200ms) == "restarted, waiting for a good result");
  p.on_up();
  CHECK_FALSE(p.holding());
  CHECK_FALSE(p.next_deadline());
  CHECK(p.text(t0 + 1s) == "");
}

TEST_CASE("a result that says no after the restart ends the hold") {
  RestartPolicy p = policy();
  p.on_down(true, t0);
  p.on_finished(true, t0 + 200ms);
  CHECK(p.on_down(true, t0 + 300ms).empty());
  CHECK_FALSE(p.holding());
  CHECK(p.text(t0 + 300ms) == "the restart did not help; next attempt in 5s");
}

TEST_CASE("a failed restart fails over at once and is tried again at growing pauses") {
  RestartPolicy p = policy();
  p.on_down(true, t0);
  CHECK(p.on_finished(false, t0 + 100ms).empty());
  CHECK_FALSE(p.holding());
  CHECK(p.next_deadline() == t0 + 100ms + 5s);
  CHECK(p.on_time(t0 + 5s).empty());  // not yet due
  CHECK(p.on_time(t0 + 6s) == Actions{Action::start_restart});
  CHECK_FALSE(p.holding());  // who has failed over does not wait again
  CHECK(p.text(t0 + 6s) == "restarting, attempt 2 of 3");
  p.on_finished(false, t0 + 7s);
  CHECK(p.next_deadline() == t0 + 7s + 10s);
}

TEST_CASE("a restart that succeeds but does not bring the check up counts as failed") {
  RestartPolicy p = policy();
  p.on_down(true, t0);
  p.on_finished(true, t0 + 1s);
  p.on_time(t0 + 3s);
  CHECK_FALSE(p.holding());
  CHECK(p.on_time(t0 + 5s).empty());
  CHECK(p.next_deadline() == t0 + 5s + 5s);
  CHECK(p.on_time(t0 + 10s) == Actions{Action::start_restart});
}

TEST_CASE("the limit: said once, no restart, no hold, until the oldest attempt has aged") {
  RestartPolicy p = policy();
  TimePoint now = t0;
  for (int i = 0; i < 3; ++i) {
    CHECK(p.on_down(true, now) == Actions{Action::start_restart});
    p.on_finished(true, now + 1s);
    p.on_up();
    now += 20s;
  }
  CHECK(p.on_down(true, now) == Actions{Action::report_exhausted});
  CHECK_FALSE(p.holding());
  CHECK(p.on_down(true, now + 1s).empty());
  CHECK(p.text(now) == "3 restarts within 10m spent, next attempt in 9m");
  CHECK(p.next_deadline() == t0 + 10min);
  CHECK(p.on_time(t0 + 10min) == Actions{Action::start_restart});
}

TEST_CASE("after the window the limit counts afresh, and is said again in a new episode") {
  RestartConfig one = config();
  one.limit = 1;
  RestartPolicy p(one, 4s);
  p.on_down(true, t0);
  p.on_finished(true, t0);
  p.on_up();
  CHECK(p.on_down(true, t0 + 1min) == Actions{Action::report_exhausted});
  p.on_up();
  CHECK(p.on_down(true, t0 + 2min) == Actions{Action::report_exhausted});
  p.on_up();
  CHECK(p.on_down(true, t0 + 11min) == Actions{Action::start_restart});
}

TEST_CASE("a limit of 0 never restarts") {
  RestartConfig none = config();
  none.limit = 0;
  RestartPolicy p(none, 4s);
  CHECK(p.on_down(true, t0) == Actions{Action::report_exhausted});
  CHECK_FALSE(p.next_deadline());
  CHECK(p.text(t0) == "0 restarts within 10m spent");
}

TEST_CASE("never two restarts at a time, also when the check comes and goes meanwhile") {
  RestartPolicy p = policy();
  p.on_down(true, t0);
  p.on_up();
  CHECK(p.restarting());
  CHECK(p.on_down(true, t0 + 1s).empty());
  CHECK(p.on_finished(true, t0 + 2s) == Actions{Action::probe_now});
}

TEST_CASE("started by hand while the restart runs: its end changes nothing") {
  RestartPolicy p = policy();
  p.on_down(true, t0);
  p.on_up();
  CHECK(p.on_finished(false, t0 + 2s).empty());
  CHECK_FALSE(p.next_deadline());
  CHECK(p.text(t0 + 2s) == "");
}

TEST_CASE("unknown releases the hold and starts nothing") {
  RestartPolicy p = policy();
  p.on_down(true, t0);
  p.on_finished(true, t0 + 1s);
  p.on_unknown();
  CHECK_FALSE(p.holding());
  CHECK_FALSE(p.next_deadline());
}

TEST_CASE("an end that nobody waits for is ignored") {
  RestartPolicy p = policy();
  CHECK(p.on_finished(true, t0).empty());
  CHECK_FALSE(p.next_deadline());
}

// ---- examinations ----

namespace {

using Verdict = RestartPolicy::Verdict;

RestartPolicy examining_policy() {
  RestartConfig restart = config();
  restart.config_test = {"nginx", "-t"};
  return RestartPolicy(restart, 4s);
}

}  // namespace

TEST_CASE("an examination comes before the restart, and the failover waits for both") {
  RestartPolicy p = examining_policy();
  CHECK(p.on_down(true, t0) == Actions{Action::examine});
  CHECK(p.examining());
  CHECK(p.holding());
  CHECK(p.attempts() == 0);
  CHECK(p.on_examined(Verdict::go, "", t0 + 10ms) == Actions{Action::start_restart});
  CHECK(p.restarting());
  CHECK(p.holding());
  CHECK(p.attempts() == 1);
  CHECK(p.next_deadline() == t0 + 3s);  // one hold for both
}

TEST_CASE("where a restart is of no use, none is counted and the failover does not wait") {
  RestartPolicy p = examining_policy();
  p.on_down(true, t0);
  CHECK(p.on_examined(Verdict::broken_configuration, "the configuration is broken: line 3", t0).empty());
  CHECK_FALSE(p.holding());
  CHECK(p.attempts() == 0);
  CHECK(p.text(t0) == "not restarted: the configuration is broken: line 3; looked at again in 5s");
  CHECK(p.on_down(false, t0 + 1s).empty());
  REQUIRE(p.next_deadline() == t0 + 5s);
  CHECK(p.on_time(t0 + 5s) == Actions{Action::examine});
  CHECK_FALSE(p.holding());
  p.on_examined(Verdict::stopped_on_purpose, "nginx.service was stopped on purpose", t0 + 5s);
  CHECK(p.next_deadline() == t0 + 15s);  // pauses grow
  CHECK(p.on_time(t0 + 15s) == Actions{Action::examine});
  CHECK(p.on_examined(Verdict::go, "", t0 + 15s) == Actions{Action::start_restart});
}

TEST_CASE("what came up by itself while it was looked into is not restarted") {
  RestartPolicy p = examining_policy();
  p.on_down(true, t0);
  p.on_up();
  CHECK_FALSE(p.holding());
  CHECK(p.on_examined(Verdict::go, "", t0 + 1s).empty());
  CHECK_FALSE(p.next_deadline());
  CHECK(p.on_examined(Verdict::go, "", t0 + 1s).empty());  // nobody asked
  CHECK(p.on_down(true, t0 + 2s) == Actions{Action::examine});
}

TEST_CASE("a second fall while something is still under way is held, too") {
  RestartPolicy p = policy();
  p.on_down(true, t0);
  p.on_up();  // by itself, while the restart runs
  CHECK_FALSE(p.holding());
  CHECK(p.on_down(true, t0 + 1s).empty());
  CHECK(p.holding());
  CHECK(p.next_deadline() == t0 + 4s);
}

TEST_CASE("why a restart failed is told") {
  RestartPolicy p = policy();
  p.on_down(true, t0);
  p.on_finished(false, t0, "there is no program 'nignx'");
  CHECK(p.text(t0) == "the restart failed: there is no program 'nignx'; next attempt in 5s");
}
