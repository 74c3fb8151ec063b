#!/usr/bin/python3
"""What a dying or hanging daemon costs others: nothing, or no more than the rules allow."""

import json
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Ownership, Recorder, main, stays, wait_until
from lab.client import Client
from lab.services import Holdfast, binary_folder
from lab.tutorial import MACHINES, VIP, indented, machine, pair, quick_configuration, visitor

VIP6 = "2001:db8::130"
LEASE = 3.0
LEASE_ENDS = LEASE + 1.0  # the kernel counts whole seconds
HANG_NOTICED = 1.0  # after so much silence at most, the parent replaces the VRRP child
TICK_LATE = 0.1  # a parent that is later than this to look gives the child the time once more


def checked_configuration(priority):
    """With nginx up, two more than this."""
    return quick_configuration(priority, checks="nginx: {type: process, pid_file: /run/nginx.pid, interval: 500ms}",
                               instance="track: [{check: nginx, weight: 2}]")


def down_interval(priority, interval=0.1):
    """After how much silence a backup takes over (RFC 9568, 6.1)."""
    return 3 * interval + interval * (256 - priority) / 256


def kill_all(holdfast):
    """Nobody gets to act on the end of another."""
    pids = [holdfast.parent(), holdfast.vrrp_child(), holdfast.checker_child()]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            os.kill(pid, number)


def sweep(host):
    done = host.run([binary_folder() / "holdfast-vrrp", "--sweep"])
    return done.stdout + done.stderr


def overlap(ownership, address):
    """Seconds of the longest time in which two hosts had the address."""
    periods, now = ownership.periods(address), time.monotonic()
    return max((min(end or now, until or now) - max(begin, later)
                for i, (host, begin, end) in enumerate(periods) for other, later, until in periods[i + 1:]
                if host != other and (end is None or later < end)), default=0.0)


def transitions(holdfast):
    return [line for line in holdfast.process.lines if " -> " in line and "VI_1:" in line and "priority" not in line]


def test_vrrp_child_killed_costs_nothing(lab):
    """Four times, while a client asks every millisecond."""
    browser = visitor(lab)
    recorder = Recorder(browser.host)
    web_1, web_2 = pair(lab, checked_configuration, priorities=(200, 100))
    browser.waits_for(VIP, "web-1", 15)
    wait_until(lambda: web_1.holdfast.instance()["priority"]["effective"] == 202, 5, "nginx is seen up")
    before = transitions(web_2.holdfast)
    client = Client(browser.host, [VIP], interval_ms=1, patience_ms=900)
    time.sleep(0.5)
    began = time.monotonic()
    for _ in range(4):
        old = web_1.holdfast.vrrp_child()
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: web_1.holdfast.vrrp_child() not in (None, old), 5, "the VRRP child is back")
        time.sleep(3)  # four are no reason to give up
    gap = recorder.longest_gap(MACHINES[1], since=began)
    lasted = time.monotonic() - began
    asked, lost = client.stop()[VIP]
    lab.note(f"longest gap between adverts {gap * 1000:.0f} ms, {asked} requests, {lost} lost")
    assert gap < down_interval(102), f"{gap:.3f} s without an advert"
    priorities = {advert.priority for advert in recorder.adverts(MACHINES[1], since=began)}
    assert priorities == {202}, f"adverts go on as they were: {priorities}"
    assert web_1.holdfast.instance()["state"] == "active" and lab.holders(VIP) == ["web-1"]
    assert not recorder.adverts(MACHINES[2], since=began), "the peer never speaks"
    assert transitions(web_2.holdfast) == before, "nor changes its state"
    assert asked > 100 * lasted, f"{asked} requests are too few to show anything"
    assert lost == 0, f"{lost} of {asked} requests were lost: {client.outages(VIP)}"


def test_hung_vrrp_child(lab):
    """Which is noticed within a second, and it is replaced; the peer takes over meanwhile, and keeps what it has."""
    browser = visitor(lab)
    recorder = Recorder(browser.host)
    web_1, web_2 = pair(lab, quick_configuration, priorities=(200, 100), instance="preempt: false")
    web_1.holdfast.waits_for_state("active", 10)
    ownership = Ownership(web_1.host, web_2.host)
    noticed = "VRRP process was killed: it did not answer"
    for _ in range(3):
        first, second = (web_1, web_2) if lab.holders(VIP) == ["web-1"] else (web_2, web_1)
        before = len(transitions(second.holdfast))
        noticed_before = first.holdfast.process.log.count(noticed)
        old = first.holdfast.vrrp_child()
        stopped = looked = time.monotonic()
        os.kill(old, signal.SIGSTOP)
        longest_look, late = 0.0, 0
        while first.holdfast.process.log.count(noticed) == noticed_before:
            look = time.monotonic() - looked
            longest_look, late = max(longest_look, look), late + (look > TICK_LATE)
            looked = time.monotonic()
            assert looked - stopped < 30, "nobody noticed"
            time.sleep(0.005)
        took = time.monotonic() - stopped
        lab.note(f"noticed after {took:.3f} s, looked each {longest_look:.3f} s, {late} times too late")
        # Where we were kept waiting, the parent was too: then we see it late, or it gave the child the time once more.
        assert took < HANG_NOTICED * (1 + late) + longest_look
        wait_until(lambda: lab.holders(VIP) == [second.host.name], 5, "the peer has the address alone")
        stays(lambda: lab.holders(VIP) == [second.host.name], 1, "and keeps it")
        taken = recorder.adverts(second.holdfast.host.address, since=stopped)[0].at
        assert not recorder.adverts(first.host.address, since=taken), "the peer's takeover is not disputed"
        assert len(transitions(second.holdfast)) == before + 1, transitions(second.holdfast)
        assert first.holdfast.instance()["state"] == "backup"
        wait_until(lambda: first.holdfast.vrrp_child() not in (None, old), 5, "it is replaced")
        time.sleep(0.5)
    assert overlap(ownership, VIP) < LEASE_ENDS
    ownership.stop()


def test_vrrp_child_that_keeps_dying(lab):
    """The daemon gives the addresses up as if it were stopped, tells systemd, and fails."""
    browser = visitor(lab)
    recorder = Recorder(browser.host)
    web_1, web_2 = (machine(lab, number, quick_configuration(priority)) for number, priority in ((1, 200), (2, 100)))
    web_1.holdfast.start(notify=True)
    web_2.holdfast.start()
    browser.waits_for(VIP, "web-1", 15)
    ownership = Ownership(web_1.host, web_2.host)
    child, told = None, []
    for _ in range(5):
        told += web_1.holdfast.notifications()  # read in time: a full queue would hold the daemon up
        former = child
        child = wait_until(lambda: web_1.holdfast.vrrp_child() not in (None, former) and web_1.holdfast.vrrp_child(), 5,
                           "there is a new VRRP child")
        wait_until(lambda: web_1.holdfast.instance().get("state") == "active", 5, "which is active")
        at = time.monotonic()
        os.kill(child, signal.SIGKILL)
    assert web_1.holdfast.process.wait() == os.EX_SOFTWARE
    assert "web-1" not in lab.holders(VIP), "the address is gone before the daemon is"
    assert 0 in [advert.priority for advert in recorder.adverts(MACHINES[1], since=at)], "it resigned"
    told = "\n".join(told + web_1.holdfast.notifications())
    assert "STATUS=given up: the VRRP process died 5 times within 30s" in told and "ERRNO=10" in told, told
    browser.waits_for(VIP, "web-2", 5)
    assert overlap(ownership, VIP) < LEASE_ENDS
    ownership.stop()


def both_families(priority, virtual_mac="true", lease="3s"):
    """IPv4, with a virtual MAC unless told otherwise, and IPv6 on the interface."""
    return quick_configuration(priority, instance=f"virtual_mac: {virtual_mac}\nlease: {lease}") + indented(f"""
web6:
  interface: ens33
  vrid: 66
  priority: {priority}
  advert_interval: 100ms
  addresses: ["{VIP6}"]
  lease: {lease}
""", 2) + "\n"


def with_ipv6(lab, configure=both_families):
    machines = []
    for number, priority in ((1, 200), (2, 100)):
        one = machine(lab, number, configure(priority))
        one.host.ip("addr", "add", f"2001:db8::{number}:1/64", "dev", "ens33", "nodad")
        one.holdfast.start()
        machines.append(one)
    web_1, web_2 = machines
    wait_until(lambda: [lab.holders(address) for address in (VIP, VIP6)] == [["web-1"]] * 2, 20, "web-1 has both")
    return web_1, web_2


STRANGERS = {"192.168.16.200/32": [], "192.168.16.201/32": ["valid_lft", "60", "preferred_lft", "60"],
             "2001:db8::200/128": ["nodad"], "2001:db8::201/128": ["valid_lft", "60", "preferred_lft", "0", "nodad"]}


def strangers_there(host):
    return all(host.has(address.split("/")[0]) for address in STRANGERS)


def test_everything_killed(lab):
    """The lease ends what two hosts hold; a stranger's addresses stay, whatever happens."""
    web_1, web_2 = with_ipv6(lab)
    for address, options in STRANGERS.items():
        web_1.host.ip("addr", "add", address, "dev", "ens33", *options)
    ownership = Ownership(web_1.host, web_2.host)
    killed = time.monotonic()
    kill_all(web_1.holdfast)
    wait_until(lambda: [lab.holders(address) for address in (VIP, VIP6)] == [["web-2"]] * 2, 15, "only web-2 has them")
    for address in (VIP, VIP6):
        gone = ownership.lost("web-1", address, since=killed) - killed
        lab.note(f"{address} was gone after {gone:.2f} s; two holders for {overlap(ownership, address):.2f} s")
        assert gone < LEASE_ENDS and overlap(ownership, address) < LEASE_ENDS
    assert strangers_there(web_1.host)
    # What is found at the next start: the device of the virtual MAC, the control socket, the lock.
    assert "hf4-66-" in web_1.host.ip("link")
    web_1.holdfast.start()
    wait_until(lambda: [lab.holders(address) for address in (VIP, VIP6)] == [["web-1"]] * 2, 15, "they come home")
    assert strangers_there(web_1.host)
    ownership.stop()


def test_sweep_after_everything_died(lab):
    """At once, and only what nobody holds: neither a stranger's, nor another daemon's on the same host."""
    # The lease must not be quicker than the sweep.
    web_1, web_2 = with_ipv6(lab, lambda priority: both_families(priority, virtual_mac="false", lease="60s"))
    other = Holdfast(web_1.host, quick_configuration(100, address="192.168.16.150", vrid=77), "/etc/holdfast/other.yaml",
                     "/run/other").start()
    other.waits_for_state("active", 10)
    for address, options in STRANGERS.items():
        web_1.host.ip("addr", "add", address, "dev", "ens33", *options)
    assert sweep(web_1.host) == "", "nothing is swept from under those that live"
    stays(lambda: web_1.host.has(VIP) and web_1.host.has(VIP6), 0.5, "all stay")
    kill_all(web_1.holdfast)
    assert web_1.host.has(VIP) and web_1.host.has(VIP6), "still there right after the kill"
    said = sweep(web_1.host)
    assert not web_1.host.has(VIP) and not web_1.host.has(VIP6), "gone with the sweep"
    assert "removed virtual addresses that were left: 2" in said, said
    assert strangers_there(web_1.host) and web_1.host.has("192.168.16.150")
    stays(lambda: web_1.host.has("192.168.16.150"), 4, "the other daemon goes on")
    assert other.instance()["state"] == "active"


def test_what_a_successor_adopts_bears_its_mark(lab):
    """Its predecessor had another mark, since another daemon had the first one then."""
    web_1 = machine(lab, 1, both_families(100, virtual_mac="false"))
    other = Holdfast(web_1.host, quick_configuration(100, address="192.168.16.150", vrid=77), "/etc/holdfast/other.yaml",
                     "/run/other").start()
    web_1.holdfast.start()
    wait_until(lambda: web_1.host.has(VIP) and web_1.host.has(VIP6), 20, "it is active")
    other.stop()
    old = web_1.holdfast.vrrp_child()
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: web_1.holdfast.vrrp_child() not in (None, old), 5, "the VRRP child is back")
    wait_until(lambda: web_1.holdfast.instance().get("state") == "active", 5, "and active")
    ownership, since = Ownership(web_1.host), time.monotonic()
    wait_until(lambda: all(ownership.renewals("web-1", address, since) > 0 for address in (VIP, VIP6)), 10,
               "both leases are renewed")
    ownership.stop()
    assert sweep(web_1.host) == "" and web_1.host.has(VIP) and web_1.host.has(VIP6)


def test_leftovers_are_adopted_or_cleared(lab):
    """A daemon that starts within the lease finds its addresses and knows them, whatever the lease is now."""
    web_1 = machine(lab, 1, quick_configuration(100, instance="lease: 60s"))
    web_1.holdfast.start()
    web_1.holdfast.waits_for_state("active", 10)
    kill_all(web_1.holdfast)
    web_1.holdfast.write(quick_configuration(100, instance="lease: 3s"))
    web_1.holdfast.start()
    web_1.holdfast.waits_for_state("active", 10)
    entry = wait_until(lambda: web_1.holdfast.instance()["addresses"][0], 5, "it reports the address")
    assert entry["present"] and not entry["problem"], entry
    stays(lambda: web_1.host.has(VIP), 4, "and renews it")


def test_start_after_a_crash_with_a_broken_record(lab):
    """A drain that cannot be read any more is kept to be safe; `resume` ends it."""
    web_1 = machine(lab, 1, quick_configuration(100))
    web_1.holdfast.start()
    web_1.holdfast.waits_for_state("active", 10)
    kill_all(web_1.holdfast)
    web_1.host.write("/var/lib/holdfast/drained.json", "\0\0\0")
    web_1.holdfast.start()
    assert "makes no sense; until `holdfast resume`" in web_1.holdfast.process.log
    wait_until(lambda: web_1.holdfast.instance()["drained"], 5, "it stays away")
    wait_until(lambda: lab.holders(VIP) == [], 5, "nobody has the address")
    assert web_1.holdfast.cli("resume").returncode == 0
    web_1.holdfast.waits_for_state("active", 10)
    assert json.loads(web_1.host.path("/var/lib/holdfast/drained.json").read_text())["drained"] == []


if __name__ == "__main__":
    main()
