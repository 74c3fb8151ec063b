// The check's counting and due times, with a fake clock.
#include "checker_child/core/check.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <vector>

using namespace holdfast;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint t0{1000s};

CheckSpec spec_with(std::uint32_t rise, std::uint32_t fall, Duration interval = 1s, Duration timeout = 1s) {
  CheckSpec spec;
  spec.name = "web";
  spec.probe = TcpProbe{.host = "127.0.0.1", .port = 80, .send = "", .expect = ""};
  spec.interval = interval;
  spec.timeout = timeout;
  spec.rise = rise;
  spec.fall = fall;
  return spec;
}

const ProbeResult good{.good = true, .detail = "fine"};
const ProbeResult bad{.good = false, .detail = "broken"};

// Lets the check run at its due time and answers 1 ms later.
bool result_changes(Check& check, const ProbeResult& result) {
  const TimePoint due = check.due();
  const auto begun = check.advance(due, "");
  REQUIRE(begun.start);
  return check.finished(due + 1ms, *begun.start, result).changed;
}

}  // namespace

TEST_CASE("until its first result a check is not up") {
  Check check(spec_with(1, 1), t0, 0s, 1);
  CHECK(check.status() == CheckStatus::unknown);
  CHECK(check.detail() == "no result yet");
  CHECK(check.due() == t0);  // and it is probed at once
}

TEST_CASE("the first result decides without counting") {
  Check check(spec_with(3, 3), t0, 0s, 1);
  SECTION("up") {
    CHECK(result_changes(check, good));
    CHECK(check.status() == CheckStatus::up);
  }
  SECTION("down") {
    CHECK(result_changes(check, bad));
    CHECK(check.status() == CheckStatus::down);
    CHECK(check.detail() == "broken");
  }
  CHECK(check.since() == t0 + 1ms);
}

TEST_CASE("a check falls after `fall` bad results in a row and rises after `rise` good ones") {
  Check check(spec_with(2, 3), t0, 0s, 1);
  REQUIRE(result_changes(check, good));
  CHECK_FALSE(result_changes(check, bad));
  CHECK(check.detail() == "broken (1 of the 3 bad results that make it down)");
  CHECK_FALSE(result_changes(check, bad));
  CHECK_FALSE(result_changes(check, good));  // breaks the row
  CHECK(check.detail() == "fine");
  CHECK_FALSE(result_changes(check, bad));
  CHECK_FALSE(result_changes(check, bad));
  CHECK(check.status() == CheckStatus::up);
  const TimePoint third = check.due() + 1ms;
  CHECK(result_changes(check, bad));
  CHECK(check.status() == CheckStatus::down);
  CHECK(check.since() == third);
  CHECK(check.detail() == "broken");

  CHECK_FALSE(result_changes(check, good));
  CHECK(check.detail() == "fine (1 of the 2 good results that make it up)");
  CHECK_FALSE(result_changes(check, bad));
  CHECK_FALSE(result_changes(check, good));
  CHECK(check.since() == third);
  CHECK(result_changes(check, good));
  CHECK(check.status() == CheckStatus::up);
}

TEST_CASE("a bad event is not delayed by fall, a good one counts like any result") {
  Check check(spec_with(2, 5), t0, 0s, 1);
  REQUIRE(result_changes(check, good));
  CHECK(check.event(t0 + 10ms, bad).changed);
  CHECK(check.status() == CheckStatus::down);
  CHECK(check.since() == t0 + 10ms);
  CHECK_FALSE(check.event(t0 + 20ms, bad).changed);
  CHECK_FALSE(check.event(t0 + 30ms, good).changed);
  CHECK(check.event(t0 + 40ms, good).changed);
  CHECK(check.status() == CheckStatus::up);
}

TEST_CASE("an event may be the first result") {
  Check check(spec_with(1, 1), t0, 0s, 1);
  const auto begun = check.advance(t0, "");
  REQUIRE(begun.start);
  CHECK(check.event(t0 + 1ms, bad).changed);
  CHECK(check.status() == CheckStatus::down);
  CHECK(check.finished(t0 + 2ms, *begun.start, good).changed);
  CHECK(check.status() == CheckStatus::up);
}

TEST_CASE("runs are due one interval after the last was due, however late they were") {
  Check check(spec_with(1, 1), t0, 0s, 1);
  for (int i = 0; i < 100; ++i) {
    const TimePoint due = check.due();
    CHECK(due == t0 + i * 1s);
    const auto begun = check.advance(due + 300ms, "");
    REQUIRE(begun.start);
    check.finished(due + 310ms, *begun.start, good);
  }
}

TEST_CASE("slots that passed while the host slept are skipped, not made up for") {
  Check check(spec_with(1, 1), t0, 0s, 1);
  REQUIRE(result_changes(check, good));
  const auto begun = check.advance(t0 + 7500ms, "");
  REQUIRE(begun.start);
  check.finished(t0 + 7501ms, *begun.start, good);
  CHECK(check.due() == t0 + 8s);
}

TEST_CASE("the second run comes earlier by the phase, the others in step with it") {
  Check check(spec_with(1, 1), t0, 300ms, 1);
  REQUIRE(result_changes(check, good));
  CHECK(check.due() == t0 + 700ms);
  REQUIRE_FALSE(result_changes(check, good));
  CHECK(check.due() == t0 + 1700ms);
}

TEST_CASE("phases spread many checks over the interval") {
  for (const std::uint32_t count : {10u, 100u, 1000u}) {
    std::vector<Duration> phases;
    for (std::uint32_t id = 0; id < count; ++id) phases.push_back(phase_of(CheckId{id}, 1s));
    std::sort(phases.begin(), phases.end());
    CHECK(phases.front() >= 0s);
    CHECK(phases.back() < 1s);
    const Duration fair = Duration(1s) / count;
    for (std::size_t i = 1; i < phases.size(); ++i) CHECK(phases[i] - phases[i - 1] < 3 * fair);
  }
  CHECK(phase_of(CheckId{7}, 1h) < 1h);
  CHECK(phase_of(CheckId{0xffffffff}, 24h) < 24h);
}

TEST_CASE("a run without a result is given up after the timeout and counts as bad") {
  Check check(spec_with(1, 1, 10s, 500ms), t0, 0s, 1);
  const auto begun = check.advance(t0, "");
  REQUIRE(begun.start);
  CHECK(check.due() == t0 + 500ms);
  const auto early = check.advance(t0 + 499ms, "connecting");
  CHECK_FALSE(early.cancel);
  const auto late = check.advance(t0 + 500ms, "connecting to 127.0.0.1:80");
  CHECK(late.cancel);
  CHECK(late.changed);
  CHECK_FALSE(late.start);
  CHECK(check.status() == CheckStatus::down);
  CHECK(check.detail() == "no answer within 500 ms: connecting to 127.0.0.1:80");
  CHECK(check.due() == t0 + 10s);

  SECTION("its late answer is ignored") {
    CHECK_FALSE(check.finished(t0 + 600ms, *begun.start, good).changed);
    CHECK(check.status() == CheckStatus::down);
    CHECK(check.report(CheckId{1}).runs == 1);
  }
}

TEST_CASE("with a timeout as long as the interval, the next run starts in the same step") {
  Check check(spec_with(1, 2, 1s, 1s), t0, 0s, 1);
  const auto first = check.advance(t0, "");
  const auto second = check.advance(t0 + 1s, "");
  CHECK(second.cancel);
  REQUIRE(second.start);
  CHECK(*second.start != *first.start);
  CHECK(check.due() == t0 + 2s);
}

TEST_CASE("there are never two runs of one check") {
  Check check(spec_with(1, 1, 1s, 3500ms), t0, 0s, 1);
  const auto begun = check.advance(t0, "");
  REQUIRE(begun.start);
  for (const auto passed : {1000ms, 2000ms, 3000ms}) {
    CHECK(check.due() == t0 + passed);
    const auto slot = check.advance(t0 + passed, "");
    CHECK_FALSE(slot.start);
    CHECK_FALSE(slot.cancel);
  }
  CHECK(check.due() == t0 + 3500ms);
  CHECK_FALSE(check.finished(t0 + 3200ms, *begun.start, good).start);
  CHECK(check.due() == t0 + 4s);
}

TEST_CASE("probe now: at once, and the rhythm stays") {
  Check check(spec_with(1, 1, 10s, 1s), t0, 0s, 1);
  REQUIRE(result_changes(check, bad));
  const auto now = check.probe_now(t0 + 3s);
  REQUIRE(now.start);
  CHECK(check.finished(t0 + 3s + 1ms, *now.start, good).changed);
  CHECK(check.status() == CheckStatus::up);
  CHECK(check.due() == t0 + 10s);
}

TEST_CASE("probe now during a run: once more when that ends") {
  Check check(spec_with(1, 1, 10s, 1s), t0, 0s, 1);
  const auto begun = check.advance(t0, "");
  REQUIRE(begun.start);
  CHECK_FALSE(check.probe_now(t0 + 1ms).start);
  CHECK_FALSE(check.probe_now(t0 + 2ms).start);
  SECTION("by its answer") {
    const auto ended = check.finished(t0 + 3ms, *begun.start, bad);
    REQUIRE(ended.start);
    CHECK_FALSE(check.finished(t0 + 4ms, *ended.start, good).start);
  }
  SECTION("by its timeout") {
    const auto late = check.advance(t0 + 1s, "");
    CHECK(late.cancel);
    REQUIRE(late.start);
    CHECK_FALSE(check.finished(t0 + 1001ms, *late.start, good).start);
  }
  CHECK(check.status() == CheckStatus::up);
  CHECK(check.due() == t0 + 10s);
}

TEST_CASE("foreign run numbers are ignored") {
  Check check(spec_with(1, 1), t0, 0s, 5000);
  CHECK_FALSE(check.finished(t0, 5000, good).changed);  // none is in flight yet
  const auto begun = check.advance(t0, "");
  REQUIRE(begun.start == 5000);
  CHECK_FALSE(check.finished(t0 + 1ms, 4999, good).changed);
  CHECK_FALSE(check.finished(t0 + 1ms, 5001, good).changed);
  CHECK(check.status() == CheckStatus::unknown);
  CHECK(check.finished(t0 + 1ms, 5000, good).changed);
  CHECK_FALSE(check.finished(t0 + 1ms, 5000, bad).changed);
  CHECK(check.status() == CheckStatus::up);
}

TEST_CASE("a script gets twelve more seconds, for the parent to say how it ended") {
  CheckSpec spec = spec_with(1, 1, 1s, 1s);
  spec.probe = ScriptProbe{};
  Check check(spec, t0, 0s, 1);
  REQUIRE(check.advance(t0, "").start);
  CHECK_FALSE(check.advance(t0 + 12999ms, "").cancel);
  const auto late = check.advance(t0 + 13s, "");
  CHECK(late.cancel);
  CHECK(late.changed);
  CHECK(late.start);
  CHECK(check.detail() == "no answer within 13 s");
}

TEST_CASE("a changed check keeps its status until its next result, which decides and is told") {
  const Check::Past past{CheckStatus::up, t0 - 1h, "fine before"};
  Check check(spec_with(3, 3), t0, 0s, 1, &past);
  CHECK(check.status() == CheckStatus::up);
  CHECK(check.since() == t0 - 1h);
  CHECK(check.detail() == "fine before");
  SECTION("the same") {
    CHECK(result_changes(check, good));
    CHECK(check.since() == t0 - 1h);
  }
  SECTION("the opposite") {
    CHECK(result_changes(check, bad));
    CHECK(check.status() == CheckStatus::down);
    CHECK(check.since() == t0 + 1ms);
  }
}

TEST_CASE("the report counts runs and failures and knows the last latency") {
  Check check(spec_with(1, 2), t0, 0s, 1);
  result_changes(check, good);
  result_changes(check, bad);
  check.event(t0 + 1500ms, bad);
  const CheckReport report = check.report(CheckId{9});
  CHECK(report.id == CheckId{9});
  CHECK(report.status == CheckStatus::down);
  CHECK(report.since == t0 + 1500ms);
  CHECK(report.detail == "broken");
  CHECK(report.runs == 3);
  CHECK(report.failures == 2);
  CHECK(report.latency == 1ms);

  const auto begun = check.advance(t0 + 2s, "");
  check.finished(t0 + 3s, *begun.start, {.good = true, .detail = "fine", .took = 250ms});
  CHECK(check.report(CheckId{9}).latency == 250ms);
}

TEST_CASE("durations as a person reads them") {
  CHECK(seconds_text(1s) == "1 s");
  CHECK(seconds_text(1500ms) == "1.5 s");
  CHECK(seconds_text(500ms) == "500 ms");
  CHECK(seconds_text(90s) == "90 s");
  CHECK(seconds_text(1200us) == "1.2 ms");
}
