// What a target is told, and when: order, pauses, limits, many that become one, ends of problems.
#include "parent/notification_queue.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace std::chrono_literals;
using Status = Notification::Status;

namespace {

const TimePoint start{1h};

std::vector<NotifyEvent> everything() {
  std::vector<NotifyEvent> all;
  for (std::size_t i = 0; i < notify_event_names.size(); ++i) all.push_back(static_cast<NotifyEvent>(i));
  return all;
}

struct Told {
  NotificationQueue queue;
  TimePoint now = start;
  std::uint64_t serial = 0;

  explicit Told(std::vector<NotifyEvent> on = everything(), NotificationQueue::Policy policy = {},
                std::vector<std::string> instances = {})
      : queue(policy, std::move(on), std::move(instances)) {}

  void change(const std::string& topic, const std::string& from, const std::string& to) {
    Notification n;
    n.serial = ++serial;
    n.at = now;
    n.topic = topic;
    n.instances = {topic};
    n.from = from;
    n.to = to;
    n.reason = "because";
    n.event = to;
    n.title = topic + " is " + to;
    n.text = topic + ": " + from + " -> " + to + ": because";
    n.kind = to == "active"   ? NotifyEvent::active
             : to == "backup" ? NotifyEvent::backup
             : to == "fault"  ? NotifyEvent::fault
             : to == "down"   ? NotifyEvent::check_down
                              : NotifyEvent::check_up;
    n.status = to == "fault" || to == "down" ? Status::problem : Status::recovery;
    queue.add(n);
  }
  void conflict(bool over) {
    Notification n;
    n.serial = ++serial;
    n.at = now;
    n.topic = "conflict of a";
    n.instances = {"a"};
    n.event = over ? "conflict_over" : "conflict";
    n.kind = over ? NotifyEvent::conflict_over : NotifyEvent::conflict;
    n.status = over ? Status::recovery : Status::problem;
    n.title = n.text = n.event;
    queue.add(n);
  }
  // What goes out now; "" when nothing does.
  std::string next() {
    const auto notification = queue.next(now);
    last = notification.value_or(Notification{});
    return last.text;
  }
  void good() { queue.finished("", now); }
  void bad() { queue.finished("no", now); }
  // Everything that goes out when all succeeds.
  std::vector<std::string> all() {
    std::vector<std::string> texts;
    for (std::string text = next(); !text.empty(); text = next()) {
      texts.push_back(text);
      good();
    }
    return texts;
  }
  Notification last;
};

using Texts = std::vector<std::string>;
constexpr NotificationQueue::Policy like_keepalived{
    .limit = 4, .merge_early = false, .repeat = false, .recoveries = false};

}  // namespace

TEST_CASE("one at a time, in order") {
  Told told;
  told.change("a", "backup", "active");
  told.change("b", "backup", "active");
  CHECK(told.next() == "a: backup -> active: because");
  CHECK(told.next() == "");
  CHECK_FALSE(told.queue.next_deadline());
  told.good();
  CHECK(told.queue.next_deadline() <= told.now);
  CHECK(told.next() == "b: backup -> active: because");
  told.good();
  CHECK(told.queue.idle());
  CHECK(told.queue.counters().sent == 2);
}

TEST_CASE("only what is asked for, of whom it is asked for") {
  Told told({NotifyEvent::fault, NotifyEvent::active}, {}, {"a"});
  told.change("b", "backup", "active");
  told.change("a", "active", "backup");
  told.change("a", "backup", "active");
  CHECK(told.all() == Texts{"a: backup -> active: because"});
}

TEST_CASE("changes that wait become one") {
  Told told;
  told.change("x", "backup", "active");
  REQUIRE(told.next() != "");  // slow
  for (int i = 0; i < 3; ++i) {
    told.change("a", "backup", "active");
    told.now += 2s;
    told.change("a", "active", "backup");
    told.now += 2s;
  }
  told.change("b", "backup", "active");
  told.good();
  CHECK(told.all() ==
        Texts{"a: active, and back again, 3 times in 10s; it is backup: because", "b: backup -> active: because"});
}

TEST_CASE("changes that don't come back say where they lead") {
  Told told;
  told.change("x", "backup", "active");
  REQUIRE(told.next() != "");
  told.change("a", "initialize", "backup");
  told.change("a", "backup", "active");
  told.now += 1500ms;
  told.change("a", "active", "fault");
  told.good();
  CHECK(told.next() == "a: initialize -> fault after 3 changes in 1.5s: because");
  CHECK(told.last.from == "initialize");
  CHECK(told.last.status == Status::problem);
}

TEST_CASE("what follows states like keepalived's scripts sees each one") {
  Told told(everything(), like_keepalived);
  told.change("a", "initialize", "backup");
  told.change("a", "backup", "active");
  told.change("a", "active", "backup");
  told.next();
  told.bad();  // is not repeated
  CHECK(told.next() == "a: backup -> active: because");
  told.good();
  CHECK(told.next() == "a: active -> backup: because");
  told.good();
  CHECK(told.queue.idle());
  CHECK(told.queue.counters().failed == 1);
}

TEST_CASE("a full queue makes one of what belongs together, then drops the oldest and says so") {
  Told told(everything(), like_keepalived);
  told.change("x", "backup", "active");
  REQUIRE(told.next() != "");
  told.change("a", "backup", "active");
  told.change("a", "active", "backup");
  told.change("b", "backup", "active");
  told.change("a", "backup", "active");
  told.change("c", "backup", "active");
  CHECK(told.queue.counters().queued == 4);
  CHECK(told.queue.counters().dropped == 0);
  told.change("d", "backup", "active");
  told.change("e", "backup", "active");
  CHECK(told.queue.counters().dropped == 1);
  told.good();
  CHECK(told.all() == Texts{"b: backup -> active: because [1 notification before this one could not be delivered]",
                            "c: backup -> active: because", "d: backup -> active: because",
                            "e: backup -> active: because"});
}

TEST_CASE("a failed message is sent again after growing pauses") {
  Told told;
  told.change("a", "backup", "active");
  Duration pause = 5s;
  for (int i = 0; i < 10; ++i) {
    CHECK(told.next() == "a: backup -> active: because");
    told.bad();
    CHECK(told.queue.counters().last_error == "no");
    CHECK(told.next() == "");
    CHECK(told.queue.next_deadline() == told.now + pause);
    told.now += pause - 1us;
    CHECK(told.next() == "");
    told.now += 1us;
    pause = std::min<Duration>(2 * pause, 5min);
  }
  CHECK(told.next() != "");
  told.good();
  CHECK(told.queue.idle());
  CHECK(told.queue.counters().last_error.empty());
  told.change("a", "active", "backup");
  CHECK(told.next() != "");  // no pause after a success
}

TEST_CASE("what can't be delivered for an hour is dropped, and the next says so") {
  Told told;
  told.change("a", "backup", "active");
  while (told.queue.counters().dropped == 0) {
    REQUIRE(told.now < start + 2h);
    if (told.next() != "") told.bad();
    told.now += 1s;
  }
  CHECK(told.now >= start + 1h);
  CHECK(told.queue.idle());
  told.change("a", "active", "backup");
  told.now += 5min;
  CHECK(told.next() == "a: active -> backup: because [1 notification before this one could not be delivered]");
  told.bad();
  told.now += 5min;
  CHECK(told.next() == "a: active -> backup: because [1 notification before this one could not be delivered]");
  told.good();
  told.change("a", "backup", "active");
  CHECK(told.next() == "a: backup -> active: because");
}

TEST_CASE("what came while a message failed becomes one with it") {
  Told told;
  told.change("a", "backup", "active");
  told.next();
  told.now += 3s;
  told.change("a", "active", "backup");
  told.bad();
  told.now += 5s;
  CHECK(told.next() == "a: active, and back again, once in 3s; it is backup: because");
}

TEST_CASE("who was told of a problem is told of its end") {
  Told told({NotifyEvent::check_down, NotifyEvent::conflict});
  told.change("nginx", "down", "up");  // no problem was told
  CHECK(told.next() == "");
  told.change("nginx", "up", "down");
  told.conflict(false);
  CHECK(told.all().size() == 2);
  told.now += 12s;
  told.change("nginx", "down", "up");
  CHECK(told.next() == "nginx: down -> up: because (it had lasted 12s)");
  CHECK(told.last.status == Status::recovery);
  CHECK(told.last.answers == 2u);
  CHECK(told.last.title == "nginx is down");
  told.good();
  told.conflict(true);
  CHECK(told.next() == "conflict_over (it had lasted 12s)");
  CHECK(told.last.answers == 3u);
  told.good();
  told.change("nginx", "down", "up");
  told.conflict(true);
  CHECK(told.next() == "");
}

TEST_CASE("a problem that is over before it was told is one message") {
  Told told({NotifyEvent::check_down});
  told.change("nginx", "up", "down");
  told.next();
  told.now += 3s;
  told.change("nginx", "down", "up");
  told.bad();
  told.now += 5s;
  CHECK(told.next() == "nginx: down, and back again, once in 3s; it is up: because");
  CHECK(told.last.status == Status::news);
  CHECK_FALSE(told.last.answers);
  told.good();
  CHECK(told.queue.idle());
}

TEST_CASE("an end that comes while the problem is on its way is told after it") {
  Told told({NotifyEvent::fault});
  told.change("a", "backup", "fault");
  told.next();
  told.change("a", "fault", "backup");
  told.good();
  CHECK(told.next() == "a: fault -> backup: because (it had lasted 0s)");
  CHECK(told.last.answers == 1u);
}

TEST_CASE("another target of the same name begins anew") {
  Told told({NotifyEvent::active});
  told.change("a", "backup", "active");
  told.next();
  told.bad();
  told.queue.reconfigure({NotifyEvent::fault}, {});
  CHECK(told.next() == "a: backup -> active: because");  // at once
  told.good();
  told.change("a", "backup", "active");
  CHECK(told.next() == "");
}

TEST_CASE("at the end everything is tried once") {
  Told told;
  told.change("a", "backup", "active");
  told.change("b", "backup", "active");
  told.next();
  told.bad();
  CHECK_FALSE(told.queue.idle());
  told.queue.close();
  CHECK(told.next() == "a: backup -> active: because");
  told.good();
  CHECK(told.next() == "b: backup -> active: because");
  told.bad();
  CHECK(told.queue.idle());
}

TEST_CASE("the end of a problem follows also where the problem itself could not be told yet") {
  Told told({NotifyEvent::conflict});
  told.conflict(false);
  told.next();
  SECTION("on its way") { told.conflict(true); }
  told.bad();
  SECTION("waiting again") { told.conflict(true); }
  told.now += 5s;
  CHECK(told.next() == "conflict");
  told.good();
  CHECK_THAT(told.next(), Catch::StartsWith("conflict_over (it had lasted"));
}

TEST_CASE("at the end a failure takes nothing else along") {
  Told told;
  told.change("a", "backup", "active");
  told.change("b", "backup", "active");
  told.queue.close();
  told.next();
  told.bad();
  CHECK(told.next() == "b: backup -> active: because");
}

TEST_CASE("what is new is not given up with what is old") {
  Told told;
  told.change("a", "backup", "active");
  told.next();
  told.bad();
  told.now += 59min;
  told.change("a", "active", "fault");
  told.next();
  told.now += 2min;
  told.bad();
  told.now += 10min;
  CHECK_THAT(told.next(), Catch::Contains("fault"));
}
