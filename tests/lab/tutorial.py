"""The tutorial's machines: two web servers that share 192.168.16.130, and a visitor."""

from dataclasses import dataclass

from .lab import Host
from .services import Holdfast, Nginx, Visitor

VIP = "192.168.16.130"
VISITOR = "192.168.16.1"
MACHINES = {1: "192.168.16.128", 2: "192.168.16.129", 3: "192.168.16.131"}


def configuration(priority, *, instance="", check="", before_failover="3s"):
    """The contract's example for one of the two; `instance` and `check` are further lines of YAML."""
    return f"""
checks:
  nginx:
    type: process
    pid_file: /run/nginx.pid
    interval: 2s
    restart:
      command: [nginx]
      before_failover: {before_failover}
{indented(check, 4)}
instances:
  VI_1:
    interface: ens33
    vrid: 66
    version: 2
    priority: {priority}
    advert_interval: 1s
    password: "1111"
    addresses: [{VIP}]
    track:
      - {{check: nginx, weight: 2}}
{indented(instance, 4)}
"""


def quick_configuration(priority, *, instance="", checks="", version=3, top="", address=VIP, vrid=66, interval=None):
    """An instance with adverts every 100 ms (1 s in version 2) unless told otherwise, and no check unless given."""
    interval = interval or ("100ms" if version == 3 else "1s")
    return f"""
{top}
{"checks:" if checks else ""}
{indented(checks, 2)}
instances:
  VI_1:
    interface: ens33
    vrid: {vrid}
    version: {version}
    priority: {priority}
    advert_interval: {interval}
    addresses: [{address}]
{indented(instance, 4)}
"""


def indented(text, spaces):
    return "\n".join(" " * spaces + line for line in text.strip("\n").splitlines())


@dataclass
class Machine:
    host: Host
    nginx: Nginx
    holdfast: Holdfast


def visitor(lab):
    return Visitor(lab.host("visitor", f"{VISITOR}/24"))


def machine(lab, number, configured, *, nginx=True):
    """web-1, web-2 or web-3; nginx runs unless told otherwise, holdfastd does not yet."""
    host = lab.host(f"web-{number}", f"{MACHINES[number]}/24")
    server = Nginx(host)
    if nginx:
        server.start()
    return Machine(host, server, Holdfast(host, configured))


def pair(lab, configure=configuration, priorities=(100, 99), **options):
    """web-1 and web-2 with their daemons running."""
    machines = [machine(lab, number, configure(priority, **options)) for number, priority in enumerate(priorities, 1)]
    for one in machines:
        one.holdfast.start()
    return machines
