"""A host of the soak: nginx, and holdfastd under a manager that does what systemd would."""

import os
import pathlib
import struct
import subprocess
import threading
import time

from .services import Holdfast, Nginx, binary_folder, process_status
from .tutorial import MACHINES, VIP
from .waiting import wait_until

VIP6 = "2001:db8::130"
_EXTRA = {1: "192.168.16.141", 2: "192.168.16.142", 3: "192.168.16.143", 4: "192.168.16.144"}
_HOSTS = {**MACHINES, 4: "192.168.16.132"}
_CLOCK = "/etc/holdfast/clock"
_CLOCK_LIBRARY = "/usr/local/lib/clock_offset.so"
_RESTART_PAUSE = 1.0  # RestartSec of the unit


class Node:
    def __init__(self, lab, number, priority, ownership, addresses=(VIP, VIP6), vrid=66):
        self.number, self.priority, self.ownership = number, priority, ownership
        self.addresses, self.vrid = addresses, vrid
        self.host = lab.host(f"web-{number}", f"{_HOSTS[number]}/24", f"2001:db8::{number}:1/64")
        self.name = self.host.name
        self.cuts = []  # (from, to) while the network does not reach it
        self.reloads = []  # times
        self.ends = []  # (time, exit status) of the daemon's ends that nobody asked for
        self._clock = 0
        self._down_since = None
        self._lock = threading.RLock()
        self._wanted = False
        self.nginx = Nginx(self.host)
        self.holdfast = Holdfast(self.host, self.configuration())
        self.host.write(_CLOCK, "\0" * 8)
        library = self.host.path(_CLOCK_LIBRARY)
        library.parent.mkdir(parents=True, exist_ok=True)
        source = pathlib.Path(__file__).with_name("clock_offset.c")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        ownership.watch(self.host)
        self._begin()

    def configuration(self, interval="500ms", nudge=0, extra=False):
        more = f"""
  extra:
    interface: ens33
    vrid: {70 + self.number}
    advert_interval: 100ms
    addresses: [{_EXTRA[self.number]}]
""" if extra else ""
        both = "".join(f"""
  {name}:
    interface: ens33
    vrid: {self.vrid}
    priority: {self.priority + nudge}
    advert_interval: 100ms
    return_after: 1s
    announce: {{refresh: 1s}}
    addresses: ["{address}"]
    track: [nginx]
""" for name, address in zip(("web4", "web6"), self.addresses))
        return f"""
checks:
  nginx:
    type: nginx
    interval: {interval}
    timeout: 500ms
    damping: 0s
    restart: {{command: [nginx], before_failover: 1s, limit: 1000 per 1h}}
sync_groups: {{web: [web4, web6]}}
instances:
{both}{more}"""

    # ---- the daemon, as its service manager has it ----

    def _begin(self):
        self.host.run(["sh", "-c", "mkdir -p /var/lib/holdfast && mount -t tmpfs -o size=64k,mode=700 tmpfs /var/lib/holdfast"])
        self.nginx.start()
        self.start_daemon()

    def start_daemon(self):
        with self._lock:
            self._wanted, self._down_since = True, None
            self.holdfast.start(wait=False, log_level="info",
                                environment={"LD_PRELOAD": _CLOCK_LIBRARY, "HOLDFAST_LAB_CLOCK": _CLOCK})

    def stop_daemon(self):
        with self._lock:
            self._wanted = False
            if self.holdfast.process.running and not is_zombie(self.holdfast.parent()):
                self.holdfast.stop()
            self._sweep()

    def manage(self):
        """To be called often: what systemd does when the daemon ended by itself."""
        with self._lock:
            if not self._wanted:
                return
            if self.holdfast.process.running:
                if is_zombie(self.holdfast.parent()):
                    self.holdfast.process.wake()
                return
            now = time.monotonic()
            if self._down_since is None:
                self._down_since = now
                self.ends.append((now, self.holdfast.process.wait()))
                self._sweep()
            elif now - self._down_since >= _RESTART_PAUSE:
                self.start_daemon()

    def _sweep(self):
        """ExecStopPost."""
        self.host.run([binary_folder() / "holdfast-vrrp", "--sweep"], check=False)

    def daemon_pids(self):
        return [pid for pid in (self.holdfast.parent(), self.holdfast.vrrp_child(), self.holdfast.checker_child()) if pid]

    def processes(self):
        """{role: lab-side id} of those that are there."""
        found = {"parent": self.holdfast.parent(), "vrrp": self.holdfast.vrrp_child(),
                 "checker": self.holdfast.checker_child()}
        return {role: pid for role, pid in found.items() if pid}

    def reload(self, broken=None, **changes):
        """With a changed configuration; `broken` comes in place of a key."""
        self.reloads.append(time.monotonic())
        configuration = self.configuration(**changes)
        self.holdfast.write(configuration.replace("vrid", broken) if broken else configuration)
        self.holdfast.cli("reload")

    # ---- the host ----

    def cut(self, carrier):
        self.cuts.append((time.monotonic(), None))
        self.host.cut(carrier=carrier)

    def join(self):
        self.host.join()
        self.cuts[-1] = (self.cuts[-1][0], time.monotonic())

    def power_off(self):
        with self._lock:
            self._wanted = False
            self.host.power_off()
            self.ownership.lost_power(self.host)

    def boot(self):
        with self._lock:
            self.host.boot()
            self.ownership.watch(self.host)
            self._begin()

    def delete_addresses(self):
        for address in self.addresses:
            self.host.run(["ip", "addr", "del", f"{address}/{128 if ':' in address else 32}", "dev", "ens33"], check=False)

    def fill_disk(self):
        self.host.run(["sh", "-c", "cat /dev/zero > /var/lib/holdfast/ballast"], check=False)

    def empty_disk(self):
        self.host.run(["rm", "-f", "/var/lib/holdfast/ballast"])

    def step_clock(self, seconds):
        self._clock = max(-10**17, min(10**17, self._clock + int(seconds * 1e9)))
        with open(self.host.path(_CLOCK), "r+b") as file:
            os.pwrite(file.fileno(), struct.pack("=q", self._clock), 0)

    def mend(self):
        """Whatever a fault may have left that is not the daemon's to mend."""
        self.nginx.repair()
        self.empty_disk()
        if not self.nginx.running:
            self.host.run(["/usr/sbin/nginx"], check=False)  # the daemon may be faster
        wait_until(lambda: self.nginx.running, 10, f"nginx runs on {self.name}")

    # ---- how it is ----

    def states(self):
        """{instance: state}; empty while the daemon does not answer."""
        return {instance["name"]: instance["state"] for instance in (self.holdfast.status() or {}).get("instances", [])}


def is_zombie(pid):
    try:
        return process_status(pid)["State"].startswith("Z")
    except FileNotFoundError:
        return False


class Manager:
    """systemd for all nodes."""

    def __init__(self, nodes):
        self._nodes, self._running = nodes, True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while self._running:
            for node in self._nodes:
                node.manage()
            time.sleep(0.05)

    def stop(self):
        self._running = False
        self._thread.join()
