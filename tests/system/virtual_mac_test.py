#!/usr/bin/python3
"""Virtual MACs: adverts, ARP and neighbour discovery from 00-00-5e-00-01/02-VRID, and nothing left behind."""

import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Holdfast, Nginx, Recorder, main, stays, wait_until
from lab.services import Visitor, binary_folder
from lab.wire import who_answers

VIP, VIP6, LINK_LOCAL = "192.168.16.130", "2001:db8::130", "fe80::66"
MAC4, MAC6 = "00:00:5e:00:01:42", "00:00:5e:00:02:42"


def configuration(priority, virtual_mac="true"):
    return f"""
instances:
  web4:
    interface: ens33
    vrid: 66
    priority: {priority}
    advert_interval: 100ms
    virtual_mac: {virtual_mac}
    addresses: [{VIP}]
  web6:
    interface: ens33
    vrid: 66
    priority: {priority}
    advert_interval: 100ms
    virtual_mac: {virtual_mac}
    addresses: ["{LINK_LOCAL}", "{VIP6}"]
"""


class Pair:
    def __init__(self, lab):
        self.lab = lab
        self.looker = lab.host("looker", "192.168.16.1/24", "2001:db8::1/64")
        self.visitor = Visitor(self.looker)
        self.recorder = Recorder(self.looker)
        self.one, self.two = (self.machine(number, priority) for number, priority in ((1, 100), (2, 99)))

    def machine(self, number, priority):
        host = self.lab.host(f"web-{number}", f"192.168.16.{127 + number}/24", f"2001:db8::{127 + number}/64")
        Nginx(host).start()
        return Holdfast(host, configuration(priority))

    def start(self):
        for holdfast in (self.one, self.two):
            holdfast.start()
        self.settles_on("web-1")
        return self

    def settles_on(self, name):
        for address in (VIP, VIP6):
            self.visitor.waits_for(address, name, 15)
            wait_until(lambda: self.lab.holders(address) == [name], 5, f"{name} alone has {address}")


def devices(host):
    """Names of the macvlan devices of a host and whether they are up."""
    links = json.loads(host.ip("-d", "-j", "link", "show"))
    return {link["ifname"]: "UP" in link["flags"] for link in links
            if link.get("linkinfo", {}).get("info_kind") == "macvlan"}


def arp_settings(host):
    return [host.run(["cat", f"/proc/sys/net/ipv4/conf/ens33/{name}"]).stdout.strip()
            for name in ("arp_ignore", "arp_announce")]


def own_mac(host):
    return json.loads(host.ip("-j", "link", "show", "ens33"))[0]["address"]


def test_only_the_virtual_mac_is_seen(lab):
    """Adverts and announcements come from it, ARP and neighbour solicitations are answered with it alone; the source
    addresses are the interface's (VX-TX-02, VX-TX-03, V3-TX-04, V4-AN-01, V6-AN-02, V4-AN-04, VX-AN-07)."""
    pair = Pair(lab).start()
    settled = time.monotonic()
    time.sleep(0.5)
    own = {entry["local"] for entry in
           json.loads(pair.one.host.ip("-j", "addr", "show", "dev", "ens33"))[0]["addr_info"]}
    adverts = pair.recorder.adverts(since=settled)
    assert {advert.mac.hex(":") for advert in adverts} == {MAC4, MAC6}
    assert len({advert.source for advert in adverts}) == 2 and all(advert.source in own for advert in adverts)
    assert "fe80::200:5eff:fe00" not in pair.one.host.ip("addr", "show"), "none is made of the virtual MAC"

    assert who_answers(pair.looker, VIP) == [MAC4]
    assert who_answers(pair.looker, VIP6) == [MAC6]
    assert who_answers(pair.looker, "192.168.16.128") == [own_mac(pair.one.host)], "its own address as ever"
    assert who_answers(pair.looker, "192.168.16.129") == [own_mac(pair.two.host)]
    frames = [frame for _, frame in pair.recorder.frames]
    claims = {frame[22:28].hex(":") for frame in frames
              if frame[12:14] == b"\x08\x06" and frame[28:32] == bytes([192, 168, 16, 130])}
    assert claims == {MAC4}, f"{VIP} is only ever claimed with the virtual MAC: {claims}"

    lab.note("the visitor's neighbour table stays right without any announcement")
    neighbours = lambda: {entry["dst"]: entry.get("lladdr") for entry in
                          json.loads(pair.looker.ip("-j", "neigh", "show"))}
    assert neighbours()[VIP] == MAC4 and neighbours()[VIP6] == MAC6
    pair.one.host.power_off()
    pair.settles_on("web-2")
    assert neighbours()[VIP] == MAC4 and neighbours()[VIP6] == MAC6
    assert who_answers(pair.looker, VIP) == [MAC4] and who_answers(pair.looker, VIP6) == [MAC6]


def test_a_backup_drops_what_is_sent_to_the_virtual_mac(lab):
    """Also where it forwards packets; the active forwards them (VX-AN-05)."""
    pair = Pair(lab).start()
    beyond = "10.99.0.1"
    for holdfast in (pair.one, pair.two):
        host = holdfast.host
        host.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
        host.ip("link", "add", "inner", "type", "veth", "peer", "name", "inner-peer")
        host.ip("link", "set", "inner-peer", "up")
        host.ip("link", "set", "inner", "up")
        host.ip("addr", "add", "10.99.0.2/24", "dev", "inner")
        host.ip("neigh", "add", beyond, "lladdr", "02:00:00:00:00:99", "dev", "inner")
    assert list(devices(pair.one.host).values()) == [True, True]
    assert list(devices(pair.two.host).values()) == [False, False]
    inner = [Recorder(holdfast.host, interface="inner-peer") for holdfast in (pair.one, pair.two)]
    pair.looker.ip("route", "add", "10.99.0.0/24", "via", VIP)
    pair.looker.run(["ping", "-c", "3", "-i", "0.2", "-W", "0.2", beyond], check=False)
    pinged = [sum(1 for _, frame in recorder.frames if frame[30:34] == bytes([10, 99, 0, 1])) for recorder in inner]
    assert pinged[0] >= 3 and pinged[1] == 0, pinged


def test_nothing_is_left_behind(lab):
    """After a stop, after the VRRP process was killed and after everything was."""
    pair = Pair(lab)
    before = arp_settings(pair.one.host)
    pair.start()
    assert len(devices(pair.one.host)) == 2 and arp_settings(pair.one.host) == ["1", "2"]

    lab.note("the VRRP process is killed: its successor takes the devices over")
    os.kill(pair.one.vrrp_child(), 9)
    wait_until(lambda: pair.one.instance("web4").get("state") == "active", 5, "it goes on")
    pair.settles_on("web-1")
    stays(lambda: lab.holders(VIP) == ["web-1"], 1, "nothing moves")
    assert len(devices(pair.one.host)) == 2

    lab.note("everything is killed: the addresses go with their lease, the next start clears the rest")
    for program in ("holdfastd", "holdfast-vrrp", "holdfast-checker"):
        for pid in pair.one.host.pids(program):
            os.kill(pid, 9)
    pair.settles_on("web-2")
    pair.one.write(configuration(100, virtual_mac="false"))
    pair.one.start()
    pair.settles_on("web-1")
    assert devices(pair.one.host) == {} and arp_settings(pair.one.host) == before

    lab.note("a reload brings them, another takes them")
    pair.one.write(configuration(100))
    assert pair.one.cli("reload").returncode == 0
    wait_until(lambda: len(devices(pair.one.host)) == 2, 5, "the devices are there")
    pair.settles_on("web-1")
    assert who_answers(pair.looker, VIP) == [MAC4]
    assert pair.one.stop() == 0
    assert devices(pair.one.host) == {} and arp_settings(pair.one.host) == before

    lab.note("killed again; this time the sweep that the unit runs puts things back")
    pair.one.start()
    wait_until(lambda: len(devices(pair.one.host)) == 2, 5, "the devices are there")
    for program in ("holdfastd", "holdfast-vrrp", "holdfast-checker"):
        for pid in pair.one.host.pids(program):
            os.kill(pid, 9)
    pair.one.host.run([binary_folder() / "holdfast-vrrp", "--sweep"])
    assert devices(pair.one.host) == {} and arp_settings(pair.one.host) == before


def test_the_interface_goes_and_comes_back(lab):
    """Its devices go with it and are made again."""
    pair = Pair(lab).start()
    host = pair.one.host
    host.ip("link", "set", "ens33", "down")
    pair.one.waits_for_state("fault", 5, "web4")
    pair.settles_on("web-2")
    host.ip("link", "set", "ens33", "up")
    host.ip("addr", "add", "2001:db8::128/64", "dev", "ens33", "nodad")
    pair.settles_on("web-1")
    lab.note("somebody deletes a device")
    host.ip("link", "del", next(iter(devices(host))))
    wait_until(lambda: len(devices(host)) == 2, 5, "it is made again")
    pair.settles_on("web-1")
    assert who_answers(pair.looker, VIP) == [MAC4]


if __name__ == "__main__":
    main()
