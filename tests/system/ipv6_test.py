#!/usr/bin/python3
"""Virtual routers over IPv6, alone and in a sync group with IPv4."""

import ipaddress
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Holdfast, Nginx, Recorder, main, stays, tshark_complaints, wait_until
from lab.services import Visitor
from lab.wire import who_answers

LINK_LOCAL, GLOBAL, VIP = "fe80::66", "2001:db8::130", "192.168.16.130"


def configuration(priority, *, instance="", addresses=(GLOBAL, LINK_LOCAL)):
    return f"""
instances:
  web6:
    interface: ens33
    vrid: 66
    priority: {priority}
    advert_interval: 100ms
    addresses: [{", ".join(f'"{address}"' for address in addresses)}]
    {instance}
"""


def machine(lab, number, configured, *, start=True):
    host = lab.host(f"web-{number}", f"192.168.16.{127 + number}/24", f"2001:db8::{127 + number}/64")
    Nginx(host).start()
    holdfast = Holdfast(host, configured)
    return holdfast.start() if start else holdfast


def looker(lab):
    return lab.host("looker", "192.168.16.1/24", "2001:db8::1/64")


def link_local(host):
    link = json.loads(host.ip("-j", "addr", "show", "dev", host.interface))[0]
    return next(entry["local"] for entry in link["addr_info"]
                if entry["scope"] == "link" and entry.get("valid_life_time", 0) > 1000)


def described(host, address):
    """The kernel's entry of an address on the host."""
    links = json.loads(host.ip("-j", "addr", "show"))
    return next(entry for link in links for entry in link["addr_info"] if entry["local"] == address)


def test_a_pair(lab):
    """Starts, moves when the active dies, goes home; packets judged by tshark
    (V3-TX-04, VX-TX-01, VX-TX-02, VX-SM-04, V6-AN-02, V6-AN-09, V3-PK-04, V3-CK-02)."""
    browser = looker(lab)
    recorder = Recorder(browser)
    one = machine(lab, 1, configuration(100))
    two = machine(lab, 2, configuration(99))
    one.waits_for_state("active", 10)
    two.waits_for_state("backup", 10)
    assert Visitor(browser).page(GLOBAL) == "web-1"
    for address in (LINK_LOCAL, GLOBAL):
        entry = described(one.host, address)
        assert entry.get("nodad") and not entry.get("tentative") and entry["preferred_life_time"] == 0, entry
    source = link_local(one.host)
    assert one.instance()["active_router"]["address"] == source
    wait_until(lambda: len(recorder.adverts(source)) > 5, 5, "some adverts are heard")
    adverts = recorder.adverts(source)
    assert adverts and all(advert.addresses == (LINK_LOCAL, GLOBAL) for advert in adverts), "link-local first"
    assert recorder.neighbour_advertisements(GLOBAL) and recorder.neighbour_advertisements(LINK_LOCAL)
    settled = [advert.source for advert in recorder.adverts()][-5:]
    assert set(settled) == {source}, "the backup is silent"
    count, bad = tshark_complaints(recorder, source)
    assert count > 3 and not bad, bad

    lab.note("the active loses its power")
    off = time.monotonic()
    one.host.power_off()
    two.waits_for_state("active", 10)
    Visitor(browser).waits_for(GLOBAL, "web-2", 5)
    assert recorder.neighbour_advertisements(GLOBAL, since=off)
    one.host.boot()
    Nginx(one.host).start()
    one.start()
    Visitor(browser).waits_for(GLOBAL, "web-1", 10)
    two.waits_for_state("backup", 5)
    wait_until(lambda: lab.holders(GLOBAL) == ["web-1"], 2, "web-1 alone has it")
    assert one.stop() == 0
    Visitor(browser).waits_for(GLOBAL, "web-2", 5)
    wait_until(lambda: lab.holders(LINK_LOCAL) == ["web-2"], 2, "web-2 alone has it")


def test_the_active_answers_neighbour_solicitations_and_the_backup_does_not(lab):
    """Asked right after the takeover, too (V6-AN-03, V6-AN-09, VX-AN-05)."""
    browser = looker(lab)
    one = machine(lab, 1, configuration(100))
    two = machine(lab, 2, configuration(99))
    one.waits_for_state("active", 10)
    mac = lambda host: json.loads(host.ip("-j", "link", "show", host.interface))[0]["address"]
    assert who_answers(browser, GLOBAL) == [mac(one.host)]
    groups = one.host.ip("-6", "maddr", "show", "dev", "ens33")
    assert "ff02::1:ff00:130" in groups and "ff02::12" in groups, groups
    assert "ff02::1:ff00:130" not in two.host.ip("-6", "maddr", "show", "dev", "ens33")
    one.host.power_off()
    two.waits_for_state("active", 10)
    assert who_answers(browser, GLOBAL) == [mac(two.host)]


def test_link_local_source_comes_and_goes(lab):
    """Without a link-local address of its own a router is in fault and says so; with one it goes on (VX-TX-02)."""
    one = machine(lab, 1, configuration(100))
    one.waits_for_state("active", 10)
    own = link_local(one.host)
    one.host.ip("addr", "del", f"{own}/64", "dev", "ens33")
    one.waits_for_state("fault", 5)
    assert "link-local" in one.instance()["reason"], one.instance()["reason"]
    wait_until(lambda: lab.holders(GLOBAL) == [], 2, "the addresses are gone")
    one.host.ip("addr", "add", "fe80::abcd/64", "dev", "ens33", "nodad")
    one.waits_for_state("active", 5)
    assert one.instance()["active_router"]["address"] == "fe80::abcd"
    lab.note("the link goes down, which takes all IPv6 addresses along, and comes back")
    one.host.ip("link", "set", "ens33", "down")
    one.waits_for_state("fault", 5)
    one.host.ip("link", "set", "ens33", "up")
    one.waits_for_state("active", 10)


def test_the_source_stays_the_hosts_own(lab):
    """Whatever comes and goes by reloads, and whatever address the interface gets later (VX-TX-02)."""
    recorder = Recorder(looker(lab))
    one = machine(lab, 1, configuration(100, addresses=(LINK_LOCAL, f"{GLOBAL}/64")))
    one.waits_for_state("active", 10)
    own = link_local(one.host)
    one.host.ip("addr", "add", "fe80::1:1/64", "dev", "ens33", "nodad")
    for addresses in ((LINK_LOCAL, "2001:db8::131/64"), ("2001:db8::131/64",), (LINK_LOCAL, GLOBAL)):
        one.write(configuration(100, addresses=addresses))
        assert one.cli("reload").returncode == 0
        since = time.monotonic()
        wait_until(lambda: len(recorder.adverts(since=since)) > 5, 5, "some adverts are heard")
        assert {advert.source for advert in recorder.adverts(since=since)} == {own}, addresses
        assert one.instance()["active_router"]["address"] == own


def test_everything_killed(lab):
    """The kernel's lease removes the IPv6 addresses as well."""
    one = machine(lab, 1, configuration(100))
    one.waits_for_state("active", 10)
    for program in ("holdfastd", "holdfast-vrrp", "holdfast-checker"):
        for pid in one.host.pids(program):
            os.kill(pid, 9)
    wait_until(lambda: lab.holders(GLOBAL) == [] == lab.holders(LINK_LOCAL), 15, "the lease ended")


def dual(priority, tracks=""):
    return f"""
instances:
  web4:
    interface: ens33
    vrid: 66
    priority: {priority}
    advert_interval: 100ms
    addresses: [{VIP}]
    {tracks}
  web6:
    interface: ens33
    vrid: 66
    priority: {priority}
    advert_interval: 100ms
    addresses: ["{GLOBAL}", "{LINK_LOCAL}"]
sync_groups:
  web: [web6, web4]
"""


def test_a_sync_group_moves_together(lab):
    """IPv4 and IPv6 are always on the same host: power cut, return, stop, another interface lost."""
    looker(lab)
    one = machine(lab, 1, dual(100, "track: [{interface: eth9}]"), start=False)
    two = machine(lab, 2, dual(99))
    one.host.ip("link", "add", "eth9", "type", "veth", "peer", "name", "eth9-peer")
    one.host.ip("link", "set", "eth9-peer", "up")
    one.host.ip("link", "set", "eth9", "up")
    one.start()

    def on(*names):
        return lambda: lab.holders(VIP) == lab.holders(GLOBAL) == list(names)

    def moved_to(name):
        wait_until(on(name), 10, f"both are on {name}")
        stays(on(name), 1, f"both stay on {name}")

    moved_to("web-1")
    assert one.instance("web6")["sync_group"] == "web" and one.instance("web6")["leader"] == "web4"
    one.host.power_off()
    moved_to("web-2")
    reason = two.instance("web6")["reason"]
    assert "web4" in reason, reason
    one.host.boot()
    one.host.ip("link", "add", "eth9", "type", "veth", "peer", "name", "eth9-peer")
    one.host.ip("link", "set", "eth9-peer", "up")
    one.host.ip("link", "set", "eth9", "up")
    one.start()
    moved_to("web-1")
    lab.note("an interface that only the IPv4 instance tracks goes down")
    one.host.ip("link", "set", "eth9", "down")
    moved_to("web-2")
    one.host.ip("link", "set", "eth9", "up")
    moved_to("web-1")
    assert one.stop() == 0
    moved_to("web-2")


def test_equal_priorities_and_opposite_address_order_do_not_ping_pong(lab):
    """web-1 has the smaller IPv4 and the greater IPv6 address: the leader decides for both."""
    one = machine(lab, 1, dual(100))
    two = machine(lab, 2, dual(100))
    low, high = ("fe80::1", "fe80::2")
    for holdfast, address in ((one, high), (two, low)):
        own = link_local(holdfast.host)
        holdfast.host.ip("addr", "add", f"{address}/64", "dev", "ens33", "nodad")
        holdfast.host.ip("addr", "del", f"{own}/64", "dev", "ens33")
    assert ipaddress.ip_address(one.host.address) < ipaddress.ip_address(two.host.address)
    lab.note("both are active while they are apart, then they meet")
    two.host.cut(carrier=True)
    wait_until(lambda: len(lab.holders(VIP)) == len(lab.holders(GLOBAL)) == 2, 10, "both are active")
    two.host.join()
    wait_until(lambda: lab.holders(VIP) == lab.holders(GLOBAL) == ["web-2"], 10, "all on web-2")
    counts = lambda: [holdfast.instance(name)["statistics"]["master_transitions"]
                      for holdfast in (one, two) for name in ("web4", "web6")]
    before = counts()
    stays(lambda: lab.holders(VIP) == lab.holders(GLOBAL) == ["web-2"], 3, "nothing moves")
    assert counts() == before


if __name__ == "__main__":
    main()
