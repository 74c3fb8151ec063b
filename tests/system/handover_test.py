#!/usr/bin/python3
"""An active that must go: demoted or stopped, with a successor and without.

It says priority 0 at most three times, keeps the address and stays silent; a successor's first advert ends it."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Injector, main, stays, wait_until
from lab.group import Group
from lab.tutorial import VIP

FAST, RFC = "timers: fast", "timers: rfc"


def interval(version):
    """Seconds between adverts in these tests."""
    return 0.1 if version == 3 else 1.0


def silence(version):
    """How long an active that hands over waits for an answer: the slowest skew and 100 ms."""
    return {2: 1.0, 3: interval(3)}[version] + 0.1


def one_burst(resignations):
    """At most three adverts of priority 0, close together: a repetition would restart the backups' timers."""
    assert 1 <= len(resignations) <= 3, f"{len(resignations)} adverts of priority 0"
    spread = resignations[-1].at - resignations[0].at
    assert spread < 0.05, f"the burst took {spread:.3f} s"


def handed_over(group, old, new, since, version):
    """The address went from one to the other, was kept until the successor spoke, and hardly missed."""
    wait_until(lambda: group.holders() == [new.host.name], 8, f"{new.host.name} alone has the address")
    resignations = group.resignations(old, since)
    one_burst(resignations)
    first = group.adverts(new, since)[0]
    assert first.at >= resignations[0].at
    assert [advert.priority for advert in group.adverts(old, since) if advert.at > resignations[0].at
            and advert.at < first.at + interval(version)] == [0] * (len(resignations) - 1), "nothing else is said"
    lost = group.ownership.lost(old.host.name, VIP, since)
    assert lost >= first.at - 0.005, f"let go {first.at - lost:.3f} s before the successor spoke"
    gap = group.ownership.longest_without(VIP, since)
    print(f"       nobody had the address for {gap * 1000:.2f} ms")
    assert gap < silence(version) / 2, f"nobody had the address for {gap:.3f} s"


def demoted_answered(lab, version):
    group = Group(lab, 100, 99, version=version)
    web_1, web_2 = group
    before = time.monotonic()
    web_1.fail()
    handed_over(group, web_1, web_2, before, version)
    wait_until(lambda: web_1.instance()["state"] == "backup", 2, "web-1 is backup")
    assert web_1.instance()["reason"].startswith(f"handed over to {web_2.address}"), web_1.instance()["reason"]
    assert web_2.instance()["reason"] == f"the active router {web_1.address} resigned"
    assert web_1.instance()["priority"]["effective"] == 1


def test_demoted_and_answered_v3(lab):
    """A backup that hears priority 0 takes over after its skew (VX-SM-05); who hears a better one gives way
    (VX-SM-14)."""
    demoted_answered(lab, 3)


def test_demoted_and_answered_v2(lab):
    """As in version 3 (VX-SM-05, VX-SM-14)."""
    demoted_answered(lab, 2)


def demoted_unanswered(lab, version):
    group = Group(lab, 100, version=version)
    [web_1] = group
    before = time.monotonic()
    web_1.fail()
    wait_until(lambda: [advert for advert in group.adverts(web_1, before) if advert.priority == 1], 8,
               "it resumes with priority 1")
    stays(lambda: web_1.instance()["state"] == "active", 4 * interval(version), "it stays active")
    resignations = group.resignations(web_1, before)
    one_burst(resignations)
    resumed = next(advert for advert in group.adverts(web_1, before) if advert.priority == 1)
    waited = resumed.at - resignations[0].at
    assert waited >= 0.99 * silence(version), f"it listened only for {waited:.3f} s"
    assert {advert.priority for advert in group.adverts(web_1, resumed.at)} == {1}
    assert group.ownership.lost("web-1", VIP, before) is None, "the last one standing keeps the address all the time"
    assert group.wire.gratuitous_arps(VIP, resumed.at - 0.01), "and announces it again"
    recovered = time.monotonic()
    web_1.recover()
    wait_until(lambda: group.last_priority(web_1, recovered) == 100, 5, "its own priority is back")
    assert not group.resignations(web_1, recovered)
    assert group.ownership.lost("web-1", VIP, before) is None


def test_demoted_and_unanswered_v3(lab):
    """Nobody takes over: priority 1, and the address never leaves."""
    demoted_unanswered(lab, 3)


def test_demoted_and_unanswered_v2(lab):
    """As in version 3."""
    demoted_unanswered(lab, 2)


def test_well_again_before_anybody_answered(lab):
    """A service that comes back during the silence ends it: the old priority is said at once."""
    group = Group(lab, 100, version=2)
    [web_1] = group
    before = time.monotonic()
    web_1.fail()
    first = wait_until(lambda: group.resignations(web_1, before), 5, "it resigns")[0].at
    web_1.recover()
    wait_until(lambda: group.last_priority(web_1, before) == 100, 5, "it speaks again")
    priorities = {advert.priority for advert in group.adverts(web_1, first)}
    assert priorities <= {0, 1, 100}
    assert group.ownership.lost("web-1", VIP, before) is None


def stopped_with_backup(lab, version):
    group = Group(lab, 100, 99, version=version)
    web_1, web_2 = group
    before = time.monotonic()
    assert web_1.holdfast.stop() == 0
    handed_over(group, web_1, web_2, before, version)
    assert web_2.instance()["reason"] == f"the active router {web_1.address} resigned"


def test_stopped_with_a_backup_v3(lab):
    """SIGTERM: priority 0, and the address goes with the successor's advert (VX-SM-11)."""
    stopped_with_backup(lab, 3)


def test_stopped_with_a_backup_v2(lab):
    """As in version 3 (VX-SM-11)."""
    stopped_with_backup(lab, 2)


def stopped_alone(lab, version):
    group = Group(lab, 100, version=version)
    [web_1] = group
    before = time.monotonic()
    assert web_1.holdfast.stop() == 0
    assert group.holders() == []
    resignations = group.resignations(web_1, before)
    one_burst(resignations)
    assert group.adverts(web_1, resignations[0].at) == resignations, "and nothing after that"
    kept = group.ownership.lost("web-1", VIP, before) - resignations[0].at
    assert kept >= 0.99 * silence(version), f"it waited only {kept:.3f} s for a successor"


def test_stopped_without_a_backup_v3(lab):
    """Nobody answers: the address goes when the silence ends (VX-SM-11)."""
    stopped_alone(lab, 3)


def test_stopped_without_a_backup_v2(lab):
    """As in version 3 (VX-SM-11)."""
    stopped_alone(lab, 2)


def test_stopped_backup_says_nothing(lab):
    """A backup that is stopped leaves without a word (VX-SM-03)."""
    group = Group(lab, 100, 99)
    web_1, web_2 = group
    wait_until(lambda: web_2.instance().get("active_router"), 5, "web-2 hears web-1")
    assert web_2.holdfast.stop() == 0
    time.sleep(5 * interval(3))
    assert not group.adverts(web_2)
    assert group.holders() == ["web-1"]


def test_successor_during_the_silence(lab):
    """Any advert of a successor ends the silence, even that of a low priority: addresses off, backup."""
    group = Group(lab, 100, version=2)
    [web_1] = group
    successor, address = Injector(group.neighbour), "192.168.16.77"
    before = time.monotonic()
    web_1.fail()
    wait_until(lambda: group.resignations(web_1, before), 5, "it resigns")
    assert group.holders() == ["web-1"]
    successor.advert(address, version=2, priority=7)
    wait_until(lambda: group.holders() == [], 1, "the address is let go")
    spoke = group.wire.adverts(address, before)[0].at
    lost = group.ownership.lost("web-1", VIP, before)
    assert -0.005 <= lost - spoke < silence(2) / 2, "at once, not when the silence ends"
    assert web_1.instance()["state"] == "backup"
    assert address in web_1.instance()["reason"]
    assert {advert.priority for advert in group.adverts(web_1, before)} <= {0, 100}


def test_successor_ends_a_stop_early(lab):
    """A daemon that is stopped leaves as soon as a successor speaks."""
    group = Group(lab, 100, version=2)
    [web_1] = group
    successor, address = Injector(group.neighbour), "192.168.16.77"
    before = time.monotonic()
    web_1.holdfast.process.signal(15)
    wait_until(lambda: group.resignations(web_1, before), 5, "it resigns")
    successor.advert(address, version=2, priority=7)
    assert web_1.holdfast.process.wait() == 0
    lost = group.ownership.lost("web-1", VIP, before)
    assert lost - group.wire.adverts(address, before)[0].at < silence(2) / 2


def test_successor_that_was_away_during_the_silence(lab):
    """A backup that hears the resignation from nobody, and appears after it: priority 1 is preempted by anybody."""
    group = Group(lab, 100, 99, each=lambda number: "preempt: false")
    web_1, web_2 = group
    web_2.holdfast.stop()
    before = time.monotonic()
    web_1.fail()
    wait_until(lambda: group.last_priority(web_1, before) == 1, 5, "nobody answers: priority 1")
    web_2.holdfast.start()
    wait_until(lambda: group.holders() == ["web-2"], 8, "web-2 takes over, with `preempt: false` too")
    assert "unfit (priority 1)" in web_2.instance()["reason"], web_2.instance()["reason"]
    assert group.ownership.longest_without(VIP, before) < silence(3) / 2
    one_burst(group.resignations(web_1, before))


def test_successor_from_the_other_side_of_a_partition(lab):
    """A real backup that could not hear the resignation and was active behind a partition, heard during the
    silence."""
    group = Group(lab, 100, 99, version=2)
    web_1, web_2 = group
    web_2.host.cut(carrier=True)
    web_2.holdfast.waits_for_state("active", 10)
    before = time.monotonic()
    web_1.fail()
    wait_until(lambda: group.resignations(web_1, before), 5, "it resigns")
    web_2.host.join()
    wait_until(lambda: group.holders() == ["web-2"], 5, "web-2 keeps it alone")
    one_burst(group.resignations(web_1, before))
    wait_until(lambda: web_1.instance()["state"] == "backup", 2, "web-1 is backup")


def two_backups(lab, timers):
    """The better one answers, alone; a busy machine may let the other one speak once, but not each time."""
    for attempt in range(3):
        group = Group(lab, 200, 190, 20, each=lambda number: timers + "\nreturn_after: 0s") if attempt == 0 else group
        web_1, web_2, web_3 = group
        wait_until(lambda: group.holders() == ["web-1"], 10, "web-1 has the address")
        time.sleep(4 * interval(3))
        before = time.monotonic()
        web_1.fail()
        handed_over(group, web_1, web_2, before, 3)
        stays(lambda: group.holders() == ["web-2"], 5 * interval(3), "web-2 keeps it alone")
        only = not group.adverts(web_3, before)
        web_1.recover()
        if only:
            return
    raise AssertionError("the worse backup answered each time")


def test_two_backups_fast(lab):
    two_backups(lab, FAST)


def test_two_backups_rfc(lab):
    """The RFC's skew, in order of priority too (VX-SM-05)."""
    two_backups(lab, RFC)


def test_rfc_timers_wait_for_the_whole_skew(lab):
    """Priority 0 makes a backup wait for its skew time, no less (VX-SM-05)."""
    group = Group(lab, 100, 28, each=lambda number: RFC, version=2)
    web_1, web_2 = group
    before = time.monotonic()
    assert web_1.holdfast.stop() == 0
    wait_until(lambda: group.holders() == ["web-2"], 5, "web-2 has it")
    waited = group.adverts(web_2, before)[0].at - group.resignations(web_1, before)[0].at
    skew = (256 - 28) / 256
    assert 0.99 * skew <= waited < 3, f"{waited:.3f} s instead of {skew:.3f} s"


def test_demoted_backup_lets_the_others_go_first(lab):
    """Of two backups the better one is unfit: the worse one gets the address."""
    group = Group(lab, 200, 190, 20)
    web_1, web_2, web_3 = group
    web_2.fail()
    wait_until(lambda: web_2.instance()["priority"]["effective"] == 1, 5, "web-2 is demoted")
    before = time.monotonic()
    web_1.fail()
    handed_over(group, web_1, web_3, before, 3)
    stays(lambda: group.holders() == ["web-3"], 6 * interval(3), "web-3 keeps it")
    assert not group.adverts(web_2, before)


def test_all_demoted(lab):
    """The last one standing keeps the address, and whoever recovers first gets it."""
    group = Group(lab, 100, 99)
    web_1, web_2 = group
    before = time.monotonic()
    web_2.fail()
    wait_until(lambda: web_2.instance()["priority"]["effective"] == 1, 5, "web-2 is demoted")
    web_1.fail()
    wait_until(lambda: group.last_priority(web_1) == 1, 5, "web-1 resumes at priority 1")
    stays(lambda: group.holders() == ["web-1"], 1.5, "web-1 keeps the address")
    assert group.ownership.lost("web-1", VIP, before) is None
    assert not group.adverts(web_2, before), "both are unfit: no point in moving"
    one_burst(group.resignations(web_1, before))
    web_2.recover()
    wait_until(lambda: group.holders() == ["web-2"], 5, "web-2 recovered and gets it")
    stays(lambda: group.holders() == ["web-2"], 1, "and keeps it")
    wait_until(lambda: web_1.instance()["state"] == "backup", 2, "web-1 is backup")
    assert group.ownership.longest_without(VIP, before) < silence(3) / 2


def test_backup_that_may_not_preempt_answers(lab):
    """`preempt: false` is about an active that works, not about one that resigns."""
    group = Group(lab, 100, 99, each=lambda number: "preempt: false")
    web_1, web_2 = group
    before = time.monotonic()
    web_1.fail()
    handed_over(group, web_1, web_2, before, 3)
    web_1.recover()
    wait_until(lambda: web_1.instance()["priority"]["effective"] == 100, 5, "web-1 is fit again")
    stays(lambda: group.holders() == ["web-2"], 1.5, "it does not go home")


def test_return_after(lab):
    """A restart of the service isn't two moves: home only after `return_after`, then by preemption."""
    group = Group(lab, 100, 99, each=lambda number: "return_after: 3s")
    web_1, web_2 = group
    web_1.fail()
    wait_until(lambda: group.holders() == ["web-2"], 5, "web-2 has it")
    recovered = time.monotonic()
    web_1.recover()
    wait_until(lambda: group.holders() == ["web-1"], 15, "the address goes home")
    stayed = group.adverts(web_1, recovered)[0].at - recovered
    assert stayed >= 3, f"home after {stayed:.3f} s"
    assert group.ownership.longest_without(VIP, recovered) < silence(3) / 2


if __name__ == "__main__":
    main()
