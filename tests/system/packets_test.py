#!/usr/bin/python3
"""Our packets on the wire, judged by tshark."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Recorder, main, tshark_complaints, wait_until
from lab.tutorial import VIP, machine, quick_configuration, visitor

WEB_1 = "192.168.16.128"


def life(lab, **options):
    """Everything that web-1 sends from its start to its orderly end."""
    recorder = Recorder(visitor(lab).host)
    holdfast = machine(lab, 1, quick_configuration(100, **options), nginx=False).holdfast.start()
    holdfast.waits_for_state("active", 10)
    time.sleep(2)
    assert holdfast.stop() == 0
    time.sleep(0.2)
    recorder.stop()
    return recorder


def flawless(recorder, version, *, message_only_checksum=False):
    count, bad = tshark_complaints(recorder, WEB_1, message_only_checksum)
    assert count >= 3 and bad == [], f"{len(bad)} of {count} adverts are not flawless: {bad[:5]}"
    adverts = recorder.adverts(WEB_1)
    assert {advert.version for advert in adverts} == {version}
    assert {advert.addresses for advert in adverts} == {(VIP,)}
    assert {advert.vrid for advert in adverts} == {66}
    last = [advert.priority for advert in adverts if advert.priority != 100]
    assert 1 <= len(last) <= 3 and set(last) == {0}, "one burst of priority 0"
    assert [advert.priority for advert in adverts[-len(last):]] == last, "at the end"


def test_version_2(lab):
    flawless(life(lab, version=2), 2)


def test_version_2_with_password(lab):
    recorder = life(lab, version=2, instance='password: "1111"')
    flawless(recorder, 2)
    vrrp = next(frame[34:] for _, frame in recorder.frames if frame[23] == 112)
    assert vrrp[4] == 1 and vrrp[12:20] == b"1111\0\0\0\0", vrrp


def test_version_3_with_pseudo_header(lab):
    flawless(life(lab), 3)


def test_version_3_message_only(lab):
    recorder = life(lab, instance="checksum: rfc9568")
    flawless(recorder, 3, message_only_checksum=True)
    _, bad = tshark_complaints(recorder, WEB_1)
    assert bad, "the other form would be called bad: the two tests can tell them apart"


def test_gratuitous_arp(lab):
    recorder = Recorder(visitor(lab).host)
    holdfast = machine(lab, 1, quick_configuration(100), nginx=False).holdfast.start()
    holdfast.waits_for_state("active", 10)
    wait_until(lambda: recorder.gratuitous_arps(VIP), 2, "the address is announced")
    time.sleep(0.5)
    first_advert = recorder.adverts(WEB_1)[0].at
    arps = recorder.gratuitous_arps(VIP)
    assert arps[0] - first_advert < 4, "at once, not only with the repetition after 5 s"
    assert 1 <= len(arps) <= 5


def test_own_source_is_the_primary_address(lab):
    """Adverts come from the interface's own address, not from the virtual one."""
    recorder = life(lab)
    assert {advert.source for advert in recorder.adverts()} == {WEB_1}


def test_pace(lab):
    """An advert every 100 ms and never more; a busy machine may cost a few."""
    recorder = Recorder(visitor(lab).host)
    holdfast = machine(lab, 1, quick_configuration(100), nginx=False).holdfast.start()
    holdfast.waits_for_state("active", 10)
    time.sleep(5)
    times = [advert.at for advert in recorder.adverts(WEB_1)]
    intervals = (times[-1] - times[0]) / 0.1
    assert len(times) - 1 <= intervals + 1, f"{len(times)} adverts in {intervals:.1f} intervals"
    assert len(times) - 1 >= intervals / 2, f"{len(times)} adverts in {intervals:.1f} intervals"


if __name__ == "__main__":
    main()
