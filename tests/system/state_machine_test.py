#!/usr/bin/python3
"""The state machine of RFC 9568, 6.4, seen from the wire: a neighbour says something, and web-1 answers, or not."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Holdfast, Injector, Recorder, main, stays, wait_until
from lab.tutorial import VIP, machine, quick_configuration, visitor

WEB_1 = "192.168.16.128"
GREATER, SMALLER = "192.168.16.200", "192.168.16.2"  # than WEB_1


def lonely(lab, priority=100, *, wait="active", **options):
    """(wire, injector, holdfast): web-1 alone with a neighbour that can say anything."""
    neighbour = visitor(lab).host
    wire, injector = Recorder(neighbour), Injector(neighbour)
    holdfast = machine(lab, 1, quick_configuration(priority, **options), nginx=False).holdfast.start()
    if wait:
        holdfast.waits_for_state(wait, 10)
    return wire, injector, holdfast


def arps_and_adverts(wire, since=0.0):
    """What web-1 says, in order: ("advert" or "arp", when)."""
    said = [("advert", seen.at) for seen in wire.adverts(WEB_1, since)]
    said += [("arp", at) for at in wire.gratuitous_arps(VIP, since)]
    return sorted(said, key=lambda one: one[1])


def test_owner_starts_as_active(lab):
    """Priority 255: advert, announcement, active; no waiting (VX-SM-01)."""
    started = time.monotonic()
    wire, _, holdfast = lonely(lab, 255, version=2)
    first = wait_until(lambda: wire.adverts(WEB_1), 5, "adverts")[0]
    said = wait_until(lambda: [kind for kind, _ in arps_and_adverts(wire)] if wire.gratuitous_arps(VIP) else None, 3,
                      "announced")
    assert said[:2] == ["advert", "arp"], said
    assert first.priority == 255
    assert first.at - started < 3, "a backup would have listened for longer"
    assert "owner" in holdfast.instance()["reason"]


def test_others_start_as_backup(lab):
    """Silent until the down interval, from our own interval and priority, has passed (VX-SM-02)."""
    started = time.monotonic()
    wire, _, holdfast = lonely(lab, 100, version=2, wait="backup")
    first = wait_until(lambda: wire.adverts(WEB_1), 10, "it takes over")[0]
    assert first.at - started >= 3 + 156 / 256
    assert holdfast.instance()["state"] == "active"


def test_backup_shuts_down_silently(lab):
    """(VX-SM-03)"""
    wire, injector, holdfast = lonely(lab, 100, wait="backup", version=2)
    injector.advert(GREATER, version=2, priority=200)
    assert holdfast.stop() == 0
    time.sleep(0.5)
    assert not wire.adverts(WEB_1) and not wire.gratuitous_arps(VIP)


def test_silence_makes_a_backup_active(lab):
    """The down timer fires: advert, then announcement; no sooner than the timer says (VX-SM-04)."""
    wire, injector, holdfast = lonely(lab, 100, wait=None)
    holdfast.waits_for_state("active", 10)
    injector.advert(GREATER, priority=200, interval=100)
    holdfast.waits_for_state("backup", 3)
    heard = wire.adverts(GREATER)[-1].at
    wait_until(lambda: holdfast.instance()["state"] == "active", 10, "it takes over")
    again = wire.adverts(WEB_1, heard + 0.5)[0].at
    assert again - heard >= 0.999 * (3 + 156 / 256), f"after {again - heard:.3f} s, with the learned interval of 1 s"
    wait_until(lambda: wire.gratuitous_arps(VIP, again), 3, "announced")
    said = [kind for kind, _ in arps_and_adverts(wire, again)]
    assert said[:2] == ["advert", "arp"], said


def resignation(lab, timers, version):
    wire, injector, holdfast = lonely(lab, 56, wait=None, version=version, instance=f"timers: {timers}")
    wait_until(lambda: holdfast.instance().get("state") == "backup", 5, "backup")
    injector.advert(GREATER, version=version, priority=200, interval=None if version == 2 else 100)
    wait_until(lambda: holdfast.instance()["active_router"], 3, "the active is heard")
    injector.advert(GREATER, version=version, priority=0, interval=None if version == 2 else 100)
    wait_until(lambda: wire.adverts(WEB_1), 5, "it takes over")
    waited = wire.adverts(WEB_1)[0].at - wire.adverts(GREATER)[-1].at
    assert holdfast.instance()["reason"] == f"the active router {GREATER} resigned"
    return waited


def test_priority_zero_rfc_v2(lab):
    """Priority 0: takeover after the skew time of the own priority (VX-SM-05)."""
    waited = resignation(lab, "rfc", 2)
    assert 0.999 * 200 / 256 <= waited < 2.5, f"{waited:.4f} s"


def test_priority_zero_rfc_v3(lab):
    """Priority 0: takeover after the skew time, with the learned interval (VX-SM-05)."""
    waited = resignation(lab, "rfc", 3)
    assert 0.999 * 200 / 256 <= waited < 2.5, f"{waited:.4f} s"


def test_priority_zero_fast(lab):
    """Priority 0 with fast timers: at most 10 ms, so far below the RFC's (VX-SM-05)."""
    waited = resignation(lab, "fast", 2)
    assert 0.999 * 0.01 * 200 / 256 <= waited < 0.5 * 200 / 256, f"{waited:.4f} s"


def backup_of(lab, instance="", **options):
    """(wire, injector, holdfast): web-1 as backup of GREATER with priority 200, an advert every 100 ms or, in
    version 2, every second."""
    wire, injector, holdfast = lonely(lab, wait=None, instance=instance, **options)
    holdfast.waits_for_state("backup", 3)  # it listens
    injector.advert(GREATER, priority=200, version=options.get("version", 3))
    wait_until(lambda: holdfast.instance().get("active_router"), 3, "the active is heard")
    return wire, injector, holdfast


def test_worse_adverts_do_not_stop_a_backup(lab):
    """With `preempt` they restart no timer and teach no interval: it takes over while they are heard (VX-SM-08)."""
    wire, injector, holdfast = backup_of(lab, instance="timers: rfc")
    last = wire.adverts(GREATER)[-1].at
    while not wire.adverts(WEB_1) and time.monotonic() - last < 5:
        injector.advert(SMALLER, priority=99, interval=4095)
        time.sleep(0.02)
    waited = wire.adverts(WEB_1)[0].at - last
    assert waited >= 0.999 * 0.1 * (3 + 156 / 256), f"{waited:.3f} s"
    assert holdfast.instance()["state"] == "active"


def test_equal_adverts_are_obeyed_by_a_backup(lab):
    """Whatever their address: the tie is for actives (VX-SM-09)."""
    wire, injector, holdfast = backup_of(lab)
    for _ in range(40):
        injector.advert(SMALLER, priority=100, interval=100)
        time.sleep(0.03)
    assert holdfast.instance()["state"] == "backup" and not wire.adverts(WEB_1)


def test_worse_adverts_are_obeyed_without_preempt(lab):
    """With `preempt: false`, and their interval is learned (V3-SM-06)."""
    wire, injector, holdfast = backup_of(lab, instance="preempt: false")
    injector.advert(SMALLER, priority=50, interval=100)
    holdfast.waits_for_state("active", 10)
    waited = wire.adverts(WEB_1)[0].at - wire.adverts(SMALLER)[-1].at
    assert waited >= 0.999 * (3 + 156 / 256), f"{waited:.3f} s, with the learned interval of 1 s"


def test_a_learned_interval_is_replaced_by_the_next(lab):
    """Each advert of the active teaches anew, longer and shorter (V3-SM-06)."""
    wire, injector, holdfast = backup_of(lab)
    injector.advert(GREATER, priority=200, interval=4095)
    time.sleep(1)
    assert holdfast.instance()["state"] == "backup", "its own three intervals have long passed"
    injector.advert(GREATER, priority=200, interval=10)
    holdfast.waits_for_state("active", 10)


def test_version_2_restarts_its_timer_and_learns_nothing(lab):
    """(V2-SM-07)"""
    wire, injector, holdfast = backup_of(lab, version=2)
    for _ in range(3):
        time.sleep(1)
        injector.advert(GREATER, version=2, priority=200)
    last = time.monotonic()
    holdfast.waits_for_state("active", 10)
    heard = wire.adverts(GREATER)[-1].at
    waited = wire.adverts(WEB_1)[0].at - heard
    assert heard >= last - 1 and waited >= 0.999 * (3 + 156 / 256), f"{waited:.3f} s"


def test_two_owners(lab):
    """Only one of them stays active: the one with the greater address (VX-RX-15)."""
    wire, injector, holdfast = lonely(lab, 255)
    time.sleep(0.3)  # an advert that crosses our first one is no news
    injector.advert(SMALLER, priority=255)
    wait_until(lambda: holdfast.instance()["conflicts"], 3, "the other owner is told of")
    assert holdfast.instance()["state"] == "active"
    injector.advert(GREATER, priority=255)
    holdfast.waits_for_state("backup", 3)
    assert holdfast.instance()["active_router"] == {"address": GREATER, "priority": 255}


def test_owner_preempts(lab):
    """An owner takes the address from anybody, whatever `preempt` says (VX-SM-10)."""
    neighbour = visitor(lab).host
    wire, injector = Recorder(neighbour), Injector(neighbour)
    web_1 = machine(lab, 1, quick_configuration(255, instance="preempt: false"), nginx=False)
    injector.advert(GREATER, priority=254)
    holdfast = web_1.holdfast.start()
    holdfast.waits_for_state("active", 5)
    injector.advert(GREATER, priority=254)
    stays(lambda: holdfast.instance()["state"] == "active", 0.5, "it stays active")
    assert wire.adverts(WEB_1)


def test_shutdown_of_an_active(lab):
    """Priority 0 and nothing more (VX-SM-11)."""
    wire, _, holdfast = lonely(lab)
    assert holdfast.stop() == 0
    time.sleep(0.3)
    adverts = wire.adverts(WEB_1)
    last = [seen for seen in adverts if seen.priority == 0]
    assert 1 <= len(last) <= 3 and adverts[-len(last):] == last


def test_own_interval_after_another_was_learned(lab):
    """A backup learns its active's interval; as active it uses its own (VX-SM-12)."""
    wire, injector, holdfast = lonely(lab, wait=None)
    injector.advert(GREATER, priority=200, interval=4095)
    wait_until(lambda: holdfast.instance().get("active_router"), 3, "the active is heard")
    injector.advert(GREATER, priority=0, interval=4095)
    holdfast.waits_for_state("active", 5)
    time.sleep(1.5)
    adverts = wire.adverts(WEB_1)
    assert {seen.interval for seen in adverts} == {0.1}, "and says so"
    assert len(adverts) >= 8


def test_active_answers_priority_zero(lab):
    """One advert at once, and the timer starts anew; it stays active (VX-SM-13)."""
    wire, injector, holdfast = lonely(lab, version=2)
    for offset in (0.3, 0.5, 0.7):
        before = len(wire.adverts(WEB_1))
        periodic = wait_until(lambda: wire.adverts(WEB_1)[before:], 3, "an advert by the timer")[0].at
        time.sleep(max(0.0, periodic + offset - time.monotonic()))
        asked = time.monotonic()
        injector.advert(GREATER, version=2, priority=0)
        wait_until(lambda: len(wire.adverts(WEB_1, asked)) >= 2, 4, "two more adverts")
        heard = wire.adverts(GREATER, asked)[0].at
        answer, following = [seen.at for seen in wire.adverts(WEB_1, heard)][:2]
        if heard - periodic < 0.9:  # else the machine was too busy to ask in time
            assert answer - heard < 0.25, f"the answer took {answer - heard:.3f} s"
            assert following - answer >= 0.9, f"the timer did not start anew: {following - answer:.3f} s"
    assert holdfast.instance()["state"] == "active"
    assert holdfast.instance()["statistics"]["priority_zero_pkts_rcvd"] == 3


def gives_way(lab, priority, source, version):
    wire, injector, holdfast = lonely(lab, version=version)
    host = lab.hosts[1]
    said = time.monotonic()
    injector.advert(source, version=version, priority=priority, interval=None if version == 2 else 100)
    holdfast.waits_for_state("backup", 3)
    wait_until(lambda: not host.has(VIP), 2, "the address is withdrawn")
    heard = wire.adverts(source, said)[0].at
    wait_until(lambda: holdfast.instance()["state"] == "active", 10, "it comes back when nobody is heard")
    again = [seen.at for seen in wire.adverts(WEB_1, heard + 0.05)][0]
    down = 3 + 156 / 256  # of the one second that was learned, or of version 2
    assert again - heard >= 0.999 * down, f"silent for {again - heard:.3f} s only"


def test_active_gives_way_to_a_higher_priority(lab):
    """Backup, addresses off, and in version 3 the other one's interval from now on (VX-SM-14)."""
    gives_way(lab, 101, SMALLER, 3)


def test_active_gives_way_to_a_higher_priority_v2(lab):
    """(VX-SM-14)"""
    gives_way(lab, 101, SMALLER, 2)


def test_active_gives_way_in_a_tie_to_the_greater_address(lab):
    """(VX-SM-14, VX-SM-15)"""
    gives_way(lab, 100, GREATER, 3)


def keeps_on(lab, priority, source, version):
    """How many adverts come within half an interval of each of some worse adverts, sent in the middle of intervals."""
    wire, injector, holdfast = lonely(lab, version=2) if version == 2 else lonely_slow(lab)
    since = holdfast.instance()["since"]
    answers = []
    time.sleep(1.2)
    for _ in range(4):
        before = len(wire.adverts(WEB_1))
        periodic = wait_until(lambda: wire.adverts(WEB_1)[before:], 4, "an advert by the timer")[0].at
        time.sleep(max(0.0, periodic + 0.4 - time.monotonic()))
        injector.advert(source, version=version, priority=priority, interval=None if version == 2 else 100)
        following = wait_until(lambda: [seen.at for seen in wire.adverts(WEB_1, periodic + 0.9)], 4, "the next")[0]
        heard = wire.adverts(source)[-1].at
        answers.append(len([seen for seen in wire.adverts(WEB_1, heard) if seen.at < periodic + 0.9]))
        assert 0.9 <= following - periodic <= 1.5, f"the timer goes on as it was: {following - periodic:.3f} s"
    assert holdfast.instance()["since"] == since and holdfast.instance()["state"] == "active"
    return answers


def lonely_slow(lab):
    """Version 3 with an advert a second."""
    neighbour = visitor(lab).host
    wire, injector = Recorder(neighbour), Injector(neighbour)
    slow = quick_configuration(100).replace("advert_interval: 100ms", "advert_interval: 1s")
    holdfast = machine(lab, 1, slow, nginx=False).holdfast.start()
    holdfast.waits_for_state("active", 10)
    return wire, injector, holdfast


def test_worse_adverts_are_answered_in_version_3(lab):
    """One advert at once, and the timer is not touched (VX-SM-16)."""
    answers = keeps_on(lab, 99, GREATER, 3)
    assert answers == [1, 1, 1, 1], answers


def test_a_tie_with_a_smaller_address_is_answered(lab):
    """The tie is ours: discarded, answered (VX-SM-15, VX-SM-16)."""
    answers = keeps_on(lab, 100, SMALLER, 3)
    assert answers == [1, 1, 1, 1], answers


def test_worse_adverts_are_not_answered_in_version_2(lab):
    """RFC 3768 stays silent (VX-SM-16)."""
    answers = keeps_on(lab, 99, GREATER, 2)
    assert answers == [0, 0, 0, 0], answers


def tie(lab, own, source, addresses):
    """What becomes of web-1, active, when it hears an advert with its own priority."""
    injector = Injector(lab.host("neighbour", "192.168.99.1/24"))
    host = lab.host("web-1", own)
    listed = ", ".join(f'"{address}"' for address in addresses)
    holdfast = Holdfast(host, quick_configuration(100, address=listed)).start()
    holdfast.waits_for_state("active", 10)
    time.sleep(0.3)
    injector.advert(source, priority=100, addresses=addresses)
    wait_until(lambda: holdfast.instance()["statistics"]["advertisement_rcvd"] == 1, 3, "it is heard")
    return holdfast.instance()["state"]


def test_ties_are_decided_by_unsigned_addresses(lab):
    """10.0.0.200 is less than 10.0.1.1 (VX-SM-15)."""
    assert tie(lab, "10.0.1.1/16", "10.0.0.200", ("10.0.9.9",)) == "active"


def test_ties_are_decided_by_the_first_byte(lab):
    """200.0.0.1 is greater than 100.0.0.1 (VX-SM-14, VX-SM-15)."""
    assert tie(lab, "100.0.0.1/1", "200.0.0.1", ("100.0.0.9",)) == "backup"


def test_ties_over_ipv6(lab):
    """fe80::7fff is less than fe80::8000 (VX-SM-15, VX-SM-16)."""
    assert tie(lab, "fe80::8000/64", "fe80::7fff", ("fe80::1:66", "2001:db8::66")) == "active"


def test_ties_over_ipv6_lost(lab):
    """And fe80::8000 is greater than fe80::7fff (VX-SM-14, VX-SM-15)."""
    assert tie(lab, "fe80::7fff/64", "fe80::8000", ("fe80::1:66", "2001:db8::66")) == "backup"


def test_state_machine_over_ipv6(lab):
    """A backup that hears priority 0 follows after its skew, advert before announcement; as active it answers worse
    ones, and gives way to a better one, whose interval it learns (VX-SM-04, VX-SM-05, VX-SM-14, VX-SM-16)."""
    other, own, addresses = "fe80::77", "fe80::128", ("fe80::1:66", "2001:db8::66")
    neighbour = lab.host("neighbour", "192.168.99.1/24")
    wire, injector = Recorder(neighbour), Injector(neighbour)
    host = lab.host("web-1", f"{own}/64")
    listed = ", ".join(f'"{address}"' for address in addresses)
    holdfast = Holdfast(host, quick_configuration(56, address=listed, instance="timers: rfc")).start()
    says = lambda **fields: injector.advert(other, addresses=addresses, **fields)
    says(priority=200, interval=100)
    wait_until(lambda: holdfast.instance()["active_router"], 3, "the active is heard")
    says(priority=0, interval=100)
    taken = wait_until(lambda: wire.adverts(own), 5, "it takes over")[0].at
    resigned = [seen for seen in wire.adverts(other) if seen.priority == 0][0].at
    assert 0.999 * 200 / 256 <= taken - resigned < 2.5, f"after {taken - resigned:.3f} s"
    for address in addresses:
        told = wait_until(lambda: wire.neighbour_advertisements(address), 3, f"{address} is announced")
        assert told[0] > taken, "advert first"
    time.sleep(0.3)
    says(priority=9)
    wait_until(lambda: holdfast.instance()["conflicts"], 3, "a worse active is told of")
    assert holdfast.instance()["state"] == "active"
    better = time.monotonic()
    says(priority=57, interval=100)
    holdfast.waits_for_state("backup", 3)
    wait_until(lambda: not host.has(addresses[1]) and not host.has(addresses[0]), 3, "the addresses are withdrawn")
    heard = wire.adverts(other, better)[0].at
    again = wait_until(lambda: wire.adverts(own, heard + 0.05), 10, "it comes back")[0].at
    assert again - heard >= 0.999 * (3 + 200 / 256), f"after {again - heard:.3f} s, with the learned interval of 1 s"


def test_answers_are_limited(lab):
    """A neighbour that claims to be active very often gets no answer to each (VX-SM-17)."""
    wire, injector, holdfast = lonely_slow(lab)
    began = time.monotonic()
    for _ in range(200):
        injector.advert(SMALLER, priority=50)
        time.sleep(0.005)
    took = time.monotonic() - began
    answers = len(wire.adverts(WEB_1, began))
    assert answers <= took * 5 + 3, f"{answers} adverts within {took:.1f} intervals"
    assert holdfast.instance()["state"] == "active"


if __name__ == "__main__":
    main()
