#!/usr/bin/python3
"""Holdfast installed on a real systemd: unit, restart of nginx over the bus, journal, reload, watchdog."""

import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Visitor, main, stays, wait_until
from lab.machine import Machine, prepare_root
from lab.tutorial import VIP, VISITOR, quick_configuration

CONFIG = "/etc/holdfast/holdfast.yaml"
UNIT = "holdfast.service"


def configuration(priority=100):
    return quick_configuration(priority, checks="""
nginx:
  type: process
  pid_file: /run/nginx.pid
  interval: 500ms
  restart: {unit: nginx.service, before_failover: 5s}
""", instance="track: [{check: nginx, weight: 2}]")


def booted(lab, config=None):
    """A machine with the daemon started by its unit, and a browser."""
    browser = Visitor(lab.host("visitor", f"{VISITOR}/24"))
    machine = Machine(lab.host("web-1", "192.168.16.128/24"))
    machine.run(["systemd-sysusers"])
    machine.run(["systemd-tmpfiles", "--create"])
    machine.run(["systemctl", "daemon-reload"])
    machine.write(CONFIG, config or configuration())
    done = machine.run(["systemctl", "start", UNIT], check=False)
    machine.run(["journalctl", "-u", UNIT, "-n", "50", "--no-pager"])
    assert done.returncode == 0, done.stderr
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 10, "web-1 has the address")
    return machine, browser


def main_pid(machine, unit):
    return int(machine.unit(unit, "MainPID")["MainPID"])


def test_unit(lab):
    machine, _ = booted(lab)
    state = machine.unit(UNIT, "ActiveState", "Type", "StatusText", "NRestarts")
    assert state["ActiveState"] == "active" and state["Type"] == "notify" and state["NRestarts"] == "0", state
    assert state["StatusText"], state
    users = machine.run(["ps", "-eo", "user:20,args"]).stdout
    for user, program in (("root", "holdfastd"), ("holdfast-vrrp", "vrrp"), ("holdfast-check", "checker")):
        assert any(line.startswith(f"{user} ") and program in line for line in users.splitlines()), (user, users)
    assert machine.run(["holdfast", "status"]).returncode == 0
    machine.run(["systemctl", "stop", UNIT])
    assert lab.holders(VIP) == []
    assert machine.unit(UNIT, "Result")["Result"] == "success"


def test_nginx_is_restarted_over_the_bus(lab):
    machine, browser = booted(lab)
    wait_until(lambda: browser.page(VIP), 5, "nginx answers")
    before = main_pid(machine, "nginx.service")
    machine.run(["pkill", "-KILL", "nginx"])
    wait_until(lambda: main_pid(machine, "nginx.service") not in (0, before), 10, "nginx runs again, as its unit")
    wait_until(lambda: browser.page(VIP), 5, "the page is back")
    stays(lambda: lab.holders(VIP) == ["web-1"], 1, "the address has not moved")
    # The restart may overtake the stop, which then calls itself cancelled.
    machine.run(["systemctl", "stop", "nginx.service"], check=False)
    wait_until(lambda: browser.page(VIP), 10, "stopped by hand, it is restarted too")
    nginx = main_pid(machine, "nginx.service")
    machine.run(["systemctl", "stop", UNIT])
    assert main_pid(machine, "nginx.service") == nginx, "nginx outlives the daemon that restarted it"


def effective_priority_is(machine, number, what):
    wait_until(lambda: f'"effective":{number}' in machine.run(["holdfast", "status", "--json"]).stdout.replace(" ", ""),
               20, what)


def test_nginx_that_cannot_start(lab):
    """Its configuration is broken: said at once with its line, without waiting or an attempt; mended, it is started."""
    machine, browser = booted(lab, configuration().replace("5s}", "60s}"))
    wait_until(lambda: browser.page(VIP), 5, "nginx answers")
    whole = machine.run(["cat", "/etc/nginx/nginx.conf"]).stdout
    machine.write("/etc/nginx/nginx.conf", "this is no configuration;\n")
    machine.run(["pkill", "-KILL", "nginx"])
    effective_priority_is(machine, 100, "the weight is gone, long before a minute is over")
    refused, = machine.journal("HOLDFAST_RESULT=broken_configuration")
    assert 'unknown directive "this" in /etc/nginx/nginx.conf:1' in refused["MESSAGE"], refused
    assert "looked at again" in machine.run(["holdfast", "status"]).stdout
    machine.write("/etc/nginx/nginx.conf", whole)
    wait_until(lambda: browser.page(VIP), 30, "nginx is started once it is mended")


def test_what_the_unit_says_of_a_failed_restart(lab):
    """A start that fails for a reason that no test of the configuration shows."""
    machine, browser = booted(lab)
    wait_until(lambda: browser.page(VIP), 5, "nginx answers")
    machine.write("/etc/systemd/system/nginx.service.d/broken.conf",
                  "[Service]\nExecStartPre=/bin/sh -c 'echo the disk is on fire; exit 3'\n")
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["pkill", "-KILL", "nginx"])
    failed = wait_until(lambda: machine.journal("HOLDFAST_RESULT=failed"), 20, "the failure is an event")[0]
    assert "could not restart nginx.service" in failed["MESSAGE"] and "the disk is on fire" in failed["MESSAGE"], failed
    assert failed["HOLDFAST_UNIT_RESULT"] == "exit-code" and "on fire" in failed["HOLDFAST_UNIT_LOG"], failed


def test_what_an_operator_stopped_stays_stopped(lab):
    """`when: crashed`: a crash is mended, `systemctl stop` is respected, and so is what comes after it."""
    machine, browser = booted(lab, configuration().replace("unit:", "when: crashed, unit:"))
    wait_until(lambda: browser.page(VIP), 5, "nginx answers")
    machine.run(["systemctl", "restart", "nginx.service"])
    wait_until(lambda: browser.page(VIP), 5, "nginx answers again")
    assert not machine.journal("HOLDFAST_RESULT=stopped_on_purpose"), "the first half of a restart is no stop"
    effective_priority_is(machine, 102, "it is up")
    machine.run(["systemctl", "stop", "nginx.service"])
    effective_priority_is(machine, 100, "the weight is gone")
    wait_until(lambda: machine.journal("HOLDFAST_RESULT=stopped_on_purpose"), 10, "the journal says that it is respected")
    assert "stopped on purpose" in machine.run(["holdfast", "status"]).stdout
    assert machine.unit("nginx.service", "ActiveState")["ActiveState"] == "inactive"
    machine.run(["systemctl", "start", "nginx.service"])
    effective_priority_is(machine, 102, "it is up again")
    machine.run(["pkill", "-KILL", "nginx"])
    wait_until(lambda: machine.journal("HOLDFAST_RESULT=done"), 20, "a crash is mended")
    wait_until(lambda: browser.page(VIP), 10, "the page is back")


def test_journal_fields(lab):
    machine, _ = booted(lab)
    transitions = [entry for entry in machine.journal("HOLDFAST_INSTANCE=VI_1") if entry.get("HOLDFAST_TO") == "active"]
    assert len(transitions) == 1, transitions
    entry = transitions[0]
    assert entry["HOLDFAST_FROM"] == "backup" and entry["HOLDFAST_VRID"] == "66"
    assert entry["HOLDFAST_REASON"] and entry["HOLDFAST_PRIORITY"] in ("100", "102")
    assert len(entry["MESSAGE_ID"]) == 32 and "VI_1" in entry["MESSAGE"]
    explained = machine.run(["journalctl", "-x", "--no-pager", f"MESSAGE_ID={entry['MESSAGE_ID']}"]).stdout
    machine.run(["journalctl", "--update-catalog"])
    assert "VI_1" in explained
    other = {entry.get("MESSAGE_ID") for entry in machine.journal("-u", UNIT)} - {None}
    assert len(other) >= 2, f"health changes have an id of their own: {other}"


def test_reload(lab):
    machine, _ = booted(lab)
    pid = main_pid(machine, UNIT)
    machine.write(CONFIG, configuration(120))
    assert machine.run(["systemctl", "reload", UNIT], check=False).returncode == 0
    assert '"configured":120' in machine.run(["holdfast", "status", "--json"]).stdout.replace(" ", "")
    machine.write(CONFIG, configuration(120).replace("vrid:", "vird:"))
    assert machine.run(["systemctl", "reload", UNIT], check=False).returncode != 0, "a bad file fails the reload"
    assert machine.unit(UNIT, "ActiveState")["ActiveState"] == "active"
    assert main_pid(machine, UNIT) == pid and lab.holders(VIP) == ["web-1"]
    assert "vird" in machine.run(["journalctl", "-u", UNIT, "--no-pager"]).stdout


def test_watchdog(lab):
    """A daemon that hangs is replaced by systemd; its children give the address up meanwhile or lose the lease."""
    machine, _ = booted(lab)
    pid = main_pid(machine, UNIT)
    assert int(machine.unit(UNIT, "WatchdogUSec")["WatchdogUSec"].rstrip("ms") or 0) > 0
    lab_side, = machine.pids("holdfastd")
    os.kill(lab_side, signal.SIGSTOP)
    wait_until(lambda: main_pid(machine, UNIT) not in (0, pid), 90, "systemd has started another one")
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 20, "web-1 has the address again")


if __name__ == "__main__":
    prepare_root()
    main()
