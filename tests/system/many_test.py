#!/usr/bin/python3
"""Several addresses on several interfaces, instances without any, and thousands of instances."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Holdfast, Recorder, main, stays, wait_until
from lab.capture import Capture
from lab.client import Client
from lab.sleeper import Sleeper, gaps
from lab.tutorial import MACHINES, VIP, machine, quick_configuration, visitor


def links_between(one, two, count):
    """Cables from host to host, link1 to link<count>, each with a network of its own."""
    for number in range(1, count + 1):
        one.ip("link", "add", f"link{number}", "type", "veth", "peer", "name", f"link{number}", "netns", str(two.init))
        for host, last in ((one, 1), (two, 2)):
            host.ip("addr", "add", f"10.{100 + number}.255.{last}/16", "dev", f"link{number}")
            host.ip("link", "set", f"link{number}", "up")


def test_addresses_on_several_interfaces(lab):
    """All of them move together; one that is not advertised is not in the list."""
    addresses = f"{VIP}, {{address: 10.101.0.9/16, interface: link1}}, " \
                "{address: 10.102.0.9, interface: link2, advertised: false, label: \"link2:vip\"}"
    one, two = (machine(lab, number, quick_configuration(priority, address=addresses), nginx=False)
                for number, priority in ((1, 100), (2, 99)))
    links_between(one.host, two.host, 2)
    recorder = Recorder(two.host)
    one.holdfast.start(), two.holdfast.start()

    def all_on(name):
        return lambda: all(lab.holders(address) == [name] for address in (VIP, "10.101.0.9", "10.102.0.9"))

    wait_until(all_on("web-1"), 10, "all on web-1")
    assert "link2:vip" in one.host.ip("addr", "show", "dev", "link2")
    assert one.host.has("10.101.255.1"), "the network's other addresses stay"
    assert {advert.addresses for advert in recorder.adverts("192.168.16.128")} == {(VIP, "10.101.0.9")}
    assert one.holdfast.stop() == 0
    wait_until(all_on("web-2"), 10, "all on web-2")
    assert one.host.has("10.101.255.1"), "also when ours leave"


def test_an_instance_without_addresses(lab):
    """For a cloud, where something else moves the address: the election works all the same."""
    one, two = (machine(lab, number, quick_configuration(priority, address=""), nginx=False)
                for number, priority in ((1, 100), (2, 99)))
    one.holdfast.start(), two.holdfast.start()
    one.holdfast.waits_for_state("active", 10)
    two.holdfast.waits_for_state("backup", 10)
    stays(lambda: two.holdfast.instance()["state"] == "backup", 1, "the backup hears the active")
    one.host.power_off()
    two.holdfast.waits_for_state("active", 10)


def test_thousands_of_instances(lab):
    """2,040 virtual routers on eight interfaces of two hosts: all are active on the better one, and all move."""
    interfaces, vrids = 8, 255
    one, two = (lab.host(f"web-{number}", f"192.168.16.{127 + number}/24") for number in (1, 2))
    links_between(one, two, interfaces)

    def configuration(priority):
        return "instances:\n" + "".join(
            f"  VI_{link}_{vrid}: {{interface: link{link}, vrid: {vrid}, priority: {priority}, "
            f"addresses: [10.{100 + link}.{vrid}.1]}}\n"
            for link in range(1, interfaces + 1) for vrid in range(1, vrids + 1))

    better, worse = Holdfast(one, configuration(100)).start(), Holdfast(two, configuration(99)).start()

    def count(host):
        return host.ip("-o", "-4", "addr").count(".1/32 ")

    wait_until(lambda: (count(one), count(two)) == (interfaces * vrids, 0), 40, "all on web-1")
    stays(lambda: (count(one), count(two)) == (interfaces * vrids, 0), 5, "and they stay there")
    states = [instance["statistics"]["master_transitions"] for instance in better.status()["instances"]]
    lab.note("web-1 stops")
    assert better.stop() == 0
    wait_until(lambda: (count(one), count(two)) == (0, interfaces * vrids), 20, "all on web-2")
    transitions = [instance["statistics"]["master_transitions"] for instance in worse.status()["instances"]]
    assert len(states) == len(transitions) == interfaces * vrids
    assert set(transitions) <= {1, 2}, "they went once, or met once more at the start"


def many_at_10_ms(priority, *, more="", without=()):
    """255 instances; those in `without` lack, and the first has `more`."""
    return "instances:\n" + "".join(
        f"  VI_{vrid}: {{interface: ens33, vrid: {vrid}, priority: {priority}, advert_interval: 10ms, "
        f"addresses: [10.9.{vrid}.1{more if vrid == 1 else ''}]}}\n" for vrid in range(1, 256) if vrid not in without)


def test_255_instances_are_reloaded_at_10_ms(lab):
    """While all of them are active, an address and an instance come and go, and nothing changes at all: adverts of the
    others are on time, as far as the machine lets anybody be, and a client loses no request."""
    browser = visitor(lab)
    one, two = (machine(lab, number, many_at_10_ms(priority), nginx=number == 1)
                for number, priority in ((1, 100), (2, 99)))
    one.holdfast.start(log_level="notice"), two.holdfast.start(log_level="notice")

    def count(host):
        return host.ip("-o", "-4", "addr").count("10.9.")

    wait_until(lambda: (count(one.host), count(two.host)) == (255, 0), 30, "all on web-1")
    browser.host.ip("route", "add", "10.9.0.0/16", "dev", browser.host.interface)
    client = Client(browser.host, ["10.9.77.1"], interval_ms=5, patience_ms=900)
    client.waits_until_served(10)
    sleeper, capture = Sleeper(0.01), Capture(browser.host)
    time.sleep(1)
    began = time.monotonic()
    for configured in (many_at_10_ms(100), many_at_10_ms(100, more=", 10.9.0.9"), many_at_10_ms(100, without=(200,)),
                       many_at_10_ms(100)):
        one.holdfast.write(configured)
        done = one.holdfast.cli("reload")
        assert done.returncode == 0, done.stderr
        lab.note(done.stdout)
        time.sleep(0.5)
    ended = time.monotonic()
    sent, woken = capture.stop(MACHINES[1]), sleeper.stop()
    bare = gaps(woken, began, ended)[-1]
    longest = max(gaps(times, began, ended)[-1] for vrid, times in sent.items() if vrid != 200)
    print(f"       longest gap between adverts every 10 ms {longest * 1000:.1f} ms, of a bare sleeper {bare * 1000:.1f} ms")
    assert len(sent) == 255
    assert longest < bare + 0.020, "an advert is late for a reload"
    time.sleep(client.patience)
    lost = [since for since, until in client.outages("10.9.77.1") if until is None or until > began]
    (asked, _), = client.stop().values()
    assert asked > 100 and not lost, f"a client had no answer at {[since - began for since in lost]}"
    states = {instance["name"]: instance["statistics"]["master_transitions"]
              for instance in one.holdfast.status()["instances"]}
    assert set(states.values()) <= {1, 2}, "none of them went"
    assert not any(instance["state"] == "active" for instance in two.holdfast.status()["instances"]
                   if instance["name"] != "VI_200")


if __name__ == "__main__":
    main()
