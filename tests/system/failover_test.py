#!/usr/bin/python3
"""Who has the address when hosts, links and daemons come and go."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Holdfast, Recorder, main, stays, wait_until
from lab.tutorial import VIP, machine, pair, quick_configuration, visitor


def alone(lab, name):
    return lambda: lab.holders(VIP) == [name]


def test_power_cut_and_return(lab):
    browser = visitor(lab)
    web_1, web_2 = pair(lab, quick_configuration)
    browser.waits_for(VIP, "web-1", 10)
    for _ in range(2):
        web_1.host.power_off()
        browser.waits_for(VIP, "web-2", 5)
        web_1.host.boot()
        web_1.nginx.start()
        web_1.holdfast.start()
        browser.waits_for(VIP, "web-1", 10)
        wait_until(alone(lab, "web-1"), 2, "web-1 alone has it")


def test_nopreempt_stays(lab):
    browser = visitor(lab)
    web_1, web_2 = pair(lab, lambda priority: quick_configuration(priority, instance="preempt: false"))
    wait_until(lambda: len(lab.holders(VIP)) == 1, 10, "one has the address")
    web_1.host.power_off()
    browser.waits_for(VIP, "web-2", 5)
    web_1.host.boot()
    web_1.nginx.start()
    web_1.holdfast.start()
    stays(lambda: browser.page(VIP) == "web-2" and alone(lab, "web-2")(), 3, "web-2 keeps the address")
    assert web_1.holdfast.instance()["state"] == "backup"


def test_preempt_delay(lab):
    browser = visitor(lab)
    web_1, web_2 = pair(lab, lambda priority: quick_configuration(priority, instance="preempt_delay: 3s"))
    browser.waits_for(VIP, "web-1", 10)
    web_1.holdfast.stop()
    browser.waits_for(VIP, "web-2", 5)
    returned = time.monotonic()
    web_1.holdfast.start()
    browser.waits_for(VIP, "web-1", 15)
    assert time.monotonic() - returned > 2.9


def test_owner(lab):
    """Priority 255: active at once, and preempts whatever `preempt` says."""
    browser = visitor(lab)
    web_1, web_2 = pair(lab, lambda priority: quick_configuration(priority, instance="preempt: false"), (255, 99))
    browser.waits_for(VIP, "web-1", 3)
    web_1.holdfast.stop()
    browser.waits_for(VIP, "web-2", 5)
    web_1.holdfast.start()
    browser.waits_for(VIP, "web-1", 3)
    wait_until(alone(lab, "web-1"), 2, "web-1 alone has it")


def test_owner_whose_own_address_it_is(lab):
    """The address is the owner's only one, so its adverts come from it, and who stands in for the owner has it too.
    Linux drops packets from its own addresses unless told to accept them (VX-SM-10, VX-SM-14, VX-TX-02)."""
    owner = lab.host("owner", f"{VIP}/24")
    daemon = Holdfast(owner, quick_configuration(255))
    other = machine(lab, 2, quick_configuration(99), nginx=False)
    other.host.run(["sysctl", "-qw", "net.ipv4.conf.ens33.accept_local=1"])
    daemon.start().waits_for_state("active", 5)
    other.holdfast.start()
    wait_until(lambda: other.holdfast.instance().get("active_router"), 5, "web-2 hears the owner")
    owner.power_off()
    wait_until(lambda: other.host.has(VIP), 5, "web-2 stands in")
    owner.boot()
    daemon.start().waits_for_state("active", 5)
    wait_until(lambda: not other.host.has(VIP), 3, "web-2 gives way")
    stays(lambda: other.holdfast.instance()["state"] == "backup", 1, "and stays backup")
    assert other.holdfast.instance()["active_router"] == {"address": VIP, "priority": 255}


def test_link_down_and_up(lab):
    browser = visitor(lab)
    web_1, web_2 = pair(lab, quick_configuration)
    browser.waits_for(VIP, "web-1", 10)
    for _ in range(2):
        web_1.host.cut()
        browser.waits_for(VIP, "web-2", 5)
        web_1.holdfast.waits_for_state("fault", 3)
        assert "ens33" in web_1.holdfast.instance()["reason"]
        web_1.host.join()
        browser.waits_for(VIP, "web-1", 10)
        wait_until(alone(lab, "web-1"), 2, "web-1 alone has it")


def test_partition_without_carrier_loss(lab):
    """Each side is active for its own; when the wire is back, one yields. If the other heard of it, it says so and
    announces itself again; by chance the one that yields may hear first and never be heard, so there are a few rounds."""
    browser = visitor(lab)
    recorder = Recorder(browser.host)
    web_1, web_2 = pair(lab, quick_configuration)
    browser.waits_for(VIP, "web-1", 10)
    for attempt in range(12):
        web_1.host.cut(carrier=True)
        web_2.holdfast.waits_for_state("active", 5)
        assert sorted(lab.holders(VIP)) == ["web-1", "web-2"], "nobody can know better"
        time.sleep(0.3 + 0.037 * attempt)  # at another moment between their adverts each time
        joined = time.monotonic()
        web_1.host.join()
        wait_until(alone(lab, "web-1"), 3, "one master again")
        if web_1.holdfast.instance()["statistics"]["conflicts"]:
            break
    else:
        raise AssertionError("web-1 never heard of the other master")
    browser.waits_for(VIP, "web-1", 3)
    assert recorder.gratuitous_arps(VIP, since=joined)
    assert web_1.holdfast.instance()["conflicts"][0]["kind"] == "two_actives"


def test_interface_that_comes_later(lab):
    """The daemon starts before the interface exists, and takes part as soon as it does."""
    web_1 = machine(lab, 1, quick_configuration(100).replace("ens33", "late0"), nginx=False)
    holdfast = web_1.holdfast.start()
    holdfast.waits_for_state("fault", 5)
    assert "late0" in holdfast.instance()["reason"]
    web_1.host.ip("link", "add", "late0", "type", "veth", "peer", "name", "late1")
    web_1.host.ip("addr", "add", "192.168.17.1/24", "dev", "late0")
    web_1.host.ip("link", "set", "late1", "up")
    web_1.host.ip("link", "set", "late0", "up")
    holdfast.waits_for_state("active", 5)
    web_1.host.ip("link", "del", "late0")
    holdfast.waits_for_state("fault", 5)


def test_interface_without_address(lab):
    web_1 = machine(lab, 1, quick_configuration(100), nginx=False)
    web_1.host.ip("addr", "flush", "dev", "ens33")
    holdfast = web_1.holdfast.start()
    holdfast.waits_for_state("fault", 5)
    web_1.host.ip("addr", "add", "192.168.16.128/24", "dev", "ens33")
    holdfast.waits_for_state("active", 5)
    web_1.host.ip("addr", "del", "192.168.16.128/24", "dev", "ens33")
    holdfast.waits_for_state("fault", 5)
    wait_until(lambda: lab.holders(VIP) == [], 2, "the virtual address is gone")


def test_a_strangers_permanent_address_is_left_alone(lab):
    web_1 = machine(lab, 1, quick_configuration(100), nginx=False)
    web_1.host.ip("addr", "add", f"{VIP}/32", "dev", "ens33")
    holdfast = web_1.holdfast.start()
    holdfast.waits_for_state("active", 10)
    assert holdfast.stop() == 0
    assert "valid_lft forever" in web_1.host.ip("addr", "show", "to", VIP), "neither converted nor removed"


def test_our_secondary_does_not_take_others_with_it(lab):
    """A virtual address inside a prefix: when it goes, the host's later addresses of that prefix stay."""
    web_1 = machine(lab, 1, quick_configuration(100, address="10.1.1.5/24"), nginx=False)
    holdfast = web_1.holdfast.start()
    holdfast.waits_for_state("active", 10)
    assert web_1.host.has("10.1.1.5")
    web_1.host.ip("addr", "add", "10.1.1.6/24", "dev", "ens33")
    assert holdfast.stop() == 0
    assert not web_1.host.has("10.1.1.5") and web_1.host.has("10.1.1.6")


def test_three_routers_go_in_order(lab):
    browser = visitor(lab)
    machines = pair(lab, quick_configuration, (150, 120, 110))
    for expected in machines:
        browser.waits_for(VIP, expected.host.name, 10)
        wait_until(alone(lab, expected.host.name), 2, f"{expected.host.name} alone has it")
        expected.holdfast.stop()
    wait_until(lambda: lab.holders(VIP) == [], 2, "nobody is left")


def test_many_instances(lab):
    """255 virtual routers, adverts every 100 ms: all active on web-1, all move to web-2."""
    def many(priority):
        return "instances:\n" + "".join(f"""
  VI_{vrid}:
    interface: ens33
    vrid: {vrid}
    priority: {priority}
    advert_interval: 100ms
    addresses: [10.9.{vrid}.1]
""" for vrid in range(1, 256))

    web_1, web_2 = pair(lab, many)

    def count(machine):
        return sum(machine.host.ip("-o", "addr").count(f" 10.9.{vrid}.1/") for vrid in range(1, 256))

    wait_until(lambda: (count(web_1), count(web_2)) == (255, 0), 20, "all 255 on web-1")
    web_1.host.power_off()
    wait_until(lambda: count(web_2) == 255, 10, "all 255 on web-2")


if __name__ == "__main__":
    main()
