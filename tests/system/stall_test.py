#!/usr/bin/python3
"""Processes that were stopped for longer than the backups wait: they listen before they speak."""

import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Injector, main, stays, wait_until
from lab.group import Group
from lab.tutorial import VIP

KEEPS_ITS_PLACE = "preempt: false"  # so that who gave way stays quiet


def wake(pids, order=1):
    """Lets the processes run again; gives the time right before."""
    woken = time.monotonic()
    for pid in pids[::order]:
        os.kill(pid, signal.SIGCONT)
    return woken


def restarts(member):
    return {process["role"]: process["restarts"] for process in member.holdfast.status()["processes"]}


def gives_way(group, woken):
    """web-1 slept, web-2 took over: web-1 says nothing at all, and is backup."""
    web_1, web_2 = group
    wait_until(lambda: web_1.instance().get("state") == "backup", 5, "web-1 gives way")
    stays(lambda: group.holders() == ["web-2"], 2, "web-2 alone has the address")
    assert not group.adverts(web_1, woken), "not a single advert after waking"


def test_stopped_child_of_an_active_gives_way(lab):
    """Only the VRRP child stops, for less than the parent's patience: it wakes as backup."""
    group = Group(lab, 100, 99, each=lambda number: KEEPS_ITS_PLACE)
    web_1, web_2 = group
    child = web_1.holdfast.vrrp_child()
    os.kill(child, signal.SIGSTOP)
    wait_until(lambda: web_2.host.has(VIP), 5, "web-2 takes over")
    woken = wake([child])
    gives_way(group, woken)
    if web_1.holdfast.vrrp_child() == child:  # else the machine was so busy that the parent lost patience
        assert "stopped for too long" in web_1.instance()["reason"], web_1.instance()["reason"]
        assert group.ownership.lost("web-1", VIP, woken) - woken < 1


def test_child_that_hangs_is_replaced_and_gives_way(lab):
    """The parent kills a child that stays silent; the next one does not believe that it is still active."""
    group = Group(lab, 100, 99, each=lambda number: KEEPS_ITS_PLACE)
    web_1, web_2 = group
    child = web_1.holdfast.vrrp_child()
    stopped = time.monotonic()
    os.kill(child, signal.SIGSTOP)
    wait_until(lambda: web_1.holdfast.vrrp_child() not in (None, child), 10, "the child is replaced")
    gives_way(group, group.adverts(web_2, stopped)[0].at)
    assert restarts(web_1)["vrrp"] == 1


def host_wakes(lab, order, version=3):
    group = Group(lab, 100, 99, each=lambda number: KEEPS_ITS_PLACE, version=version)
    web_1, web_2 = group
    frozen = web_1.freeze()
    wait_until(lambda: web_2.host.has(VIP), 10, "web-2 takes over")
    time.sleep(1.5)  # so that each heartbeat of the parent's is overdue too
    woken = wake(frozen, order)
    gives_way(group, woken)
    assert restarts(web_1) == {"parent": 0, "vrrp": 0, "checker": 0}, "nobody is killed for having slept"
    assert "stopped for too long" in web_1.instance()["reason"], web_1.instance()["reason"]


def test_stopped_host_gives_way(lab):
    """Everything stops and wakes, the parent first."""
    host_wakes(lab, 1)


def test_stopped_host_gives_way_children_first(lab):
    """Everything stops and wakes, the parent last."""
    host_wakes(lab, -1)


def test_stopped_host_gives_way_v2(lab):
    host_wakes(lab, 1, version=2)


def test_nobody_took_over(lab):
    """Stopped for longer than the lease, and alone: silent while it listens, then it goes on, with the address."""
    group = Group(lab, 100)
    [web_1] = group
    since = web_1.instance()["since"]
    frozen = web_1.freeze()
    wait_until(lambda: group.holders() == [], 8, "the kernel removes the address")
    woken = wake(frozen)
    wait_until(lambda: group.holders() == ["web-1"], 5, "the address is back")
    wait_until(lambda: group.wire.gratuitous_arps(VIP, woken), 2, "and announced")
    first = wait_until(lambda: group.adverts(web_1, woken), 2, "adverts go on")[0]
    assert first.at - woken >= 0.99 * 0.2, f"it listened for {first.at - woken:.3f} s only"
    assert web_1.instance()["state"] == "active" and web_1.instance()["since"] == since
    assert restarts(web_1) == {"parent": 0, "vrrp": 0, "checker": 0}
    assert {advert.priority for advert in group.adverts(web_1, woken)} == {100}


def test_short_stop_changes_nothing(lab):
    """Shorter than two intervals: adverts go on at once, nobody moves."""
    group = Group(lab, 100, 99, each=lambda number: KEEPS_ITS_PLACE, version=2)
    web_1, web_2 = group
    for _ in range(3):
        child = web_1.holdfast.vrrp_child()
        os.kill(child, signal.SIGSTOP)
        time.sleep(0.3)
        os.kill(child, signal.SIGCONT)
        time.sleep(0.4)
    assert web_1.instance()["state"] == "active" and not group.adverts(web_2)
    assert restarts(web_1)["vrrp"] == 0


def test_stopped_backup_stays_backup(lab):
    """A backup that wakes long after its timer has run out hears what has arrived before it believes the timer."""
    group = Group(lab, 100, 99)
    web_1, web_2 = group
    for order in (1, -1):
        frozen = web_2.freeze()
        time.sleep(2)
        woken = wake(frozen, order)
        stays(lambda: group.holders() == ["web-1"], 1.5, "web-1 keeps the address")
        assert not group.adverts(web_2), "the backup that woke stays silent"
        assert web_2.instance()["state"] == "backup"
    assert restarts(web_2) == {"parent": 0, "vrrp": 0, "checker": 0}


def test_higher_priority_that_slept_comes_back_by_the_rules(lab):
    """With `preempt` it takes the address back, but only after a whole down interval of listening."""
    group = Group(lab, 100, 99)
    web_1, web_2 = group
    frozen = web_1.freeze()
    wait_until(lambda: web_2.host.has(VIP), 10, "web-2 takes over")
    woken = wake(frozen)
    wait_until(lambda: group.holders() == ["web-1"], 5, "web-1 alone has it again")
    listened = group.adverts(web_1, woken)[0].at - woken
    assert listened >= 3 * 0.1, f"it spoke after {listened:.3f} s"


def test_active_that_woke_heard_only_a_worse_one(lab):
    """What counts is that somebody took over, not with which priority: the sleeper gives way to any."""
    group = Group(lab, 200, each=lambda number: KEEPS_ITS_PLACE)
    [web_1] = group
    other, address = Injector(group.neighbour), "192.168.16.77"
    frozen = web_1.freeze()
    time.sleep(1)
    other.advert(address, priority=3)
    woken = wake(frozen)
    wait_until(lambda: group.ownership.lost("web-1", VIP, woken), 2, "it lets the address go")
    wait_until(lambda: web_1.instance().get("state") == "backup" or group.adverts(web_1, woken), 2, "it gives way")
    early = [advert for advert in group.adverts(web_1, woken) if advert.at - woken < 3 * 0.1]
    assert not early, "and listens for a down interval before it speaks"


if __name__ == "__main__":
    main()
