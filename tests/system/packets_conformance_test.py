#!/usr/bin/python3
"""Packets that come in and what is counted for them, every vector on a real wire; and the packets that leave."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Holdfast, Injector, Recorder, main, wait_until
from lab.craft import advert, ether_frame, ip_packet
from lab.tutorial import VIP, machine, quick_configuration, visitor
from lab.vectors import receivers, vectors

WEB_1 = "192.168.16.128"
GREATER = "192.168.16.200"
NOT_ABOUT_RECEIVING = {"advertisement_sent", "priority_zero_pkts_sent", "master_transitions", "addresses_restored",
                       "conflicts", "send_errors"}
WITHOUT_RFC_NAME = {"count-zero": "address_count_zero", "interval-zero": "interval_zero",
                    "destination": "destination_errors", "link-local-first": "link_local_first_errors"}


# ---- the vectors ----

def receiver_configuration(name):
    settings = receivers()[name]
    interval = f"{settings['interval']}s" if settings["interval_unit"] == "s" else f"{int(settings['interval']) * 10}ms"
    strict = "require_link_local_first: true" if settings["family"] == "ipv6" else ""
    return f"""
instances:
  {name}:
    interface: ens33
    vrid: {settings["vrid"]}
    version: {settings["version"]}
    priority: {settings["priority"]}
    advert_interval: {interval}
    addresses: [{", ".join(f'"{vip}"' for vip in settings["vips"])}]
    announce: {{repeat_after: 0s}}
    {strict}
"""


class Receiver:
    """A daemon configured as the vectors' receiver, and a neighbour that sends them."""

    def __init__(self, lab, name):
        self.neighbour = lab.host("neighbour", "192.0.2.2/24", "fe80::2/64")
        settings = receivers()[name]
        length = 24 if settings["family"] == "ipv4" else 64
        self.host = lab.host("receiver", f"{settings['local_primary']}/{length}")
        self.injector = Injector(self.neighbour)
        self.holdfast = Holdfast(self.host, receiver_configuration(name)).start()
        self.name = name
        self.by_name = {vector.name: vector for vector in vectors(name)}
        self.mac = bytes.fromhex(self.host.ip("-o", "link").split("link/ether ")[1][:17].replace(":", ""))

    def counters(self):
        """What receiving has counted: of the instance by name, of the process as "global NAME"."""
        status = self.holdfast.status()
        found = dict(status["instances"][0]["statistics"])
        found |= {f"global {key}": value for key, value in status["statistics"].items()}
        return {key: value for key, value in found.items()
                if isinstance(value, int) and key.removeprefix("global ") not in NOT_ABOUT_RECEIVING}

    def send(self, vector):
        unicast = not vector.dst.startswith(("224.", "ff02"))
        self.injector.message(vector.payload, vector.src, destination=vector.dst, ttl=vector.ttl,
                              destination_mac=self.mac if unicast else None)

    def counted(self, vector):
        """Sends the vector and gives the names of the counters that grew, each by one."""
        before = self.counters()
        self.send(vector)
        after = wait_until(lambda: (now := self.counters()) != before and now, 3, f"{vector.name} is counted")
        grown = {key: after[key] - before[key] for key in after if after[key] != before[key]}
        assert set(grown.values()) == {1}, f"{vector.name}: {grown}"
        return set(grown)

    def expects_discard(self, vector):
        counter = WITHOUT_RFC_NAME.get(vector.failed_check, vector.counter)
        grown = self.counted(vector)
        assert grown <= {counter, f"global {counter}"} and grown, f"{vector.name}: {grown} instead of {counter}"
        return grown

    def expects_accept(self, vector):
        grown = self.counted(vector)
        assert "advertisement_rcvd" in grown, f"{vector.name}: {grown}"
        known = {"advertisement_rcvd", "priority_zero_pkts_rcvd", "interval_errors", "address_list_errors",
                 "checksum_rfc5798_rcvd", "checksum_rfc9568_rcvd"}
        assert grown <= known, f"{vector.name}: {grown}"
        assert ("priority_zero_pkts_rcvd" in grown) == ("prio0" in vector.name), f"{vector.name}: {grown}"
        assert ("address_list_errors" in grown) == ("list-mismatch" in vector.name), f"{vector.name}: {grown}"
        other_interval = vector.payload[0] >> 4 == 3 and int.from_bytes(vector.payload[4:6], "big") & 0xFFF != 100
        assert ("interval_errors" in grown) == other_interval, f"{vector.name}: {grown}"
        if self.name == "v3_ipv4":
            form = {"rfc5798-ipv4-pseudo": "checksum_rfc5798_rcvd", "rfc9568-message-only": "checksum_rfc9568_rcvd"}
            assert form[vector.checksum_form] in grown, f"{vector.name}: {grown}"


def all_vectors(lab, name, keeps_backup):
    """Discards move neither an active nor a backup and grow one counter; the others reach the state machine."""
    receiver = Receiver(lab, name)
    holdfast, each = receiver.holdfast, list(receiver.by_name.values())
    holdfast.waits_for_state("active", 10)
    since = holdfast.instance()["since"]
    for vector in each:
        if not vector.accept:
            receiver.expects_discard(vector)
    now = holdfast.instance()
    assert (now["state"], now["since"]) == ("active", since), "discards move no active"

    receiver.send(receiver.by_name[keeps_backup])
    holdfast.waits_for_state("backup", 3)
    since = holdfast.instance()["since"]
    for vector in each:
        if not vector.accept:
            receiver.send(receiver.by_name[keeps_backup])
            wait_until(lambda: holdfast.instance()["active_router"], 3, "the active is heard")
            receiver.expects_discard(vector)
    now = holdfast.instance()
    assert (now["state"], now["since"]) == ("backup", since), "discards move no backup"

    for vector in each:
        if vector.accept:
            before = receiver.counters()["advertisement_rcvd"]
            receiver.send(receiver.by_name[keeps_backup])
            wait_until(lambda: receiver.counters()["advertisement_rcvd"] > before, 3, "the active is heard")
            receiver.expects_accept(vector)
    count = len(each)
    assert count == {"v2": 18, "v3_ipv4": 23, "v3_ipv6": 14}[name], f"{count} vectors"


def test_vectors_v2(lab):
    """(V2-CK-01, VX-RX-01, VX-RX-02, VX-RX-03, VX-RX-04, VX-RX-05, VX-RX-06, V2-RX-10, V2-RX-11, V2-RX-13, V2-AU-01,
    V2-AU-02, VX-PK-01, MG-01)"""
    all_vectors(lab, "v2", "v2-basic")


def test_vectors_v3_ipv4(lab):
    """(V3-CK-03, V3-CK-04, VX-CK-05, VX-RX-01, VX-RX-02, VX-RX-03, VX-RX-04, VX-RX-05, VX-RX-06, V3-RX-07, V3-RX-08,
    V3-RX-12, V3-RX-14, V3-PK-03, VX-PK-01, MG-01)"""
    all_vectors(lab, "v3_ipv4", "v3-ip4-interval-4095")


def test_vectors_v3_ipv6(lab):
    """(V3-CK-02, VX-RX-01, VX-RX-02, VX-RX-04, VX-RX-05, V3-RX-07, V3-RX-08, V3-RX-09, V3-RX-12, V3-RX-14, VX-PK-01,
    MG-01)"""
    all_vectors(lab, "v3_ipv6", "v3-ip6-basic")


def test_both_checksum_forms(lab):
    """Version 3 over IPv4 is accepted with either checksum, and counted by form; with neither it is dropped
    (V3-CK-04)."""
    injector = Injector(visitor(lab).host)
    holdfast = machine(lab, 1, quick_configuration(100), nginx=False).holdfast.start()
    for count in range(1, 4):
        for form in ("rfc5798", "rfc9568"):
            injector.advert(GREATER, priority=200, form=form)
        injector.message(advert(GREATER, priority=200, wrong_checksum=True), GREATER)
        wait_until(lambda: holdfast.instance()["statistics"]["checksum_errors"] == count, 3, "the wrong one is counted")
        statistics = holdfast.instance()["statistics"]
        assert (statistics["checksum_rfc5798_rcvd"], statistics["checksum_rfc9568_rcvd"]) == (count, count)
        assert statistics["advertisement_rcvd"] == 2 * count


# ---- what we send ----

def test_adverts_leave_only_their_interface(lab):
    """Protocol 112 to 224.0.0.18 with TTL 255, on the instance's interface and on no other (VX-TX-01)."""
    wire = Recorder(visitor(lab).host)
    web_1 = machine(lab, 1, quick_configuration(100), nginx=False)
    web_1.host.ip("link", "add", "second0", "type", "veth", "peer", "name", "second1")
    for end in ("second0", "second1"):
        web_1.host.ip("link", "set", end, "up")
    web_1.host.ip("addr", "add", "192.168.17.1/24", "dev", "second0")
    other_wire = Recorder(web_1.host, interface="second1")
    web_1.holdfast.start().waits_for_state("active", 10)
    time.sleep(1)
    adverts = wire.adverts()
    assert len(adverts) > 3
    assert {(seen.source, seen.destination, seen.ttl) for seen in adverts} == {(WEB_1, "224.0.0.18", 255)}
    assert other_wire.frames and not other_wire.adverts(), "the second interface is alive and silent"


def test_adverts_of_other_interfaces_are_not_ours(lab):
    """A VRID is configured on one interface: what comes in by another one is counted and ignored (VX-RX-06)."""
    web_1 = machine(lab, 1, f"""
instances:
  first: {{interface: ens33, vrid: 66, advert_interval: 100ms, addresses: [{VIP}]}}
  second: {{interface: second0, vrid: 67, advert_interval: 100ms, addresses: [192.168.17.9]}}
""", nginx=False)
    web_1.host.ip("link", "add", "second0", "type", "veth", "peer", "name", "second1")
    for end in ("second0", "second1"):
        web_1.host.ip("link", "set", end, "up")
    web_1.host.ip("addr", "add", "192.168.17.1/24", "dev", "second0")
    holdfast = web_1.holdfast.start()
    for name in ("first", "second"):
        holdfast.waits_for_state("active", 10, name)
    injector = Injector(web_1.host, interface="second1")
    injector.advert("192.168.17.77", vrid=66, priority=200)
    wait_until(lambda: holdfast.status()["statistics"]["vrid_errors"] == 1, 3, "counted")
    assert holdfast.instance("first")["state"] == "active"
    injector.advert("192.168.17.77", vrid=67, priority=200, addresses=("192.168.17.9",))
    holdfast.waits_for_state("backup", 3, "second")
    assert holdfast.instance("first")["state"] == "active"


def test_source_is_the_primary_address(lab):
    """Not a secondary, not a virtual address, whatever else the interface has (VX-TX-02)."""
    wire = Recorder(visitor(lab).host)
    web_1 = machine(lab, 1, quick_configuration(100, address="192.168.16.3/24"), nginx=False)
    for address in ("192.168.16.4/24", "10.0.0.1/8", "192.168.16.250/32"):
        web_1.host.ip("addr", "add", address, "dev", "ens33")
    holdfast = web_1.holdfast.start()
    holdfast.waits_for_state("active", 10)
    web_1.host.ip("addr", "add", "192.168.16.1/24", "dev", "ens33")
    time.sleep(0.5)
    assert holdfast.stop() == 0
    assert {seen.source for seen in wire.adverts()} == {WEB_1}


def test_own_adverts_are_not_heard(lab):
    """Nothing that we send comes back to us (VX-TX-05)."""
    web_1 = machine(lab, 1, quick_configuration(100), nginx=False)
    holdfast = web_1.holdfast.start()
    holdfast.waits_for_state("active", 10)
    time.sleep(1)
    statistics = holdfast.instance()["statistics"]
    assert statistics["advertisement_sent"] > 5
    assert statistics["advertisement_rcvd"] == statistics["own_source_rcvd"] == statistics["conflicts"] == 0


def test_echo_of_our_adverts_changes_nothing(lab):
    """A network that sends our own packets back: they are dropped, by the kernel or by us (VX-TX-05, VX-SM-17)."""
    neighbour = visitor(lab).host
    wire, injector = Recorder(neighbour), Injector(neighbour)
    holdfast = machine(lab, 1, quick_configuration(100), nginx=False).holdfast.start()
    holdfast.waits_for_state("active", 10)
    since = holdfast.instance()["since"]
    for _ in range(20):
        echo = next(frame for _, frame in reversed(wire.frames) if frame[23] == 112)
        before = time.monotonic()
        injector.frame(echo)
        time.sleep(0.05)
    sent = [seen for seen in wire.adverts(WEB_1, before - 1) if seen.mac != injector.mac]
    assert holdfast.instance()["since"] == since and holdfast.instance()["state"] == "active"
    assert holdfast.instance()["statistics"]["advertisement_rcvd"] == 0
    assert sent


# ---- IP around the message ----

def test_ip_options_padding_and_fragments(lab):
    """IP options are skipped, Ethernet padding is cut off, fragments don't reach us (VX-RX-16)."""
    injector = Injector(visitor(lab).host)
    holdfast = machine(lab, 1, quick_configuration(100), nginx=False).holdfast.start()
    holdfast.waits_for_state("active", 10)
    message = advert(GREATER, priority=200, interval=4095)
    injector.frame(ether_frame(ip_packet(message, GREATER, fragment=0x2000), injector.mac))  # more fragments: never whole
    injector.frame(ether_frame(ip_packet(message, GREATER, fragment=0x0002), injector.mac))
    time.sleep(0.3)
    assert holdfast.instance()["state"] == "active"
    packet = ip_packet(message, GREATER, options=b"\x94\x04\x00\x00")
    injector.frame(ether_frame(packet, injector.mac) + b"\xff" * 12)
    holdfast.waits_for_state("backup", 3)
    statistics = holdfast.instance()["statistics"]
    assert statistics["advertisement_rcvd"] == 1 and statistics["packet_length_errors"] == 0


if __name__ == "__main__":
    main()
