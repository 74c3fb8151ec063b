#!/usr/bin/python3
"""How long nobody gets a page when every process of nginx is killed: Holdfast and keepalived in turn, in one run.

Two hosts on a bridge, each with a real nginx, and a client that opens a new connection each millisecond. On the active
host all processes of nginx get SIGKILL; the time runs from there to the first whole page from the other host. What
varies is who watches and how:

  holdfast        a `process` check with `before_failover: 0s`
  to keepalived   the same, with a keepalived as the only backup
  tutorial        keepalived as the tutorial sets it up: a script every 2 s that greps, and stops keepalived
  at its best     keepalived with a tracked file whose weight is a fault; this program writes it at the moment of the kill,
                  so that noticing costs it nothing

HOLDFAST_BIN names the folder with the built programs."""

import argparse
import os
import pathlib
import selectors
import signal
import socket
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Holdfast, Keepalived, Lab, Nginx, Visitor, wait_until
from lab.lab import isolate
from lab.services import TUTORIAL_CHECK, TUTORIAL_SCRIPT, keepalived_instance

VIP = "192.168.16.130"
PATIENCE = 15  # seconds until a page has to come

TOLD = """
global_defs {{ vrrp_version 3 }}
track_file nginx_is_down {{
    file "/run/nginx_is_down"
    weight -254
}}
"""


def our_configuration(priority, interval):
    return f"""
checks:
  nginx: {{type: process, pid_file: /run/nginx.pid, restart: {{command: [/bin/true], before_failover: 0s}}}}
instances:
  VI_66: {{interface: ens33, vrid: 66, priority: {priority}, advert_interval: {interval}ms, addresses: [{VIP}],
          track: [nginx]}}
"""


def start_ours(host, priority, interval):
    Holdfast(host, our_configuration(priority, interval)).start(log_level="notice")


def start_tutorial(host, priority, _):
    host.write("/usr/local/src/check_nginx_pid.sh", TUTORIAL_SCRIPT, mode=0o755)
    Keepalived(host, TUTORIAL_CHECK + keepalived_instance(priority=priority, extra="track_script { chk_http_port }")).start(
        detailed_log=False)


def start_told(host, priority, interval):
    host.write("/run/nginx_is_down", "0\n")
    Keepalived(host, TOLD.format() + keepalived_instance(priority=priority, version=3, interval=interval / 1000,
                                                         extra="track_file { nginx_is_down }")).start(
        detailed_log=False)


# name: how the active one is started, and the backup; the advert interval in ms
CASES = {
    "holdfast, 1 s": (start_ours, start_ours, 1000),
    "keepalived at its best, 1 s": (start_told, start_told, 1000),
    "keepalived, tutorial, 1 s": (start_tutorial, start_tutorial, 1000),
    "holdfast to keepalived, 1 s": (start_ours, start_told, 1000),
    "holdfast, 10 ms": (start_ours, start_ours, 10),
    "keepalived at its best, 10 ms": (start_told, start_told, 10),
}
TARGETS = {"holdfast, 1 s": 20, "holdfast, 10 ms": 5, "holdfast to keepalived, 1 s": 1000 * (256 - 99) / 256 + 50}
SHORT = ("holdfast, 1 s", "keepalived at its best, 1 s")


class Client:
    """Opens a connection each millisecond, and takes the first whole page."""

    REQUEST = f"GET / HTTP/1.0\r\nHost: {VIP}\r\n\r\n".encode()

    def __init__(self, host):
        self._host = host

    def first_page(self, wanted, since):
        """Seconds from `since` until the page `wanted` is here."""
        selector = selectors.DefaultSelector()
        with self._host.network():
            next_try = time.monotonic()
            while time.monotonic() - since < PATIENCE:
                if time.monotonic() >= next_try:
                    next_try += 0.001
                    attempt = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
                    attempt.connect_ex((VIP, 80))
                    selector.register(attempt, selectors.EVENT_WRITE, b"")
                for key, events in selector.select(max(0.0, next_try - time.monotonic())):
                    if self._goes_on(selector, key, events, wanted):
                        took = time.monotonic() - since
                        for each in list(selector.get_map().values()):
                            each.fileobj.close()
                        return took
        sys.exit(f"no page from {wanted} within {PATIENCE} s")

    def _goes_on(self, selector, key, events, wanted):
        """Takes the next step with one connection; True when it brought the page."""
        attempt = key.fileobj
        try:
            if events & selectors.EVENT_WRITE:
                attempt.send(self.REQUEST)
                selector.modify(attempt, selectors.EVENT_READ, b"")
                return False
            data = attempt.recv(4096)
        except OSError:  # refused, reset
            data = b""
        if data:
            selector.modify(attempt, selectors.EVENT_READ, key.data + data)
            return False
        selector.unregister(attempt)
        attempt.close()
        return key.data.rstrip().endswith(wanted.encode())


def measure(case):
    """Milliseconds without a page."""
    start_active, start_backup, interval = CASES[case]
    with Lab() as lab:
        visitor = lab.host("visitor", "192.168.16.1/24")
        hosts = [lab.host(f"web-{number}", f"192.168.16.{127 + number}/24") for number in (1, 2)]
        servers = [Nginx(host) for host in hosts]
        for server in servers:
            server.start()
        start_active(hosts[0], 100, interval)
        wait_until(lambda: hosts[0].has(VIP), 20, f"{case}: web-1 has the address")
        start_backup(hosts[1], 99, interval)
        time.sleep(2 + interval / 1000)  # the backup has heard it
        Visitor(visitor).waits_for(VIP, "web-1", 5)
        servers[0].break_()  # nobody brings it back
        victims, told = hosts[0].pids("nginx"), start_active is start_told
        flag = hosts[0].path("/run/nginx_is_down")
        client = Client(visitor)
        began = time.monotonic()
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        if told:
            flag.write_text("1\n")
        return client.first_page("web-2", began) * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each case is measured (default 5)")
    parser.add_argument("--short", action="store_true",
                        help="two rounds of two cases; fails unless ours is at least five times faster")
    arguments = parser.parse_args()
    cases, rounds = (SHORT, 2) if arguments.short else (tuple(CASES), arguments.rounds)
    isolate()
    results = {case: [] for case in cases}
    for number in range(rounds):
        for case in cases if number % 2 == 0 else reversed(cases):
            results[case].append(measure(case))
            print(f"round {number + 1}: {case}: {results[case][-1]:.1f} ms", flush=True)
    print(f"\n{'milliseconds without a page':32} {'median':>9} {'least':>9} {'most':>9} {'at most wanted':>15}")
    for case, times in results.items():
        wanted = f"{TARGETS[case]:.0f}" if case in TARGETS else ""
        print(f"{case:32} {statistics.median(times):9.1f} {min(times):9.1f} {max(times):9.1f} {wanted:>15}")
    for ours, theirs in (("holdfast, 1 s", "keepalived at its best, 1 s"), ("holdfast, 1 s", "keepalived, tutorial, 1 s"),
                         ("holdfast, 10 ms", "keepalived at its best, 10 ms")):
        if ours in results and theirs in results:
            ratio = statistics.median(results[ours]) / statistics.median(results[theirs])
            print(f"ratio {ours} / {theirs}: {ratio:.3f}")
    sys.stdout.flush()
    failed = arguments.short and min(results[SHORT[0]]) * 5 > min(results[SHORT[1]])
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main()
