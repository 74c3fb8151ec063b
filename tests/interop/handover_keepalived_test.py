#!/usr/bin/python3
"""Our active must go, and its backups are keepalived, preempting and not: demoted, stopped, with nobody there.

keepalived answers priority 0 after its skew time, whether it may preempt or not; until it speaks the address stays."""

import itertools
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Keepalived, Ownership, main, stays, wait_until
from lab.group import Group
from lab.services import keepalived_instance
from lab.tutorial import MACHINES, VIP

OURS, THEIRS = "web-1", "web-2"
PATIENCE = 15


def interval(version):
    """Seconds between adverts in these tests."""
    return 0.1 if version == 3 else 1.0


class Backup:
    """A host with keepalived."""

    def __init__(self, lab, number, version, priority, nopreempt):
        self.version, self.priority = version, priority
        self.address = MACHINES[number]
        self.host = lab.host(f"web-{number}", f"{self.address}/24")
        self.keepalived = Keepalived(self.host, keepalived_instance(
            priority=priority, version=version, interval=1 if version == 2 else 0.1, password=None,
            extra="nopreempt" if nopreempt else ""))

    @property
    def skew(self):
        return (256 - self.priority) / 256 * interval(self.version)


class Mixed:
    """web-1 is ours, with a service that it watches; web-2 and following are keepalived's."""

    def __init__(self, lab, version, *, priorities=(100,), nopreempt=False, present=True, while_down="demote"):
        self.lab, self.version = lab, version
        self.group = Group(lab, 150, version=version, started=False, each=lambda number: "return_after: 1s")
        self.ours, = self.group
        self.ours.address = MACHINES[1]
        text = self.ours.host.path(self.ours.holdfast.CONFIG).read_text()
        self.ours.holdfast.write(text.replace("[service]", f"[{{check: service, while_down: {while_down}}}]"))
        self.backups = [Backup(lab, number, version, priority, nopreempt)
                        for number, priority in enumerate(priorities, 2)]
        self.ownership = Ownership(self.ours.host, *(backup.host for backup in self.backups))
        self.ours.holdfast.start()
        self.ours.holdfast.waits_for_state("active", PATIENCE)
        if present:
            for backup in self.backups:
                backup.keepalived.start()
            time.sleep(1.5 * interval(version))  # each has heard us
            assert self.holders() == [OURS]

    def holders(self):
        return self.lab.holders(VIP)

    def settles(self, name):
        """`name` alone has the address from now on, and is heard alone."""
        wait_until(lambda: self.holders() == [name], PATIENCE, f"{name} alone has the address")
        time.sleep(0.1)
        since = time.monotonic()
        stays(lambda: self.holders() == [name], 2.3 * interval(self.version), f"{name} alone has the address")
        heard = {advert.source for advert in self.group.wire.adverts(since=since)}
        assert heard == {MACHINES[int(name[-1])]}, heard

    def longest_shared(self, since):
        """Seconds of the longest time in which two hosts had the address."""
        now = time.monotonic()
        periods = [(begin, now if end is None else end) for _, begin, end in self.ownership.periods(VIP)]
        pairs = itertools.combinations(sorted(period for period in periods if period[1] >= since), 2)
        return max([0.0, *(min(one[1], other[1]) - other[0] for one, other in pairs)])

    def was_handed_over(self, successor, since):
        """From us to the successor in its skew time, without a time with nobody or two beyond what a busy machine
        needs to do what it is told."""
        self.settles(successor.host.name)
        first = self.group.adverts(successor, since)[0]
        resignations = self.group.resignations(self.ours, since)
        assert 1 <= len(resignations) <= 3, f"{len(resignations)} adverts of priority 0"
        assert resignations[-1].at - resignations[0].at < 0.05, "one burst"
        since_resignation = first.at - resignations[-1].at
        print(f"       answered after {since_resignation * 1000:.0f} ms, skew {successor.skew * 1000:.0f} ms; nobody "
              f"{self.ownership.longest_without(VIP, since) * 1000:.1f} ms, two "
              f"{self.longest_shared(since) * 1000:.1f} ms")
        assert since_resignation >= 0.9 * successor.skew
        assert since_resignation < 3 * interval(self.version), "not as long as for a dead one"
        between = [advert.priority for advert in self.group.adverts(self.ours, since)
                   if resignations[0].at <= advert.at <= first.at]
        assert set(between) == {0}, f"nothing else is said until the answer: {between}"
        assert self.ownership.lost(OURS, VIP, since) >= first.at - 0.01, "it keeps the address until the answer"
        bound = interval(self.version) / 2
        assert self.ownership.longest_without(VIP, since) < bound
        assert self.longest_shared(since) < bound


def demoted(lab, version, nopreempt):
    """There and home again: keepalived takes over and, when we are well, yields to the higher priority."""
    mixed = Mixed(lab, version, nopreempt=nopreempt)
    before = time.monotonic()
    mixed.ours.fail()
    mixed.was_handed_over(mixed.backups[0], before)
    assert mixed.ours.instance()["state"] == "backup"
    assert mixed.ours.instance()["priority"]["effective"] == 1
    recovered = time.monotonic()
    mixed.ours.recover()
    mixed.settles(OURS)
    assert mixed.ownership.longest_without(VIP, recovered) < interval(version) / 2
    assert not mixed.group.resignations(mixed.ours, recovered)


def test_demoted_v2(lab):
    demoted(lab, 2, nopreempt=False)


def test_demoted_v2_nopreempt(lab):
    demoted(lab, 2, nopreempt=True)


def test_demoted_v3(lab):
    demoted(lab, 3, nopreempt=False)


def test_demoted_v3_nopreempt(lab):
    demoted(lab, 3, nopreempt=True)


def demoted_alone(lab, version):
    """Nobody is there: we resume at priority 1 and never let go. Gives the Mixed."""
    mixed = Mixed(lab, version, present=False, nopreempt=False)
    before = time.monotonic()
    mixed.ours.fail()
    wait_until(lambda: 1 in [advert.priority for advert in mixed.group.adverts(mixed.ours, before)], PATIENCE,
               "we resume at priority 1")
    mixed.settles(OURS)
    assert 1 <= len(mixed.group.resignations(mixed.ours, before)) <= 3
    assert mixed.ownership.lost(OURS, VIP, before) is None, "the last one standing keeps the address"
    return mixed


def late_successor(lab, version):
    mixed = demoted_alone(lab, version)
    started = time.monotonic()
    mixed.backups[0].keepalived.start()
    mixed.settles(THEIRS)
    assert mixed.ownership.longest_without(VIP, started) < interval(version) / 2
    assert not mixed.group.resignations(mixed.ours, started), "it is preempted, it does not resign again"
    mixed.ours.recover()
    mixed.settles(OURS)


def test_demoted_alone_and_a_late_successor_v2(lab):
    late_successor(lab, 2)


def test_demoted_alone_and_a_late_successor_v3(lab):
    late_successor(lab, 3)


def late_nopreempt(lab, while_down, successful):
    """A keepalived with `nopreempt` that comes when we are unfit already: it obeys our priority 1, and only a fault
    makes room for it. `holdfast validate` says so."""
    mixed = Mixed(lab, 3, present=False, nopreempt=True, while_down=while_down)
    mixed.ours.fail()
    mixed.ours.holdfast.waits_for_state("fault" if while_down == "fault" else "active", PATIENCE)
    time.sleep(0.5)
    mixed.backups[0].keepalived.start()
    mixed.settles(THEIRS if successful else OURS)
    mixed.ours.recover()
    mixed.settles(OURS)


def test_late_nopreempt_successor_of_a_demoted_one(lab):
    late_nopreempt(lab, "demote", successful=False)


def test_late_nopreempt_successor_of_a_faulted_one(lab):
    late_nopreempt(lab, "fault", successful=True)


def stopped(lab, version, nopreempt):
    mixed = Mixed(lab, version, nopreempt=nopreempt)
    before = time.monotonic()
    assert mixed.ours.holdfast.stop() == 0
    assert OURS not in mixed.holders()
    mixed.was_handed_over(mixed.backups[0], before)


def test_stopped_v2(lab):
    stopped(lab, 2, nopreempt=False)


def test_stopped_v2_nopreempt(lab):
    stopped(lab, 2, nopreempt=True)


def test_stopped_v3(lab):
    stopped(lab, 3, nopreempt=False)


def test_stopped_v3_nopreempt(lab):
    stopped(lab, 3, nopreempt=True)


def two_backups(lab, nopreempt):
    """The better one is quicker to answer; the other one obeys it."""
    mixed = Mixed(lab, 2, priorities=(90, 120), nopreempt=nopreempt)
    before = time.monotonic()
    mixed.ours.fail()
    mixed.was_handed_over(mixed.backups[1], before)


def test_two_backups(lab):
    two_backups(lab, nopreempt=False)


def test_two_backups_nopreempt(lab):
    two_backups(lab, nopreempt=True)


if __name__ == "__main__":
    main()
