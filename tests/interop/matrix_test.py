#!/usr/bin/python3
"""The interoperation matrix: Holdfast and a foreign router share virtual addresses, one cell a test.

    test_PEER_KIND_FIRST_first_EVENT    e.g. test_keepalived_v2_peer_first_we_die

PEER keepalived or frr; KIND the version, family and way of the adverts; FIRST who has the better priority and is active
first: "our" or "peer"; EVENT what happens then. At each steady moment there is one master, the right one: it alone has
the virtual addresses, answers for them and is heard. The table of results is docs/interoperation.md.

Of the conformance list: VX-IX-01 (mixed versions), PX-02 and PX-03 (the peers' defaults), VX-SM-09 and VX-SM-14 (equals).
"""

import functools
import pathlib
import sys
import time
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Frr, Holdfast, Keepalived, Nginx, Recorder, Visitor, main, wait_until, who_answers
from lab.services import keepalived_instance

VRID = 66
HIGH, LOW = 150, 100
NETWORK_4, NETWORK_6 = "192.168.16", "2001:db8"
OURS, PEER, VISITOR = "ours", "peer", "visitor"
PATIENCE = 20  # seconds that a busy machine may need for what takes four


@dataclass(frozen=True)
class Kind:
    version: int
    family: int
    unicast: bool = False
    password: str | None = None
    addresses_6: tuple = ("fe80::66:1", f"{NETWORK_6}::130")
    virtual_mac: bool = False
    mixed: bool = False  # we speak version 3 as well and obey both, as in an upgrade (RFC 9568, 8.4.2)

    @property
    def interval(self):
        """Seconds between adverts."""
        return 1.0 if self.version == 2 else 0.1

    @property
    def addresses(self):
        return [f"{NETWORK_4}.130"] if self.family == 4 else list(self.addresses_6)

    def source(self, number):
        """Where the adverts of host `number` come from."""
        if self.family == 4:
            return f"{NETWORK_4}.{number}"
        return f"{NETWORK_6}::{number}" if self.unicast else f"fe80::{number}"


MULTICAST = {
    "v2_multicast": Kind(2, 4),
    "v3_ipv4_multicast": Kind(3, 4),
    "v3_ipv6_multicast": Kind(3, 6),
}
VIRTUAL_MAC = {
    "v3_ipv4_virtual_mac": Kind(3, 4, virtual_mac=True),
    "v3_ipv6_virtual_mac": Kind(3, 6, virtual_mac=True),
}
UNICAST = {
    "v2_unicast": Kind(2, 4, unicast=True),
    "v3_ipv4_unicast": Kind(3, 4, unicast=True),
    "v3_ipv6_unicast": Kind(3, 6, unicast=True),
}


class Router:
    """One of the two: a host with nginx and a VRRP daemon on it."""

    interface_link_local = "fe80::{number}"
    announces_again = True  # whether an active that has heard another one tells the neighbours again

    def __init__(self, lab, name, kind, number, priority, other_number):
        self.name, self.kind = name, kind
        self.source, self.other_source = kind.source(number), kind.source(other_number)
        link_local = self.interface_link_local.format(number=number)
        self.host = lab.host(name, f"{NETWORK_4}.{number}/24", f"{NETWORK_6}::{number}/64", f"{link_local}/64")
        self.nginx = Nginx(self.host)
        self.nginx.start()
        self.daemon = self.configured(priority)

    def start(self):
        self.daemon.start()

    def stop(self):
        self.daemon.stop()

    def power_off(self):
        self.host.power_off()

    def boot(self):
        self.host.boot()
        self.nginx.start()
        self.start()

    def has(self, address):
        return self.host.has(address)

    @property
    def mac(self):
        """What answers for the virtual addresses."""
        if self.kind.virtual_mac:
            return f"00:00:5e:00:0{1 if self.kind.family == 4 else 2}:{VRID:02x}"
        return self.host.mac


class OurRouter(Router):
    def configured(self, priority):
        kind = self.kind
        extra = f'source: "{self.source}"\n    peers: ["{self.other_source}"]' if kind.unicast else ""
        if kind.password:
            extra = f'password: "{kind.password}"'
        if kind.mixed:
            extra = "mixed_versions: true"
        if kind.virtual_mac:
            extra = "virtual_mac: true"
        return Holdfast(self.host, f"""
instances:
  VI_1:
    interface: ens33
    vrid: {VRID}
    version: {3 if kind.mixed else kind.version}
    priority: {priority}
    advert_interval: {int(kind.interval * 1000)}ms
    addresses: [{", ".join(f'"{address}"' for address in kind.addresses)}]
    {extra}
""")


class KeepalivedRouter(Router):
    def configured(self, priority):
        kind = self.kind
        unicast = f"unicast_src_ip {self.source}\n unicast_peer {{\n {self.other_source}\n }}" if kind.unicast else ""
        if kind.unicast and kind.family == 6:
            unicast += "\n unicast_ttl 255"  # it would send with 64, which no VRRP router may accept
        return Keepalived(self.host, keepalived_instance(
            vrid=VRID, priority=priority, version=kind.version, interval=kind.interval if kind.version == 3 else 1,
            password=kind.password, addresses=kind.addresses, extra="use_vmac" if kind.virtual_mac else unicast))


class FrrRouter(Router):
    interface_link_local = "fe80::1:{number}"  # its adverts come from its own device
    announces_again = False

    def configured(self, priority):
        kind = self.kind
        return Frr(self.host, priority=priority, vrid=VRID, version=kind.version, addresses=kind.addresses,
                   interval_ms=int(kind.interval * 1000), link_local=f"{self.source}/64" if kind.family == 6 else None)

    def has(self, address):
        return self.host.init is not None and self.daemon.is_master()

    @property
    def mac(self):
        return self.daemon.mac


class Pair:
    """The two routers and a visitor. `first` is active, the other one its backup."""

    def __init__(self, lab, peer_type, kind, first, priorities=(HIGH, LOW)):
        self.lab, self.kind = lab, kind
        self.visitor = lab.host(VISITOR, f"{NETWORK_4}.1/24", f"{NETWORK_6}::1/64", "fe80::1/64")
        self.browser = Visitor(self.visitor)
        self.recorder = Recorder(self.visitor)
        if kind.unicast:
            lab.flood()  # the visitor hears unicast adverts too
        # Who is first has the smaller address, so that where the address decides it decides against the first.
        numbers = (128, 129) if first == OURS else (129, 128)
        our_priority, peer_priority = priorities if first == OURS else reversed(priorities)
        self.ours = OurRouter(lab, OURS, kind, numbers[0], our_priority, numbers[1])
        self.peer = peer_type(lab, PEER, kind, numbers[1], peer_priority, numbers[0])
        self.first, self.second = (self.ours, self.peer) if first == OURS else (self.peer, self.ours)
        self.begin()

    def begin(self):
        self.first.start()
        self.becomes_master(self.first)
        self.second.start()
        self.settles(self.first)

    def holders(self):
        """Names of those that have any of the virtual addresses."""
        return [router.name for router in (self.ours, self.peer)
                if any(router.has(address) for address in self.kind.addresses)]

    def becomes_master(self, router):
        page = self.kind.addresses[-1]
        self.browser.waits_for(page, router.name, PATIENCE)
        wait_until(lambda: self.holders() == [router.name], PATIENCE, f"{router.name} alone has the address")

    def settles(self, router):
        """`router` becomes the master, and for some intervals it alone has the addresses, answers and is heard."""
        self.becomes_master(router)
        # A last word of the other may be on its way still.
        time.sleep(0.1)
        since = time.monotonic()
        while time.monotonic() - since < max(2.3 * self.kind.interval, 1):
            holders = self.holders()
            assert holders == [router.name], f"{router.name} alone has the address: {holders}"
            for address in self.kind.addresses:
                macs = who_answers(self.visitor, address, wait=0.1)
                assert macs == [router.mac], f"{router.name} ({router.mac}) alone answers for {address}: {macs}"
        adverts = self.recorder.adverts(since=since)
        heard = {advert.source for advert in adverts}
        assert heard == {router.source}, f"{router.name} ({router.source}) alone is heard: {heard}"
        if self.kind.virtual_mac:
            assert {advert.mac.hex(":") for advert in adverts} == {router.mac}, "its adverts come from the virtual MAC"
        assert self.browser.page(self.kind.addresses[-1], timeout=5) == router.name
        if self.ours.host.init is not None and self.ours.daemon.process.running:
            state = self.ours.daemon.instance().get("state")
            assert state == ("active" if router is self.ours else "backup"), state
        self.lab.note(f"steady: {router.name} is the master")

    def statistics(self):
        return self.ours.daemon.instance()["statistics"]

    def is_well_heard(self):
        """Nothing in the peer's adverts was wrong in our eyes."""
        wrong = {name: count for name, count in self.statistics().items() if count and "error" in name}
        assert not wrong, f"the peer's adverts are flawed: {wrong}"


def other(pair, router):
    return pair.second if router is pair.first else pair.first


def dies(pair, router):
    """It loses its power: the survivor has the addresses, whoever had them."""
    router.power_off()
    pair.settles(other(pair, router))


def stops(pair, router):
    """Its daemon is stopped; one that was active resigns, which is quicker than dying."""
    stopped = time.monotonic()
    router.stop()
    pair.settles(other(pair, router))
    if router is not pair.first:
        return
    resigned = [advert for advert in pair.recorder.adverts(router.source, since=stopped) if advert.priority == 0]
    for version in {advert.version for advert in pair.recorder.adverts(router.source)}:
        count = sum(advert.version == version for advert in resigned)
        assert 1 <= count <= 3, f"{count} adverts of priority 0 in version {version}"
    followed = pair.recorder.adverts(other(pair, router).source, since=stopped)[0]
    if pair.kind.version == 2:  # in faster groups a busy machine hides the difference
        assert followed.at - resigned[0].at < 3 * pair.kind.interval, "it did not wait for a dead one"


def returns(pair, router):
    """It comes back after a power cut: the better one has the addresses again, and takes nothing it should not."""
    router.power_off()
    pair.becomes_master(other(pair, router))
    router.boot()
    pair.settles(pair.first)


def we_die(pair):
    dies(pair, pair.ours)


def we_stop(pair):
    stops(pair, pair.ours)


def we_return(pair):
    returns(pair, pair.ours)
    if pair.first is pair.peer:
        pair.is_well_heard()


def peer_dies(pair):
    dies(pair, pair.peer)


def peer_stops(pair):
    stops(pair, pair.peer)


def peer_returns(pair):
    returns(pair, pair.peer)
    if pair.first is pair.peer:
        pair.is_well_heard()


def equal_priority(pair):
    """Who was first stays (a backup obeys an equal, whatever the addresses); of two actives the greater address wins."""
    pair.second.host.cut(carrier=True)
    wait_until(lambda: sorted(pair.holders()) == [OURS, PEER], PATIENCE, "apart, both are active")
    time.sleep(2.2 * pair.kind.interval)  # FRR knows its IPv6 address from its second advert on
    pair.second.host.join()
    if not pair.second.announces_again and not pair.kind.virtual_mac:
        # It announced itself while nobody could hear it, and never again: the visitor would ask our host for pages
        # until its own doubts about the old neighbour make it ask again.
        wait_until(lambda: pair.holders() == [PEER], PATIENCE, "we yield")
        pair.visitor.ip("neigh", "flush", "dev", "ens33")
    pair.settles(pair.second)
    pair.is_well_heard()


EVENTS = (peer_dies, peer_stops, peer_returns, we_die, we_stop, we_return, equal_priority)
PEERS = {
    # keepalived's version 2 as its users have it, with a password; FRR has neither passwords nor unicast.
    "keepalived": (KeepalivedRouter, {**MULTICAST, "v2_multicast": Kind(2, 4, password="1111"), **UNICAST, **VIRTUAL_MAC,
                                      "v2_and_v3_multicast": Kind(2, 4, mixed=True)}),
    "frr": (FrrRouter, {**MULTICAST, **VIRTUAL_MAC}),
}


def cell(peer_type, kind, first, event, lab):
    priorities = (HIGH, HIGH) if event is equal_priority else (HIGH, LOW)
    event(Pair(lab, peer_type, kind, first, priorities))


for peer_name, (peer_type, kinds) in PEERS.items():
    for kind_name, kind in kinds.items():
        for first, first_name in ((OURS, "our"), (PEER, "peer")):
            for event in EVENTS:
                name = f"test_{peer_name}_{kind_name}_{first_name}_first_{event.__name__}"
                globals()[name] = functools.partial(cell, peer_type, kind, first, event)

if __name__ == "__main__":
    main()
