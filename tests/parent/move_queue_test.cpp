// The latest state wins, and is moved until it succeeds.
#include "parent/move_queue.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

const TimePoint now{1h};

Notification state(std::uint64_t serial, const char* to) {
  Notification notification;
  notification.serial = serial;
  notification.to = to;
  return notification;
}

std::string next(MoveQueue& queue, TimePoint at = now) {
  const auto wanted = queue.next(at);
  return wanted ? wanted->to + " " + std::to_string(wanted->serial) : "";
}

}  // namespace

TEST_CASE("a failed move is repeated until it succeeds") {
  MoveQueue queue(5s);
  CHECK(next(queue).empty());
  queue.want(state(1, "active"));
  CHECK(next(queue) == "active 1");
  CHECK(queue.state() == MoveQueue::State::running);
  CHECK(next(queue).empty());
  queue.finished("no", now);
  CHECK(queue.state() == MoveQueue::State::waiting);
  CHECK(queue.next_deadline() == now + 5s);
  CHECK(next(queue, now + 5s - 1us).empty());
  CHECK(next(queue, now + 5s) == "active 1");
  queue.finished("", now + 5s);
  CHECK(queue.state() == MoveQueue::State::idle);
  CHECK(queue.attempts() == 2);
  CHECK(queue.failed() == 1);
  CHECK(queue.last_error().empty());
  CHECK_FALSE(queue.next_deadline());
}

TEST_CASE("another state ends the attempts, and comes at once") {
  MoveQueue queue(5s);
  queue.want(state(1, "active"));
  next(queue);
  queue.finished("no", now);
  queue.want(state(2, "backup"));
  CHECK(next(queue) == "backup 2");
  queue.finished("", now);
  CHECK(queue.idle());
}

TEST_CASE("of what comes during a run only the last is run, even if it is the same state again") {
  MoveQueue queue(5s);
  queue.want(state(1, "active"));
  next(queue);
  queue.want(state(2, "backup"));
  queue.want(state(3, "active"));
  CHECK(next(queue).empty());
  queue.finished("", now);
  CHECK(next(queue) == "active 3");
  queue.finished("", now);
  CHECK(queue.idle());
}

TEST_CASE("a run that fails after its state has gone is not repeated") {
  MoveQueue queue(5s);
  queue.want(state(1, "active"));
  next(queue);
  queue.forget();
  queue.finished("no", now);
  CHECK(queue.idle());
  CHECK_FALSE(queue.next_deadline());
}

TEST_CASE("at the end nothing is waited for but the run under way") {
  MoveQueue queue(5s);
  queue.want(state(1, "active"));
  next(queue);
  queue.finished("no", now);
  queue.close();
  CHECK(queue.idle());
  queue.want(state(2, "initialize"));
  CHECK_FALSE(queue.idle());
  CHECK(next(queue) == "initialize 2");
  queue.finished("no", now);
  CHECK(queue.idle());
}
