"""The programs that hosts run: nginx, keepalived, FRR, holdfastd, and a visitor's browser."""

import http.client
import json
import os
import pathlib
import signal
import socket
import time

from .waiting import Failure, wait_until


class Visitor:
    """Asks for pages from a host."""

    def __init__(self, host):
        self.host = host

    def page(self, address, timeout=0.5):
        """The text of http://ADDRESS/, or None when nobody answers in time."""
        try:
            with self.host.network():
                connection = http.client.HTTPConnection(address, 80, timeout=timeout)
                connection.connect()
            connection.request("GET", "/", headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.read().decode().strip() if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None

    def waits_for(self, address, text, timeout):
        wait_until(lambda: self.page(address) == text, timeout, f"http://{address}/ shows {text!r}")


class Nginx:
    """A real nginx, daemon and all, whose page names its host."""

    CONFIGURATION = """
user www-data;
worker_processes 1;
pid /run/nginx.pid;
events {{ worker_connections 64; }}
http {{
  access_log off;
  server {{
    listen 80;
    listen [::]:80;
    location / {{ default_type text/plain; return 200 "{page}\\n"; }}
  }}
}}
"""

    def __init__(self, host, page=None):
        self.host, self.page = host, page or host.name
        self.repair()

    def start(self):
        self.host.run(["/usr/sbin/nginx"])  # as it will call itself when its binary is upgraded
        wait_until(self.host.path("/run/nginx.pid").exists, 10, f"nginx runs on {self.host.name}")

    def stop(self):
        """Orderly, by a signal to its master, so that it works with an unusable configuration too."""
        self.host.lab.note(f"nginx is stopped on {self.host.name}")
        self.host.run(["sh", "-c", "read master < /run/nginx.pid; kill -TERM $master;"
                                    " while kill -0 $master 2>/dev/null; do sleep 0.02; done"])

    def kill(self):
        """Every process of nginx dies at once."""
        self.host.lab.note(f"nginx is killed on {self.host.name}")
        for pid in self.host.pids("nginx"):
            os.kill(pid, signal.SIGKILL)

    def break_(self):
        """Makes the configuration unusable: what runs goes on, a start fails."""
        self.host.write("/etc/nginx/nginx.conf", "this is no configuration;\n")

    def repair(self):
        self.host.write("/etc/nginx/nginx.conf", self.CONFIGURATION.format(page=self.page))

    @property
    def running(self):
        return bool(self.host.pids("nginx"))


class Keepalived:
    """Debian's keepalived."""

    def __init__(self, host, configuration):
        self.host = host
        self.process = None
        host.write("/etc/keepalived/keepalived.conf", configuration)

    def start(self, *, detailed_log=True):
        detail = ["-D"] if detailed_log else []
        self.process = self.host.spawn(["keepalived", "-n", "-l", *detail, "-P", "-f", "/etc/keepalived/keepalived.conf"])
        return self

    def stop(self):
        return self.process.stop()


# How the tutorial has keepalived watch nginx: the script, and what stands above its vrrp_instance.
TUTORIAL_SCRIPT = """#!/bin/bash
A=`ps -C nginx --no-header | wc -l`
if [ $A -eq 0 ]; then
  nginx
  if [ `ps -C nginx --no-header | wc -l` -eq 0 ]; then
    killall keepalived
  fi
fi
"""
TUTORIAL_CHECK = """
global_defs { script_user root }
vrrp_script chk_http_port {
    script "/usr/local/src/check_nginx_pid.sh"
    interval 2
    weight 2
}
"""


def keepalived_instance(*, priority, interface="ens33", vrid=66, version=2, interval=1, password="1111", state="BACKUP",
                        addresses=("192.168.16.130",), extra=""):
    """A vrrp_instance block like the tutorial's."""
    password_block = f"authentication {{ auth_type PASS\n auth_pass {password} }}" if version == 2 and password else ""
    return f"""
vrrp_instance VI_{vrid} {{
    state {state}
    interface {interface}
    virtual_router_id {vrid}
    version {version}
    priority {priority}
    advert_int {interval}
    {password_block}
    virtual_ipaddress {{
        {" ".join(f"{address}{chr(10)}" for address in addresses)}
    }}
    {extra}
}}
"""


class Frr:
    """FRR's zebra and vrrpd, and what they want of the host: a macvlan device with the virtual MAC, the bridge mode and
    the virtual addresses. Its adverts over IPv6 come from the device's link-local address, `link_local`."""

    FOLDER = "/run/frr"

    def __init__(self, host, *, priority, addresses, vrid=66, version=3, interval_ms=1000, link_local=None):
        self.host, self.addresses, self.link_local = host, addresses, link_local
        is_ipv6 = ":" in addresses[0]
        self.device = f"vrrp{6 if is_ipv6 else 4}-{vrid}"
        self.mac = f"00:00:5e:00:0{2 if is_ipv6 else 1}:{vrid:02x}"
        self.zebra = self.process = None
        word = "ipv6" if is_ipv6 else "ip"
        listed = "".join(f" vrrp {vrid} {word} {address}\n" for address in addresses)
        host.write("/etc/frr/zebra.conf", "log stdout informational\n")
        host.write("/etc/frr/vrrpd.conf", f"""
log stdout debugging
debug vrrp protocol
interface {host.interface}
 vrrp {vrid} version {version}
 vrrp {vrid} priority {priority}
 vrrp {vrid} advertisement-interval {interval_ms}
{listed}""")

    def start(self):
        if not self.host.path(f"/sys/class/net/{self.device}").exists():
            self._make_device()
        self.host.run(["install", "-d", "-o", "frr", "-g", "frr", self.FOLDER])
        self.zebra = self._spawn("zebra")
        wait_until(self.host.path(f"{self.FOLDER}/zserv").exists, 10, f"zebra runs on {self.host.name}")
        self.process = self._spawn("vrrpd")
        return self

    def stop(self):
        status = self.process.stop()
        self.zebra.stop()
        return status

    def _make_device(self):
        # A backup keeps the addresses on a device that is protodown; Linux would answer ARP for them elsewhere.
        self.host.run(["sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1"])
        self.host.ip("link", "add", self.device, "link", self.host.interface, "type", "macvlan", "mode", "bridge")
        self.host.ip("link", "set", self.device, "addrgenmode", "none" if self.link_local else "random")
        self.host.ip("link", "set", self.device, "address", self.mac)
        # Of link-local addresses the kernel lists the last one first, and vrrpd speaks from the first: not a virtual one.
        for address in list(self.addresses) + [self.link_local] * bool(self.link_local):
            self.host.ip("addr", "add", address, "dev", self.device, *["nodad"] * (":" in address))
        # Until vrrpd runs and says otherwise; it would answer for the addresses from the boot on.
        self.host.ip("link", "set", self.device, "protodown", "on")
        self.host.ip("link", "set", self.device, "up")

    def _spawn(self, program):
        return self.host.spawn([f"/usr/lib/frr/{program}", "-z", f"{self.FOLDER}/zserv", "-i",
                                f"{self.FOLDER}/{program}.pid", "--vty_socket", self.FOLDER, "-f",
                                f"/etc/frr/{program}.conf", "-A", "127.0.0.1", "-P", "0"])

    def is_master(self):
        """Whether its device is up, which is what holding the addresses means to FRR."""
        links = json.loads(self.host.ip("-j", "link", "show"))
        return any(link["ifname"] == self.device and link["operstate"] == "UP" for link in links)


def binary_folder():
    """Where the built programs are: HOLDFAST_BIN, set by ctest; else those of the release preset."""
    top = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(os.environ.get("HOLDFAST_BIN") or top / "build/release/bin").resolve()
    if not (folder / "holdfastd").exists():
        raise Failure(f"there is no holdfastd in {folder}: build it, or set HOLDFAST_BIN to the folder that has it")
    return folder


class Holdfast:
    """holdfastd on a host, from the build folder, with its default paths unless told otherwise."""

    CONFIG = "/etc/holdfast/holdfast.yaml"

    def __init__(self, host, configuration, config_path=CONFIG, runtime_dir=None):
        self.host, self.config_path, self.runtime_dir = host, config_path, runtime_dir
        self.process = None
        self.notify_socket = None
        self.write(configuration)

    def write(self, configuration):
        self.host.write(self.config_path, configuration)

    def start(self, *, notify=False, environment=None, wait=True, log_level="debug"):
        """Starts the daemon; with `notify` its service manager is notifications(), a socket of the test's."""
        environment = dict(environment or {})
        if notify:
            self.notify_socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.notify_socket.bind(str(self.host.path("/run/notify")))
            os.chmod(self.host.path("/run/notify"), 0o666)
            environment["NOTIFY_SOCKET"] = "/run/notify"
        arguments = ["--runtime-dir", self.runtime_dir] if self.runtime_dir else []
        self.process = self.host.spawn([binary_folder() / "holdfastd", "--config", self.config_path,
                                        "--log-level", log_level, *arguments], environment=environment)
        if wait:
            wait_until(lambda: self.status() or not self.process.running, 10, "holdfastd answers `holdfast status`")
            if not self.process.running:
                raise Failure(f"holdfastd ended at once with status {self.process.wait()}:\n{self.process.log}")
        return self

    def stop(self):
        return self.process.stop()

    def cli(self, *arguments, timeout=30):
        """Runs `holdfast ARGUMENTS`; gives the CompletedProcess."""
        options = ["--runtime-dir", self.runtime_dir] if self.runtime_dir else []
        return self.host.run([binary_folder() / "holdfast", *arguments, *options], check=False, timeout=timeout)

    def status(self):
        """`holdfast status --json` as a dictionary, or None while the daemon does not answer."""
        done = self.cli("status", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def instance(self, name=None):
        """The status of one instance (the first by default); an empty dictionary while there is no answer."""
        for instance in (self.status() or {}).get("instances", []):
            if name in (None, instance["name"]):
                return instance
        return {}

    def check(self, name):
        for check in (self.status() or {}).get("checks", []):
            if check["name"] == name:
                return check
        return {}

    def waits_for_state(self, state, timeout, name=None):
        wait_until(lambda: self.instance(name).get("state") == state, timeout,
                   f"{self.host.name}: instance {name or ''} is {state}")

    def parent(self):
        return self.process.pid

    def vrrp_child(self):
        """Lab-side id of the VRRP child, None when there is none."""
        return next(iter(self._children_named("holdfast-vrrp")), None)

    def checker_child(self):
        return next(iter(self._children_named("holdfast-checker")), None)

    def _children_named(self, program):
        return [pid for pid in self.host.pids(program) if parent_of(pid) == self.process.pid]

    def notifications(self, timeout=0.0):
        """The datagrams that came on the notify socket until now (at least for `timeout` seconds), in order."""
        self.notify_socket.settimeout(0.05)
        deadline = time.monotonic() + timeout
        heard = []
        while True:
            try:
                heard.append(self.notify_socket.recv(65536).decode())
            except TimeoutError:
                if time.monotonic() >= deadline:
                    return heard


def process_status(pid):
    """/proc/PID/status as a dictionary."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def cpu_seconds(pid):
    """CPU time of the process until now, that of its threads included."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def parent_of(pid):
    try:
        return int(process_status(pid)["PPid"])
    except FileNotFoundError:
        return None
