#!/usr/bin/python3
"""Holdfast and Debian's keepalived share one address: what the matrix (matrix_test.py) does not try."""

import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Keepalived, Nginx, Recorder, main, stays, wait_until
from lab.services import keepalived_instance
from lab.tutorial import VIP, machine, visitor

OURS, THEIRS = "web-1", "web-2"


class Mixed:
    """web-1 runs Holdfast, web-2 keepalived."""

    def __init__(self, lab, version, ours, theirs):
        self.lab = lab
        self.browser = visitor(lab)
        self.recorder = Recorder(self.browser.host)
        interval = ("1s", "1") if version == 2 else ("200ms", "0.2")
        password = 'password: "1111"' if version == 2 else ""
        self.ours = machine(lab, 1, f"""
instances:
  VI_1:
    interface: ens33
    vrid: 66
    version: {version}
    priority: {ours}
    advert_interval: {interval[0]}
    {password}
    addresses: [{VIP}]
    timers: rfc
""")
        self.host = lab.host(THEIRS, "192.168.16.129/24")
        self.nginx = Nginx(self.host)
        self.nginx.start()
        self.keepalived = Keepalived(self.host, keepalived_instance(priority=theirs, version=version,
                                                                   interval=interval[1]))
        self.ours.holdfast.start()
        self.keepalived.start()

    def settles(self, name, timeout=15):
        """`name` alone has the address and is the only one that is heard, for two seconds."""
        self.browser.waits_for(VIP, name, timeout)
        wait_until(lambda: self.lab.holders(VIP) == [name], 5, f"{name} alone has the address")
        since = time.monotonic()
        stays(lambda: self.lab.holders(VIP) == [name], 2.5, f"{name} alone has the address")
        source = "192.168.16.128" if name == OURS else "192.168.16.129"
        heard = {advert.source for advert in self.recorder.adverts(since=since)}
        assert heard == {source}, f"one master is heard: {heard}"
        state = self.ours.holdfast.instance().get("state") if self.ours.host.init else None
        assert state in (None, "active" if name == OURS else "backup"), state


def test_our_vrrp_child_killed(lab):
    """keepalived does not notice: adverts go on, the address stays."""
    mixed = Mixed(lab, 2, ours=150, theirs=100)
    mixed.settles(OURS)
    old = mixed.ours.holdfast.vrrp_child()
    killed = time.monotonic()
    os.kill(old, 9)
    wait_until(lambda: mixed.ours.holdfast.vrrp_child() not in (None, old), 3, "the VRRP child is back")
    mixed.settles(OURS)
    assert not mixed.recorder.adverts("192.168.16.129", since=killed)


def test_partition_heals(lab):
    """Both were master while apart; the higher priority wins when they meet."""
    mixed = Mixed(lab, 3, ours=100, theirs=150)
    mixed.settles(THEIRS)
    mixed.host.cut(carrier=True)
    wait_until(lambda: sorted(lab.holders(VIP)) == [OURS, THEIRS], 10, "both have it")
    mixed.host.join()
    mixed.settles(THEIRS)


def test_other_password_is_not_obeyed(lab):
    """Two passwords are two groups: our counter tells it, we don't yield to the stranger."""
    mixed = Mixed(lab, 2, ours=100, theirs=150)
    mixed.settles(THEIRS)
    mixed.ours.holdfast.write(pathlib.Path(mixed.ours.host.path(mixed.ours.holdfast.CONFIG)).read_text()
                              .replace('"1111"', '"2222"'))
    assert mixed.ours.holdfast.cli("reload").returncode == 0
    mixed.ours.holdfast.waits_for_state("active", 10)
    wait_until(lambda: mixed.ours.holdfast.instance()["statistics"]["auth_failures"] > 0, 5, "auth_failures counts")


if __name__ == "__main__":
    main()
