#!/usr/bin/python3
"""`holdfast drain` and `resume`: away without a gap, for as long as it takes, and never where nobody takes over."""

import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import main, stays, wait_until
from lab.group import Group
from lab.services import Keepalived, keepalived_instance
from lab.tutorial import VIP, machine, pair, quick_configuration, visitor

OTHER = "192.168.16.140"


def alone(group, member):
    wait_until(lambda: group.holders() == [member.host.name], 8, f"{member.host.name} alone has the address")


def test_drain_hands_over_and_stays_away(lab):
    group = Group(lab, 100, 99)
    web_1, web_2 = group
    before = time.monotonic()
    done = web_1.holdfast.cli("drain")
    assert done.returncode == 0, done.stderr
    assert f"VI_1: handed over to {web_2.address}" in done.stdout, done.stdout
    alone(group, web_2)
    gap = group.ownership.longest_without(VIP, before)
    print(f"       nobody had the address for {gap * 1000:.2f} ms")
    assert group.ownership.lost("web-1", VIP, before) >= group.adverts(web_2, before)[0].at - 0.005, "let go too early"

    instance = web_1.instance()
    assert instance["drained"] and instance["state"] == "initialize", instance
    assert (instance["active_router"] or {}).get("address") == web_2.address, "it still hears who has the address"
    assert "DRAINED" in web_1.holdfast.cli("status").stdout
    assert web_1.holdfast.cli("drain", "VI_1").stdout == "VI_1: drained already\n"

    web_2.host.power_off()
    stays(lambda: not web_1.host.has(VIP), 2, "drained: nothing is taken over, also when nobody has it")
    done = web_1.holdfast.cli("resume")
    assert done.returncode == 0 and "takes part again" in done.stdout, done.stdout + done.stderr
    wait_until(lambda: web_1.host.has(VIP), 5, "web-1 takes the address")
    assert not web_1.instance()["drained"]


def test_the_address_comes_home_after_a_resume(lab):
    group = Group(lab, 100, 99)
    web_1, web_2 = group
    assert web_1.holdfast.cli("drain").returncode == 0
    alone(group, web_2)
    assert web_1.holdfast.cli("resume", "VI_1").returncode == 0
    alone(group, web_1)


def test_a_drain_survives_restarts(lab):
    """Of the daemon, and of the host: its disk remembers."""
    group = Group(lab, 100, 99)
    web_1, web_2 = group
    assert web_1.holdfast.cli("drain").returncode == 0
    for pid in web_1.processes():
        lab.note(f"killing {pid}")
    web_1.holdfast.process.kill()
    web_1.holdfast.start()
    assert web_1.instance()["drained"], web_1.instance()
    web_1.host.power_off()
    web_1.host.boot()
    web_1.recover()
    web_1.holdfast.start()
    assert web_1.instance()["drained"], web_1.instance()
    stays(lambda: group.holders() == ["web-2"], 1, "web-1 stays away")
    assert web_1.holdfast.cli("resume").returncode == 0
    alone(group, web_1)


def test_a_drain_that_nobody_answers_takes_the_address_back(lab):
    group = Group(lab, 100)
    web_1, = group
    before = time.monotonic()
    done = web_1.holdfast.cli("drain")
    assert done.returncode == 1, done
    assert "keeps its addresses" in done.stderr and "--force" in done.stderr, done.stderr
    assert group.ownership.longest_without(VIP, before) < 0.001, "it was there all the time"
    instance = web_1.instance()
    assert instance["state"] == "active" and not instance["drained"], instance
    wait_until(lambda: group.last_priority(web_1, before) == 100, 3, "adverts go on at the old priority")

    done = web_1.holdfast.cli("drain", "--force")
    assert done.returncode == 0 and "given up" in done.stdout, done.stdout + done.stderr
    wait_until(lambda: group.holders() == [], 3, "nobody has the address")
    assert web_1.instance()["drained"]


def test_who_is_left_when_the_others_are_drained_does_not_drain(lab):
    group = Group(lab, 100, 99)
    web_1, web_2 = group
    assert web_2.holdfast.cli("drain").returncode == 0
    done = web_1.holdfast.cli("drain")
    assert done.returncode == 1, "the only other one is drained"
    stays(lambda: group.holders() == ["web-1"], 1, "web-1 keeps the address")


def test_one_of_several_instances_and_a_whole_group(lab):
    both = quick_configuration(100) + f"""
  VI_2: {{interface: ens33, vrid: 67, advert_interval: 100ms, addresses: [{OTHER}]}}
  VI_3: {{interface: ens33, vrid: 68, advert_interval: 100ms, addresses: [192.168.16.141]}}
sync_groups: {{pair: [VI_1, VI_2]}}
"""
    web_1, web_2 = machine(lab, 1, both, nginx=False), machine(lab, 2, both, nginx=False)
    web_2.holdfast.start()
    wait_until(lambda: web_2.host.has(VIP) and web_2.host.has(OTHER), 5, "web-2 has the addresses")
    web_1.holdfast.start()
    wait_until(lambda: web_1.holdfast.instance().get("active_router"), 5, "web-1 hears it")
    done = web_2.holdfast.cli("drain", "VI_2")
    assert done.returncode == 0, done.stderr
    assert "VI_1, VI_2: handed over" in done.stdout, done.stdout
    wait_until(lambda: web_1.host.has(VIP) and web_1.host.has(OTHER), 5, "the group has moved")
    assert web_2.host.has("192.168.16.141"), "the third one has not"
    assert [web_2.holdfast.instance(name)["drained"] for name in ("VI_1", "VI_2", "VI_3")] == [True, True, False]
    wrong = web_2.holdfast.cli("drain", "VI_4")
    assert wrong.returncode == 1 and "VI_1 VI_2 VI_3" in wrong.stderr, wrong.stderr
    assert web_2.holdfast.cli("resume", "VI_1").returncode == 0
    assert not web_2.holdfast.instance("VI_2")["drained"]


def test_a_keepalived_takes_over_from_a_drain(lab):
    web_2 = lab.host("web-2", "192.168.16.129/24")
    Keepalived(web_2, keepalived_instance(priority=99)).start()
    wait_until(lambda: web_2.has(VIP), 10, "keepalived has the address")
    web_1 = machine(lab, 1, quick_configuration(100, version=2, instance='password: "1111"'), nginx=False)
    web_1.holdfast.start()
    web_1.holdfast.waits_for_state("active", 10)
    done = web_1.holdfast.cli("drain")
    assert done.returncode == 0 and "handed over to 192.168.16.129" in done.stdout, done.stdout + done.stderr
    wait_until(lambda: lab.holders(VIP) == ["web-2"], 3, "keepalived alone has the address")


def test_a_drain_loses_no_page(lab):
    browser = visitor(lab)
    web_1, web_2 = pair(lab, lambda priority: quick_configuration(priority))
    browser.waits_for(VIP, "web-1", 10)
    pages = []
    assert web_1.holdfast.process.running
    ask = threading.Thread(target=lambda: [pages.append(browser.page(VIP, timeout=1)) for _ in range(300)])
    ask.start()
    time.sleep(0.05)
    assert web_1.holdfast.cli("drain").returncode == 0
    ask.join()
    browser.waits_for(VIP, "web-2", 3)
    lost = pages.count(None)
    print(f"       {lost} of {len(pages)} pages lost")
    assert lost <= 1, "at most the one that was being answered"


if __name__ == "__main__":
    main()
