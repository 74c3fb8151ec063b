#!/usr/bin/python3
"""Unicast: adverts go to the configured peers and are heard from nobody else, where multicast does not pass."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Holdfast, Nginx, Recorder, main, stays, wait_until
from lab.services import Visitor

OWN4, OWN6 = "192.168.16.{}", "2001:db8::{}"
VIP4, VIP6 = "192.168.16.130", "2001:db8::130"


def configuration(number, priority, *, version=3, instance=""):
    other = 255 - number  # 127 and 128
    six = f"""
  web6:
    interface: ens33
    vrid: 66
    priority: {priority}
    advert_interval: 100ms
    source: "{OWN6.format(number)}"
    peers: ["{OWN6.format(other)}"]
    addresses: ["{VIP6}"]
""" if version == 3 else ""
    return f"""
instances:
  web4:
    interface: ens33
    vrid: 66
    version: {version}
    priority: {priority}
    advert_interval: {"100ms" if version == 3 else "1s"}
    peers: [{OWN4.format(other)}]
    addresses: [{VIP4}]
    {instance}
{six}
"""


class Pair:
    """Two hosts on a network without VRRP multicast, and one that looks."""

    def __init__(self, lab, **options):
        self.lab = lab
        self.looker = lab.host("looker", "192.168.16.1/24", "2001:db8::1/64")
        self.visitor = Visitor(self.looker)
        self.machines = [self.machine(number, priority, options) for number, priority in ((127, 100), (128, 99))]

    def machine(self, number, priority, options):
        host = self.lab.host(f"web-{number}", f"{OWN4.format(number)}/24", f"{OWN6.format(number)}/64")
        Nginx(host).start()
        return Holdfast(host, configuration(number, priority, **options)).start()

    def settles_on(self, number, addresses=(VIP4, VIP6)):
        for address in addresses:
            self.visitor.waits_for(address, f"web-{number}", 15)
            wait_until(lambda: self.lab.holders(address) == [f"web-{number}"], 5, f"web-{number} alone has {address}")


def test_a_pair(lab):
    """IPv4 and IPv6: starts, moves, goes home; the adverts are addressed to the peer, with TTL 255, and no other host
    hears any."""
    pair = Pair(lab)
    one, two = pair.machines
    at_two, elsewhere = Recorder(two.host), Recorder(pair.looker)
    pair.settles_on(127)
    since = time.monotonic()
    time.sleep(1)
    heard = at_two.adverts(since=since)
    assert {(advert.source, advert.destination, advert.ttl) for advert in heard} == {
        (OWN4.format(127), OWN4.format(128), 255), (OWN6.format(127), OWN6.format(128), 255)}
    assert not elsewhere.adverts(since=since)
    one.host.power_off()
    pair.settles_on(128)
    one.host.boot()
    Nginx(one.host).start()
    one.start()
    pair.settles_on(127)
    assert one.stop() == 0
    pair.settles_on(128)
    assert two.instance("web4")["peers"] == [OWN4.format(127)]


def test_version_2(lab):
    pair = Pair(lab, version=2)
    pair.settles_on(127, [VIP4])
    pair.machines[0].host.power_off()
    pair.settles_on(128, [VIP4])


def test_where_multicast_does_not_pass(lab):
    """The bridge floods no multicast: the same pair with multicast would have two actives."""
    pair = Pair(lab, version=2)
    pair.settles_on(127, [VIP4])
    for holdfast in pair.machines:
        lab.run(["bridge", "link", "set", "dev", holdfast.host.port, "mcast_flood", "off"])
    stays(lambda: lab.holders(VIP4) == ["web-127"], 5, "web-127 alone has it")
    for holdfast, number in zip(pair.machines, (127, 128)):
        text = configuration(number, 100, version=2)
        holdfast.write("\n".join(line for line in text.splitlines() if "peers:" not in line))
        assert holdfast.cli("reload").returncode == 0
    wait_until(lambda: len(lab.holders(VIP4)) == 2, 15, "with multicast each believes that it is alone")


def test_strangers_are_not_heard(lab):
    """A router with a better priority that is no peer, and the same one sending multicast, change nothing."""
    pair = Pair(lab)
    pair.settles_on(127)
    stranger = lab.host("stranger", "192.168.16.9/24", "2001:db8::9/64")
    loud = Holdfast(stranger, configuration(127, 200).replace(OWN6.format(127), OWN6.format(9))
                    .replace("[192.168.16.128]", f"[{OWN4.format(127)}, {OWN4.format(128)}]")
                    .replace(f'["{OWN6.format(128)}"]', f'["{OWN6.format(127)}", "{OWN6.format(128)}"]'))
    loud.start()
    loud.waits_for_state("active", 10, "web4")
    errors = lambda: [holdfast.instance("web4")["statistics"]["peer_errors"] for holdfast in pair.machines]
    wait_until(lambda: min(errors()) > 3, 10, "both count the stranger's adverts")
    assert pair.machines[0].instance("web4")["state"] == "active"
    assert pair.machines[1].instance("web4")["state"] == "backup"
    assert pair.machines[0].instance("web6")["state"] == "active"


def test_a_source_that_the_host_does_not_have(lab):
    """In fault, with the reason, until it has it."""
    pair = Pair(lab)
    one = pair.machines[0]
    pair.settles_on(127)
    one.host.ip("addr", "del", f"{OWN6.format(127)}/64", "dev", "ens33")
    one.waits_for_state("fault", 5, "web6")
    assert OWN6.format(127) in one.instance("web6")["reason"]
    pair.settles_on(128, [VIP6])
    one.host.ip("addr", "add", f"{OWN6.format(127)}/64", "dev", "ens33", "nodad")
    pair.settles_on(127)


if __name__ == "__main__":
    main()
