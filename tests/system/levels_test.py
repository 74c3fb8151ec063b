#!/usr/bin/python3
"""Interfaces and addresses that come, go and change: only what is true now decides, whatever happened before."""

import os
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Ownership, Recorder, main, stays, wait_until
from lab.tutorial import VIP, machine, pair, quick_configuration, visitor

WEB_1 = "192.168.16.128"
VIP_LINK_LOCAL, VIP_V6 = "fe80::1:66", "2001:db8::66"


def alone(lab, **options):
    """(wire, web-1) with web-1 active."""
    wire = Recorder(visitor(lab).host)
    web_1 = machine(lab, 1, quick_configuration(100, **options), nginx=False)
    web_1.holdfast.start().waits_for_state("active", 10)
    return wire, web_1


def speaks(wire, since, source=WEB_1):
    wait_until(lambda: wire.adverts(source, since), 5, f"adverts come from {source}")


def in_fault(holdfast, *words):
    """In the end: an interface that is taken down first and then away is in fault for one reason and then another."""
    holdfast.waits_for_state("fault", 5)
    wait_until(lambda: all(word in holdfast.instance().get("reason", "") for word in words), 3, f"the reason: {words}")


def test_link_lost_and_back(lab):
    wire, web_1 = alone(lab)
    for _ in range(3):
        web_1.host.cut()
        in_fault(web_1.holdfast, "ens33", "carrier")
        wait_until(lambda: not web_1.host.has(VIP), 3, "the address is gone")
        joined = time.monotonic()
        web_1.host.join()
        web_1.holdfast.waits_for_state("active", 5)
        wait_until(lambda: web_1.host.has(VIP), 2, "the address is back")
        speaks(wire, joined)


def test_interface_down_and_up(lab):
    wire, web_1 = alone(lab)
    web_1.host.ip("link", "set", "ens33", "down")
    in_fault(web_1.holdfast, "ens33", "down")
    wait_until(lambda: not web_1.host.has(VIP), 3, "the address is gone")
    up = time.monotonic()
    web_1.host.ip("link", "set", "ens33", "up")
    web_1.holdfast.waits_for_state("active", 5)
    speaks(wire, up)


def test_interface_deleted_and_made_again(lab):
    wire, web_1 = alone(lab)
    for _ in range(3):
        web_1.host.pull_out()
        in_fault(web_1.holdfast, "no interface ens33")
        back = time.monotonic()
        web_1.host.plug_in()
        web_1.holdfast.waits_for_state("active", 5)
        wait_until(lambda: web_1.host.has(VIP), 2, "the address is on the new interface")
        speaks(wire, back)


def test_interface_renamed_and_back(lab):
    """Nothing of ours stays on what is no longer our interface."""
    wire, web_1 = alone(lab)
    host, holdfast = web_1.host, web_1.holdfast
    for _ in range(2):
        host.ip("link", "set", "ens33", "down")
        host.ip("link", "set", "ens33", "name", "other0")
        host.ip("link", "set", "other0", "up")
        in_fault(holdfast, "no interface ens33")
        wait_until(lambda: not host.has(VIP), 2, "the virtual address leaves the renamed interface")
        assert host.has(WEB_1), "what is not ours stays"
        silent = time.monotonic()
        time.sleep(0.5)
        assert not wire.adverts(WEB_1, silent)
        host.ip("link", "set", "other0", "down")
        host.ip("link", "set", "other0", "name", "ens33")
        back = time.monotonic()
        host.ip("link", "set", "ens33", "up")
        holdfast.waits_for_state("active", 5)
        wait_until(lambda: host.has(VIP), 2, "the address is back")
        speaks(wire, back)


def test_interface_renamed_while_it_is_up(lab):
    """As the kernel allows since 6.x; where it does not, there is nothing to see."""
    wire, web_1 = alone(lab)
    host, holdfast = web_1.host, web_1.holdfast
    if host.run(["ip", "link", "set", "ens33", "name", "other0"], check=False).returncode != 0:
        return
    in_fault(holdfast, "no interface ens33")
    wait_until(lambda: not host.has(VIP), 2, "the virtual address leaves the renamed interface at once")
    assert host.has(WEB_1)
    silent = time.monotonic()
    time.sleep(0.5)
    assert not wire.adverts(WEB_1, silent)
    host.ip("link", "set", "other0", "name", "ens33")
    holdfast.waits_for_state("active", 5)
    wait_until(lambda: host.has(VIP), 2, "the address is back")


def test_two_interfaces_swap_their_names(lab):
    """The configuration names them, so each router moves to the interface that has its name now."""
    wire = Recorder(visitor(lab).host)
    web_1 = machine(lab, 1, quick_configuration(100), nginx=False)
    host, holdfast = web_1.host, web_1.holdfast
    host.ip("link", "add", "spare0", "type", "veth", "peer", "name", "spare1")
    host.ip("addr", "add", "192.168.17.1/24", "dev", "spare0")
    for name in ("spare0", "spare1"):
        host.ip("link", "set", name, "up")
    holdfast.start().waits_for_state("active", 10)
    for name in ("ens33", "spare0"):
        host.ip("link", "set", name, "down")
    for old, new in (("ens33", "between"), ("spare0", "ens33"), ("between", "spare0")):
        host.ip("link", "set", old, "name", new)
    for name in ("ens33", "spare0"):
        host.ip("link", "set", name, "up")
    holdfast.waits_for_state("active", 5)
    wait_until(lambda: f"inet {VIP}/32 " in host.ip("addr", "show", "dev", "ens33"), 3, "it follows the name")
    assert VIP not in host.ip("addr", "show", "dev", "spare0")
    quiet = time.monotonic()
    time.sleep(0.5)
    assert not wire.adverts(since=quiet), "nothing more on the former interface"


def test_source_address_changes(lab):
    """Adverts come from the new address at once, and nobody moves."""
    wire, web_1 = alone(lab)
    host, holdfast = web_1.host, web_1.holdfast
    since = holdfast.instance()["since"]
    owned = Ownership(host)
    changed = time.monotonic()
    host.ip("addr", "add", "192.168.16.99/24", "dev", "ens33")
    host.run(["ip", "addr", "del", f"{WEB_1}/24", "dev", "ens33"])
    if not host.has("192.168.16.99"):  # a secondary goes with its primary where secondaries are not promoted
        host.ip("addr", "add", "192.168.16.99/24", "dev", "ens33")
    speaks(wire, changed, "192.168.16.99")
    first = wire.adverts("192.168.16.99", changed)[0].at
    time.sleep(0.5)
    assert not [seen for seen in wire.adverts(WEB_1, changed) if seen.at > first], "none from the old one after that"
    assert holdfast.instance()["active_router"]["address"] == "192.168.16.99"
    if holdfast.instance()["since"] == since:  # the interface was never without an address
        assert owned.lost("web-1", VIP, changed) is None


def test_source_address_changes_to_another_subnet(lab):
    """The old address goes while another one, of another subnet, is there: no time without a source."""
    wire, web_1 = alone(lab)
    host, holdfast = web_1.host, web_1.holdfast
    since = holdfast.instance()["since"]
    host.ip("addr", "add", "10.7.7.7/24", "dev", "ens33")
    changed = time.monotonic()
    host.ip("addr", "del", f"{WEB_1}/24", "dev", "ens33")
    speaks(wire, changed, "10.7.7.7")
    time.sleep(0.5)
    assert holdfast.instance()["since"] == since and holdfast.instance()["state"] == "active"
    assert wire.longest_gap(since=changed - 0.5) < 0.36, "no backup would have noticed"


def test_all_addresses_removed_and_back(lab):
    wire, web_1 = alone(lab)
    host, holdfast = web_1.host, web_1.holdfast
    for _ in range(2):
        host.ip("addr", "flush", "dev", "ens33")
        in_fault(holdfast, "ens33", "no IPv4 address")
        assert not host.has(VIP)
        silent = time.monotonic()
        time.sleep(0.5)
        assert not wire.adverts(since=silent)
        host.ip("addr", "add", f"{WEB_1}/24", "dev", "ens33")
        holdfast.waits_for_state("active", 5)
        wait_until(lambda: host.has(VIP), 2, "the address is back")


def test_virtual_address_deleted_by_somebody(lab):
    """Put back at once, announced, without an election; an advert never says anything else."""
    wire, web_1 = alone(lab)
    host, holdfast = web_1.host, web_1.holdfast
    since = holdfast.instance()["since"]
    owned = Ownership(host)
    time.sleep(1.2)
    deleted = time.monotonic()
    host.ip("addr", "del", f"{VIP}/32", "dev", "ens33")
    wait_until(lambda: owned.gained("web-1", VIP, deleted), 3, "it is put back")
    wait_until(lambda: wire.gratuitous_arps(VIP, deleted), 3, "and announced")
    assert holdfast.instance()["since"] == since
    assert holdfast.instance()["statistics"]["addresses_restored"] == 1
    assert {seen.priority for seen in wire.adverts(WEB_1)} == {100}
    assert f"somebody removed {VIP}/32" in holdfast.process.log


def test_virtual_address_deleted_unseen_is_back_already(lab):
    """The renewal of its lease put it back before we could read that it was gone: that is no error, and it stays."""
    _, web_1 = alone(lab, interval="1s")
    host, holdfast = web_1.host, web_1.holdfast
    news = [f"addr {what} 127.9.{i // 250}.{i % 250 + 1}/32 dev lo" for i in range(1000) for what in ("add", "del")]
    host.write("/etc/news", "\n".join(news))
    stopped = [holdfast.parent(), holdfast.vrrp_child()]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    host.ip("-batch", host.path("/etc/news"))  # to be read first
    host.ip("addr", "del", f"{VIP}/32", "dev", "ens33")
    time.sleep(max(0.0, began + 1.2 - time.monotonic()))  # a third of the lease has passed, two adverts have not
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: host.has(VIP), 3, "the address is back")
    stays(lambda: host.has(VIP), 4, "and stays for longer than its lease")
    assert "cannot add" not in holdfast.process.log
    assert holdfast.instance()["state"] == "active"


def test_virtual_address_deleted_again_and_again(lab):
    """Two that quarrel over an address must not spin: it is put back about once a second."""
    wire, web_1 = alone(lab)
    host, holdfast = web_1.host, web_1.holdfast
    since = holdfast.instance()["since"]
    owned = Ownership(host)
    began = time.monotonic()
    while time.monotonic() - began < 5:
        host.run(["ip", "addr", "del", f"{VIP}/32", "dev", "ens33"], check=False)
    took = time.monotonic() - began
    back = [begin for _, begin, _ in owned.periods(VIP) if begin >= began]
    assert 2 <= len(back) <= took + 2, f"put back {len(back)} times in {took:.1f} s"
    wait_until(lambda: host.has(VIP), 3, "it is back at last")
    stays(lambda: host.has(VIP), 1, "and stays")
    assert holdfast.instance()["since"] == since
    assert {seen.priority for seen in wire.adverts(WEB_1)} == {100}
    assert wire.longest_gap(WEB_1, since=began) < 0.36, "adverts go on"


def test_strangers_permanent_address(lab):
    """An address that is on the host for good is not ours: never converted or removed, and the status says so."""
    web_1 = machine(lab, 1, quick_configuration(100), nginx=False)
    host, holdfast = web_1.host, web_1.holdfast
    host.ip("addr", "add", f"{VIP}/32", "dev", "ens33")
    holdfast.start().waits_for_state("active", 10)
    time.sleep(1.5)
    assert "valid_lft forever" in host.ip("addr", "show", "to", VIP)
    assert f"cannot add {VIP}/32: this host has it already" in holdfast.process.log
    host.cut()
    holdfast.waits_for_state("fault", 5)
    host.join()
    holdfast.waits_for_state("active", 5)
    assert "valid_lft forever" in host.ip("addr", "show", "to", VIP)
    host.ip("addr", "del", f"{VIP}/32", "dev", "ens33")
    wait_until(lambda: "valid_lft" in host.ip("addr", "show", "to", VIP), 5, "once it is gone, ours takes its place")
    assert "forever" not in host.ip("addr", "show", "to", VIP)
    assert holdfast.stop() == 0
    assert not host.has(VIP)


def both_families(priority):
    """An IPv4 and an IPv6 instance, each for itself."""
    return quick_configuration(priority) + f"""
  VI_6:
    interface: ens33
    vrid: 66
    priority: {priority}
    advert_interval: 100ms
    addresses: ["{VIP_LINK_LOCAL}", "{VIP_V6}"]
"""


def any_order(lab, seed):
    """Fifty events in an arbitrary but fixed order, some at once and some with time between; then all is well again,
    within a bound, on both hosts and for both families."""
    visitor(lab)
    chance = random.Random(seed)
    web_1, web_2 = pair(lab, both_families)
    for name in ("VI_1", "VI_6"):
        web_1.holdfast.waits_for_state("active", 15, name)
    host = web_1.host
    there, name, mac_turn = True, "ens33", [0]

    def attempt(*words):
        host.run(["ip", *words], check=False)

    def rename():
        nonlocal name
        new = "other0" if name == "ens33" else "ens33"
        for words in (("set", name, "down"), ("set", name, "name", new), ("set", new, "up")):
            attempt("link", *words)
        name = new

    def replace():
        nonlocal there, name
        if there:
            host.pull_out()
        else:
            host.plug_in()
            name = "ens33"
        there = not there

    def change_mac():
        mac_turn[0] += 1
        attempt("link", "set", name, "address", f"02:00:00:00:00:{mac_turn[0]:02x}")

    events = {
        "cut": lambda: there and host.cut(),
        "join": lambda: there and host.join(),
        "down": lambda: attempt("link", "set", name, "down"),
        "up": lambda: attempt("link", "set", name, "up"),
        "no addresses": lambda: attempt("-4", "addr", "flush", "dev", name),
        "no IPv6 addresses": lambda: attempt("-6", "addr", "flush", "dev", name),
        "link-local address": lambda: attempt("addr", "add", "fe80::1:128/64", "dev", name, "nodad"),
        "own address": lambda: attempt("addr", "add", f"{WEB_1}/24", "dev", name),
        "another address": lambda: attempt("addr", "add", "10.7.7.7/24", "dev", name),
        "virtual address deleted": lambda: attempt("addr", "del", f"{VIP}/32", "dev", name),
        "virtual IPv6 address deleted": lambda: attempt("addr", "del", f"{VIP_V6}/128", "dev", name),
        "rename": rename,
        "replace": replace,
        "another MAC": change_mac,
    }
    for _ in range(50):
        event = chance.choice(list(events))
        lab.note(f"event: {event}")
        events[event]()
        if chance.random() < 0.5:
            time.sleep(chance.random() * 0.4)
    if not there:
        replace()
    if name != "ens33":
        rename()
    host.join()
    attempt("link", "set", "ens33", "up")
    attempt("addr", "add", f"{WEB_1}/24", "dev", "ens33")
    attempt("addr", "add", "fe80::1:128/64", "dev", "ens33", "nodad")
    ours = (VIP, VIP_LINK_LOCAL, VIP_V6)
    wait_until(lambda: all(lab.holders(address) == ["web-1"] for address in ours), 15, "web-1 alone has all")
    stays(lambda: all(lab.holders(address) == ["web-1"] for address in ours), 2, "and keeps them")
    for name in ("VI_1", "VI_6"):
        assert web_1.holdfast.instance(name)["state"] == "active"
        assert web_2.holdfast.instance(name)["state"] == "backup"
    processes = {process["role"]: process["restarts"] for process in web_1.holdfast.status()["processes"]}
    assert processes == {"parent": 0, "vrrp": 0, "checker": 0}


def test_any_order_of_events(lab):
    any_order(lab, 20261122)


def test_another_order_of_events(lab):
    any_order(lab, 9568)


def test_virtual_ipv6_address_deleted_by_somebody(lab):
    """As over IPv4."""
    wire = Recorder(visitor(lab).host)
    web_1 = machine(lab, 1, both_families(100), nginx=False)
    web_1.holdfast.start().waits_for_state("active", 15, "VI_6")
    since = web_1.holdfast.instance("VI_6")["since"]
    owned = Ownership(web_1.host)
    time.sleep(1.2)
    deleted = time.monotonic()
    web_1.host.ip("addr", "del", f"{VIP_V6}/128", "dev", "ens33")
    wait_until(lambda: owned.gained("web-1", VIP_V6, deleted), 3, "it is put back")
    wait_until(lambda: wire.neighbour_advertisements(VIP_V6, deleted), 3, "and announced")
    assert web_1.holdfast.instance("VI_6")["since"] == since
    assert web_1.holdfast.instance("VI_6")["statistics"]["addresses_restored"] == 1
    assert web_1.holdfast.instance("VI_1")["statistics"]["addresses_restored"] == 0


def overrun_drops(host):
    """Notifications that the kernel could not deliver to netlink sockets of the host."""
    with host.network():
        lines = pathlib.Path("/proc/thread-self/net/netlink").read_text().splitlines()[1:]
    return sum(int(line.split()[8]) for line in lines)


def test_netlink_overrun(lab):
    """More news than the socket holds, while nobody reads: everything is read again, and the view is right."""
    wire, web_1 = alone(lab)
    host, holdfast = web_1.host, web_1.holdfast
    host.ip("link", "add", "noise0", "type", "veth", "peer", "name", "noise1")
    pids = [holdfast.parent(), holdfast.vrrp_child()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    turn = "".join(f"addr {what} 10.8.0.{i}/32 dev noise0\n" for i in range(100) for what in ("add", "del"))
    host.write("/run/noise", turn * 100)
    before = overrun_drops(host)
    host.run(["ip", "-batch", "/run/noise"], timeout=60)
    # What matters comes last, when no more news fit.
    host.ip("addr", "add", "10.7.7.7/24", "dev", "ens33")
    host.ip("addr", "del", f"{WEB_1}/24", "dev", "ens33")
    host.run(["ip", "addr", "del", f"{VIP}/32", "dev", "ens33"], check=False)  # unless its lease has ended it
    dropped = overrun_drops(host) - before
    woken = time.monotonic()
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    print(f"       {dropped} notifications were dropped")
    assert dropped > 0, "no overrun: the test shows nothing"
    speaks(wire, woken, "10.7.7.7")
    wait_until(lambda: host.has(VIP), 5, "the address is back")
    assert not wire.adverts(WEB_1, woken), "nothing comes from the address that went"
    holdfast.waits_for_state("active", 5)
    link_gone = time.monotonic()
    host.cut()
    in_fault(holdfast, "carrier")
    host.join()
    holdfast.waits_for_state("active", 5)
    speaks(wire, link_gone, "10.7.7.7")


def test_flood_of_news(lab):
    """Thousands of changes a second elsewhere on the host: adverts go on, changes that matter are seen."""
    wire, web_1 = alone(lab)
    host, holdfast = web_1.host, web_1.holdfast
    since = holdfast.instance()["since"]
    host.ip("link", "add", "noise0", "type", "veth", "peer", "name", "noise1")
    turn = "".join(f"addr {what} 10.8.0.{i}/32 dev noise0\n" for i in range(100) for what in ("add", "del"))
    host.write("/run/noise", turn * 150)
    began = time.monotonic()
    noise = host.spawn(["ip", "-batch", "/run/noise"], "noise")
    host.ip("addr", "add", "10.7.7.7/24", "dev", "ens33")
    host.ip("addr", "del", f"{WEB_1}/24", "dev", "ens33")
    speaks(wire, began, "10.7.7.7")
    noise.wait(60)
    took = time.monotonic() - began
    print(f"       {30000 / took:.0f} changes a second for {took:.1f} s")
    assert holdfast.instance()["since"] == since
    assert wire.longest_gap(since=began) < 0.36, "no backup would have noticed"
    assert holdfast.instance()["active_router"]["address"] == "10.7.7.7"


if __name__ == "__main__":
    main()
