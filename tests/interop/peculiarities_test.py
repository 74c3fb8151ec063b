#!/usr/bin/python3
"""What one must know about keepalived 2.2.7 and FRR 8.4, found by trying: docs/interoperation.md says it in words.

Where a pair does not work as it is, the test also shows what mends it."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import main, stays, wait_until
from matrix_test import (HIGH, LOW, MULTICAST, OURS, PATIENCE, PEER, UNICAST, FrrRouter, KeepalivedRouter, Kind, Pair)

V3 = MULTICAST["v3_ipv4_multicast"]
V2 = MULTICAST["v2_multicast"]


class Misfits(Pair):
    """We are active with the better priority; the peer is started, and what follows is the test's business.

    ours, theirs: functions that change the configuration's text, or None."""

    def __init__(self, lab, peer_type, kind, first=OURS, ours=None, theirs=None):
        self.edits = {OURS: ours, PEER: theirs}
        super().__init__(lab, peer_type, kind, first)

    def begin(self):
        self.edit(self.ours, self.ours.daemon.CONFIG, self.edits[OURS])
        if isinstance(self.peer, KeepalivedRouter):
            self.edit(self.peer, "/etc/keepalived/keepalived.conf", self.edits[PEER])
        self.first.start()
        self.becomes_master(self.first)
        self.second.start()

    def edit(self, router, path, change):
        if change:
            text = router.host.path(path).read_text()
            assert change(text) != text, "the change does something"
            router.host.write(path, change(text))

    def reload_ours(self, change):
        self.edit(self.ours, self.ours.daemon.CONFIG, change)
        assert self.ours.daemon.cli("reload").returncode == 0

    def both_are_masters(self):
        wait_until(lambda: self.holders() == [OURS, PEER], PATIENCE, "both have the address")
        stays(lambda: self.holders() == [OURS, PEER], 1, "both have the address")


def message_only(text):
    return text.rstrip() + "\n    checksum: rfc9568\n"


def as_deployed(text):
    return text.replace("rfc9568", "rfc5798")


def checksum(lab, peer_type):
    """Neither accepts the checksum of RFC 9568 over IPv4: two masters, until we send that of RFC 5798
    (V3-CK-03)."""
    pair = Misfits(lab, peer_type, V3, ours=message_only)
    pair.both_are_masters()
    pair.reload_ours(as_deployed)
    pair.settles(pair.ours)


def test_keepalived_refuses_the_message_only_checksum(lab):
    checksum(lab, KeepalivedRouter)


def test_frr_refuses_the_message_only_checksum(lab):
    checksum(lab, FrrRouter)


def test_keepalived_sends_unicast_over_ipv6_with_hop_limit_64(lab):
    """We may not believe a packet that a router has forwarded, and say so; `unicast_ttl 255` mends it."""
    pair = Misfits(lab, KeepalivedRouter, UNICAST["v3_ipv6_unicast"], first=PEER,
                   theirs=lambda text: text.replace("unicast_ttl", "# unicast_ttl"))
    pair.both_are_masters()
    assert {advert.ttl for advert in pair.recorder.adverts(pair.peer.source)} == {64}
    assert pair.statistics()["ip_ttl_errors"] > 0
    told, = [conflict for conflict in pair.ours.daemon.instance()["conflicts"] if conflict["kind"] == "hop_limit"]
    assert "unicast_ttl 255" in told["text"] and told["address"] == pair.peer.source, told
    pair.peer.stop()
    pair.edit(pair.peer, "/etc/keepalived/keepalived.conf", lambda text: text.replace("# unicast_ttl", "unicast_ttl"))
    pair.peer.start()
    pair.settles(pair.peer)


def global_list(lab, peer_type):
    """A list without a link-local address, as both programs' users write it, works on either side: only counted
    (PX-01)."""
    kind = Kind(3, 6, addresses_6=("2001:db8::130",))
    pair = Pair(lab, peer_type, kind, PEER)
    assert pair.statistics()["link_local_first_errors"] > 0
    pair.peer.power_off()
    pair.settles(pair.ours)
    pair.peer.boot()
    pair.settles(pair.peer)


def test_keepalived_global_addresses_only(lab):
    global_list(lab, KeepalivedRouter)


def test_frr_global_addresses_only(lab):
    global_list(lab, FrrRouter)


def another_address(text):
    return text.replace('"192.168.16.130"', '"192.168.16.130", "192.168.16.131"')


def other_list(lab, kind):
    """keepalived takes no advert whose list is not its own: two masters, in either version (PX-04)."""
    pair = Misfits(lab, KeepalivedRouter, kind, ours=another_address)
    pair.both_are_masters()
    assert pair.statistics()["address_list_errors"] > 0
    pair.reload_ours(lambda text: text.replace(', "192.168.16.131"', ""))
    pair.settles(pair.ours)


def test_keepalived_refuses_another_address_list_v2(lab):
    other_list(lab, V2)


def test_keepalived_refuses_another_address_list_v3(lab):
    other_list(lab, V3)


def test_frr_obeys_another_address_list(lab):
    """PX-04."""
    pair = Misfits(lab, FrrRouter, V3, ours=another_address)
    time.sleep(1)
    pair.settles(pair.ours)


if __name__ == "__main__":
    main()
