#!/usr/bin/python3
"""Two Debian machines with our package: the tutorial as an operator does it, with dpkg, systemctl and journalctl; crashes,
power cuts, restarts, upgrades, purge. A visitor asks for the page all the time."""

import fcntl
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Visitor, main, stays, wait_until
from lab.machine import Machine, build_folder, prepare_root
from lab.services import Nginx
from lab.tutorial import MACHINES, VIP, VISITOR, configuration

TOP = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = build_folder() / "machine" / "packages"
TRANSITION = "eb4d7073f46d4910ade2e4e045fc7819"
RESTARTED = "4f2fbfb0b3904332b62ace5934b33ff4"
CHILD_DIED = "e7a7c1aa3b594667b588640594f1e1a4"
UNIT = "holdfast.service"


def prepare_packages():
    """The package twice, the second with a higher version. To be called before the lab cuts itself off the network."""
    if os.environ.get("HOLDFAST_LAB_INSIDE") == "1":
        return
    with open(build_folder() / "machine" / "packages.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for revision in ("1", "2"):
            done = subprocess.run([TOP / "packaging/build_deb", "--revision", revision, PACKAGES], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"packaging/build_deb failed: {done.stdout[-3000:]}{done.stderr[-3000:]}")


class Probe:
    """Asks for the page all the time, and remembers what came when."""

    def __init__(self, lab):
        self.visitor = Visitor(lab.host("visitor", f"{VISITOR}/24"))
        self.answers = []  # (when, page or None)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        lab.at_close.append(self._end)

    def _ask(self):
        while not self._ended.is_set():
            page = self.visitor.page(VIP, timeout=0.25)
            self.answers.append((time.monotonic(), page))
            time.sleep(0.01)

    def _end(self):
        self._ended.set()
        self._thread.join()

    def shows(self, name, timeout=40):
        """Waits until the page comes from this machine."""
        asked = len(self.answers)
        wait_until(lambda: any(page == name for _, page in self.answers[asked:][-3:]), timeout, f"the page comes from {name}")

    def longest_gap(self, since):
        """Seconds without any page after `since`."""
        last, longest = since, 0.0
        for when, page in [*self.answers, (time.monotonic(), "now")]:
            if page and when >= since:
                longest, last = max(longest, when - last), when
        return longest

    def servers(self, since):
        """Who served since then, in order, without repetitions in a row."""
        seen = []
        for when, page in self.answers:
            if when >= since and page and seen[-1:] != [page]:
                seen.append(page)
        return seen


def package(revision):
    return next(PACKAGES.glob(f"holdfast_*-{revision}_*.deb")).name


def installed(lab, number):
    """A machine with the package, and nothing configured."""
    machine = Machine(lab.host(f"web-{number}", f"{MACHINES[number]}/24"), sorted(PACKAGES.glob("*.deb")))
    machine.write("/etc/nginx/nginx.conf", Nginx.CONFIGURATION.format(page=machine.host.name))
    machine.run(["systemctl", "restart", "nginx"])
    machine.run(["dpkg", "-i", f"/given/{package(1)}"])
    return machine


def text(priority):
    return configuration(priority).replace("command: [nginx]", "unit: nginx.service")


def start(machine, priority):
    machine.write("/etc/holdfast/holdfast.yaml", text(priority))
    machine.run(["holdfast", "validate"])
    machine.run(["systemctl", "enable", "--now", UNIT])


def pair(lab):
    """Both machines as the tutorial leaves them: web-1 has the address and serves the page."""
    probe = Probe(lab)
    machines = [installed(lab, 1), installed(lab, 2)]
    for machine, priority in zip(machines, (100, 99)):
        start(machine, priority)
    probe.shows("web-1")
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 10, "web-1 has the address alone")
    return probe, *machines


def transitions(machine, to):
    return [entry for entry in machine.journal(f"MESSAGE_ID={TRANSITION}") if entry["HOLDFAST_TO"] == to]


def test_nothing_runs_before_a_configuration_exists(lab):
    machine = installed(lab, 1)
    state = machine.unit(UNIT, "ActiveState", "UnitFileState", "LoadState")
    assert state == {"ActiveState": "inactive", "UnitFileState": "disabled", "LoadState": "loaded"}, state
    machine.run(["dpkg", "-i", f"/given/{package(2)}"])
    assert machine.unit(UNIT, "ActiveState")["ActiveState"] == "inactive", "an upgrade starts nothing either"
    assert not machine.pids("holdfastd")
    assert machine.run(["systemctl", "--failed", "--no-legend"]).stdout.count("holdfast") == 0


def test_tutorial(lab):
    probe, web_1, web_2 = pair(lab)
    first, = transitions(web_1, "active")
    assert first["HOLDFAST_INSTANCE"] == "VI_1" and first["HOLDFAST_VRID"] == "66" and first["HOLDFAST_REASON"], first
    assert not transitions(web_2, "active")

    since = time.monotonic()
    web_1.run(["pkill", "-KILL", "nginx"])
    wait_until(lambda: web_1.journal(f"MESSAGE_ID={RESTARTED}"), 20, "nginx is restarted in place")
    probe.shows("web-1")
    assert probe.servers(since) == ["web-1"] and not transitions(web_2, "active"), "the address has not moved"

    web_1.write("/etc/nginx/nginx.conf", "this is no configuration;\n")
    web_1.run(["pkill", "-KILL", "nginx"])
    probe.shows("web-2")
    wait_until(lambda: lab.holders(VIP) == ["web-2"], 20, "the address is on web-2 alone")
    refused, = web_1.journal("HOLDFAST_RESULT=broken_configuration")
    assert "nginx.conf:1" in refused["MESSAGE"], refused
    assert len(transitions(web_2, "active")) == 1

    web_1.write("/etc/nginx/nginx.conf", Nginx.CONFIGURATION.format(page="web-1"))
    probe.shows("web-1", 60)
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 20, "the address has come home")

    web_1.run(["systemctl", "stop", UNIT])
    probe.shows("web-2")
    web_1.run(["systemctl", "start", UNIT])
    probe.shows("web-1")
    assert len(transitions(web_2, "active")) == 2 and len(transitions(web_1, "active")) == 3


def test_crashes(lab):
    """Each process killed, and the power cut; the machine comes back by itself."""
    probe, web_1, web_2 = pair(lab)

    def kill(program):
        since = time.monotonic()
        victim, = web_1.pids(program)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: web_1.pids(program) not in ([], [victim]), 20, f"{program} runs again")
        return since

    gaps = {}
    for program in ("holdfast-vrrp", "holdfast-checker"):
        since = kill(program)
        stays(lambda: not transitions(web_2, "active"), 4, f"{program} killed: web-2 notices nothing")
        assert probe.servers(since) == ["web-1"], probe.servers(since)
        gaps[program] = probe.longest_gap(since)
    assert len(web_1.journal(f"MESSAGE_ID={CHILD_DIED}")) == 2

    kill("holdfastd")
    wait_until(lambda: lab.holders(VIP) == ["web-1"] and web_1.unit(UNIT, "ActiveState")["ActiveState"] == "active", 40,
               "the parent killed: systemd has started it again, and it has the address")
    probe.shows("web-1")
    assert len(transitions(web_2, "active")) <= 1, "no more than one handover each way"

    since = time.monotonic()
    web_1.power_off()
    probe.shows("web-2")
    gaps["power"] = probe.longest_gap(since)
    lab.note(f"without a page: {gaps}")
    assert max(gaps["holdfast-vrrp"], gaps["holdfast-checker"]) < gaps["power"], gaps
    web_1.power_on()
    probe.shows("web-1", 60)
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 20, "the machine has booted and has its address again")


def test_restart_and_upgrade(lab):
    """With a running peer each costs at most one handover there and one back; on the backup nothing at all."""
    probe, web_1, web_2 = pair(lab)

    def costs(what, machine, do, most):
        before = [len(transitions(each, "active")) for each in (web_1, web_2)]
        since = time.monotonic()
        pid = machine.unit(UNIT, "MainPID")["MainPID"]
        do()
        assert machine.unit(UNIT, "ActiveState")["ActiveState"] == "active", what
        assert machine.unit(UNIT, "MainPID")["MainPID"] != pid, f"{what}: another process"
        probe.shows("web-1")
        wait_until(lambda: lab.holders(VIP) == ["web-1"], 20, f"{what}: web-1 has the address")
        stays(lambda: lab.holders(VIP) == ["web-1"], 4, f"{what}: and keeps it")
        moves = [len(transitions(each, "active")) - count for each, count in zip((web_1, web_2), before)]
        lab.note(f"{what}: became active {moves} times; {probe.longest_gap(since):.2f} s without a page")
        assert moves[0] <= most and moves[1] <= most, f"{what}: became active {moves} times"

    costs("restart", web_1, lambda: web_1.run(["systemctl", "restart", UNIT]), 1)
    costs("restart of the backup", web_2, lambda: web_2.run(["systemctl", "restart", UNIT]), 0)
    costs("upgrade", web_1, lambda: web_1.run(["dpkg", "-i", f"/given/{package(2)}"]), 1)
    costs("upgrade of the backup", web_2, lambda: web_2.run(["dpkg", "-i", f"/given/{package(2)}"]), 0)
    assert web_1.run(["dpkg-query", "-W", "-f", "${Version}", "holdfast"]).stdout.endswith("-2")
    assert web_1.unit(UNIT, "UnitFileState")["UnitFileState"] == "enabled"


# What others write about whatever happens: logs, caches, and systemd's state. The users stay: see packaging/debian/postrm.
OTHERS = ("/var/log/", "/var/lib/dpkg/", "/var/cache/", "/var/lib/systemd/catalog/", "/run/", "/tmp/", "/var/tmp/", "/dev/", "/proc/",
          "/sys/", "/given", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/var/lib/systemd/", "/etc/.pwd.lock",
          "/etc/subuid", "/etc/subgid", "/etc/nginx/", "/var/lib/nginx/")


def test_purge(lab):
    machine = Machine(lab.host("web-1", f"{MACHINES[1]}/24"), sorted(PACKAGES.glob("*.deb")))

    def files():
        found = machine.run(["find", "/", "-xdev", "-not", "-path", "/proc/*"]).stdout.splitlines()
        return {path for path in found if not path.startswith(OTHERS)}

    before, addresses = files(), machine.run(["ip", "-br", "addr"]).stdout
    machine.run(["dpkg", "-i", f"/given/{package(1)}"])
    start(machine, 100)
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 20, "it has the address")
    machine.run(["holdfast", "drain", "--force"], check=False)
    machine.run(["holdfast", "resume"])
    machine.run(["dpkg", "--remove", "holdfast"])
    assert lab.holders(VIP) == [] and not machine.pids("holdfastd") and not machine.pids("holdfast-vrrp")
    assert machine.run(["cat", "/etc/holdfast/holdfast.yaml"]).stdout == text(100), "a removal keeps the configuration"
    machine.write("/etc/holdfast/secret", "an operator's\n")
    machine.run(["dpkg", "--purge", "holdfast"])
    left = files() - before
    assert left == {"/etc/holdfast", "/etc/holdfast/secret"}, f"only what is not ours is left: {sorted(left)}"
    assert not before - files(), f"missing: {before - files()}"
    assert machine.run(["ip", "-br", "addr"]).stdout == addresses
    assert not [path for path in machine.run(["find", "/run", "-name", "*holdfast*"]).stdout.split() if "/given" not in path]
    assert machine.unit(UNIT, "LoadState")["LoadState"] == "not-found"
    assert "holdfast-vrrp" in machine.run(["cat", "/etc/passwd"]).stdout, "the users stay, as Debian has it"


if __name__ == "__main__":
    prepare_root()
    prepare_packages()
    main()
