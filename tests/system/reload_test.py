#!/usr/bin/python3
"""A changed configuration: applied without touching what did not change; a bad one changes nothing and says so."""

import json
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Recorder, main, stays, wait_until
from lab.tutorial import VIP, machine, quick_configuration, visitor

OTHER = "192.168.16.140"


def two(priority_of_second, address=OTHER):
    """VI_1 as always and VI_2, of which a reload changes something."""
    return quick_configuration(100) + f"""
  VI_2:
    interface: ens33
    vrid: 67
    priority: {priority_of_second}
    advert_interval: 100ms
    addresses: [{address}]
"""


def running(lab):
    recorder = Recorder(visitor(lab).host)
    holdfast = machine(lab, 1, two(100), nginx=False).holdfast.start()
    holdfast.waits_for_state("active", 10, "VI_1")
    holdfast.waits_for_state("active", 10, "VI_2")
    return recorder, holdfast


def adverts_of(recorder, vrid, since):
    return [advert for advert in recorder.adverts(since=since) if advert.vrid == vrid]


def undisturbed(recorder, holdfast, vrid, since, before):
    """The instance went on through the reload as if there were none."""
    wait_until(lambda: len(adverts_of(recorder, vrid, since)) >= 3, 5, "adverts go on")
    assert holdfast.instance(before["name"])["since"] == before["since"], "no state change"
    assert {advert.priority for advert in adverts_of(recorder, vrid, since)} == {before["priority"]["effective"]}


def test_reload_changes_only_what_changed(lab):
    recorder, holdfast = running(lab)
    before = holdfast.instance("VI_1")
    pids = (holdfast.vrrp_child(), holdfast.checker_child())
    changed = time.monotonic()
    holdfast.write(two(150))
    done = holdfast.cli("reload")
    assert done.returncode == 0, done
    lab.note(f"reload said: {done.stdout}")
    assert "VI_2" in done.stdout, "the answer names what changed"
    assert "VI_1" not in done.stdout, "and not what did not"
    wait_until(lambda: holdfast.instance("VI_2")["priority"]["effective"] == 150, 3, "priority 150")
    wait_until(lambda: any(advert.priority == 150 for advert in adverts_of(recorder, 67, changed)), 3, "advertised")
    time.sleep(0.5)
    undisturbed(recorder, holdfast, 66, changed, before)
    assert pids == (holdfast.vrrp_child(), holdfast.checker_child()), "no child is restarted by a reload"
    assert holdfast.status()["config"]["error"] is None


def test_sighup_reloads_too(lab):
    recorder, holdfast = running(lab)
    before = holdfast.instance("VI_1")
    changed = time.monotonic()
    holdfast.write(two(100, address="192.168.16.141"))
    holdfast.process.signal(signal.SIGHUP)
    wait_until(lambda: lab.holders("192.168.16.141") == ["web-1"] and lab.holders(OTHER) == [], 5,
               "the new address is there, the old one is not")
    time.sleep(0.5)
    undisturbed(recorder, holdfast, 66, changed, before)


def test_removed_and_added_instances(lab):
    recorder, holdfast = running(lab)
    before = holdfast.instance("VI_1")
    changed = time.monotonic()
    holdfast.write(quick_configuration(100))
    assert holdfast.cli("reload").returncode == 0
    wait_until(lambda: lab.holders(OTHER) == [], 3, "the address of the removed instance is gone")
    assert 0 in {advert.priority for advert in adverts_of(recorder, 67, changed)}, "it left with priority 0"
    assert [instance["name"] for instance in holdfast.status()["instances"]] == ["VI_1"]
    holdfast.write(two(100))
    assert holdfast.cli("reload").returncode == 0
    holdfast.waits_for_state("active", 5, "VI_2")
    undisturbed(recorder, holdfast, 66, changed, before)


def test_same_file_changes_nothing(lab):
    recorder, holdfast = running(lab)
    before = holdfast.instance("VI_1")
    changed = time.monotonic()
    assert holdfast.cli("reload").returncode == 0
    time.sleep(0.5)
    undisturbed(recorder, holdfast, 66, changed, before)
    undisturbed(recorder, holdfast, 67, changed, holdfast.instance("VI_2"))


def test_bad_file_changes_nothing_and_says_so(lab):
    recorder, holdfast = running(lab)
    before = holdfast.instance("VI_1")
    changed = time.monotonic()
    holdfast.write(two(100).replace("vrid: 67", "vird: 67").replace("100ms", "100 parsecs", 1))
    done = holdfast.cli("reload")
    assert done.returncode == 1, done
    said = done.stdout + done.stderr
    assert f"{holdfast.CONFIG}:" in said and "vird" in said and "vrid" in said and "parsecs" in said, said
    holdfast.process.signal(signal.SIGHUP)
    wait_until(lambda: "vird" in holdfast.process.log, 3, "the log tells it too")
    assert "vird" in str(holdfast.status()["config"]["error"])
    stays(lambda: holdfast.instance("VI_1")["state"] == "active", 0.5, "VI_1 is still active")
    undisturbed(recorder, holdfast, 66, changed, before)
    undisturbed(recorder, holdfast, 67, changed, holdfast.instance("VI_2"))
    holdfast.write(two(100))
    assert holdfast.cli("reload").returncode == 0
    assert holdfast.status()["config"]["error"] is None


def test_a_plan_changes_nothing(lab):
    recorder, holdfast = running(lab)
    before = holdfast.instance("VI_1")
    changed = time.monotonic()
    assert "would change nothing" in holdfast.cli("reload", "--plan").stdout
    holdfast.write(two(100, address="192.168.16.141"))
    plan = json.loads(holdfast.cli("reload", "--plan", "--json").stdout)
    said = holdfast.cli("reload", "--plan").stdout
    assert any("VI_2" in line and "192.168.16.141" in line for line in plan["changes"]), plan
    assert all(line in said for line in plan["changes"]) and "nothing was changed yet" in said, said
    assert lab.holders(OTHER) == ["web-1"] and lab.holders("192.168.16.141") == []
    holdfast.write(two(100).replace("vrid: 67", "vird: 67"))
    refused = holdfast.cli("reload", "--plan")
    assert refused.returncode == 1 and "vird" in refused.stderr, refused
    assert holdfast.status()["config"]["error"] is None, "a plan is no reload that failed"
    undisturbed(recorder, holdfast, 66, changed, before)
    undisturbed(recorder, holdfast, 67, changed, holdfast.instance("VI_2"))
    holdfast.write(two(100, address="192.168.16.141"))
    done = json.loads(holdfast.cli("reload", "--json").stdout)
    assert done["changes"] == plan["changes"], "what was planned is what is done"


def test_changed_checks(lab):
    """A reload adds, changes and removes checks. The checker lives on, unless the checks need rights that it gave up."""
    tracked = quick_configuration(100, checks="nginx: {type: process, pid_file: /run/nginx.pid, interval: 200ms}",
                                  instance="track: [{check: nginx, weight: 20}]")
    web_1 = machine(lab, 1, quick_configuration(100))
    holdfast = web_1.holdfast.start()
    holdfast.waits_for_state("active", 10)
    without_rights = holdfast.checker_child()
    holdfast.write(tracked)
    assert holdfast.cli("reload").returncode == 0
    wait_until(lambda: holdfast.instance()["priority"]["effective"] == 120, 3, "the weight of the new check counts")
    checker = holdfast.checker_child()
    assert checker != without_rights, "without a check it could not even look at processes"
    holdfast.write(tracked.replace("/run/nginx.pid", "/run/nobody.pid"))
    assert holdfast.cli("reload").returncode == 0
    wait_until(lambda: holdfast.instance()["priority"]["effective"] == 100, 3, "the changed check is down")
    holdfast.write(quick_configuration(100))
    assert holdfast.cli("reload").returncode == 0
    assert holdfast.status()["checks"] == []
    assert holdfast.checker_child() == checker
    assert all(process["restarts"] == 0 for process in holdfast.status()["processes"])
    assert lab.holders(VIP) == ["web-1"]


if __name__ == "__main__":
    main()
