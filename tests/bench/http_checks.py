#!/usr/bin/python3
"""A thousand HTTP checks at an interval of one second, on one core: is every answer on time, and what does it cost?

One host with a real nginx and the daemon, whose checker is pinned to one core; nginx has the others, or shares it where
there is only one. Over a window it counts the runs of each check, of which there must be one a second, the failures, and
the highest latency; and the CPU time of the checker (/proc/PID/task/*/schedstat). HOLDFAST_BIN names the folder with the
built programs."""

import argparse
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Holdfast, Lab, Nginx, wait_until
from lab.certificates import Authority
from lab.lab import isolate

NGINX = """
user www-data;
worker_processes 1;
worker_rlimit_nofile 8192;
pid /run/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  server {
    listen 80 backlog=4096;
    listen 443 ssl backlog=4096;
    ssl_certificate /etc/nginx/page.pem;
    ssl_certificate_key /etc/nginx/page.key;
    location / { default_type text/plain; return 200 "welcome\\n"; }
  }
}
"""


def configuration(checks, scheme):
    secure = ", host: www.example.net, tls_ca: /etc/ca.pem" if scheme == "https" else ""
    lines = "".join(f"  page-{n}: {{type: http, url: '{scheme}://127.0.0.1/{n}', interval: 1s, body: ^welcome{secure}}}\n"
                    for n in range(checks))
    return (f"checks:\n{lines}instances:\n"
            f"  VI_1: {{interface: ens33, vrid: 66, addresses: [10.9.0.1], track: [page-0]}}\n")


def cpu_seconds(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def measure(checks, seconds, scheme):
    """(runs missing of those due, failures, highest latency in ms, microseconds of CPU per check, share of a core)"""
    cores = sorted(os.sched_getaffinity(0))
    with Lab() as lab:
        host = lab.host("web-1", "10.0.0.1/24")
        authority = Authority()
        host.write("/etc/ca.pem", authority.own[0])
        for suffix, text in zip(("pem", "key"), authority.issue("www.example.net")):
            host.write(f"/etc/nginx/page.{suffix}", text)
        nginx = Nginx(host)
        host.write("/etc/nginx/nginx.conf", NGINX)
        nginx.start()
        holdfast = Holdfast(host, configuration(checks, scheme)).start(log_level="warning")
        checker = holdfast.checker_child()
        os.sched_setaffinity(checker, cores[:1])
        for pid in host.pids("nginx"):
            os.sched_setaffinity(pid, cores[1:] or cores)
        wait_until(lambda: all(check["status"] == "up" for check in holdfast.status()["checks"]), 30, "all pages answer")
        time.sleep(3)  # the runs have spread over the interval
        before, began, used = holdfast.status()["checks"], time.monotonic(), cpu_seconds(checker)
        worst = 0
        while time.monotonic() - began < seconds:
            time.sleep(1)
            worst = max(worst, *(check["latency_ms"] for check in holdfast.status()["checks"]))
        after, took, used = holdfast.status()["checks"], time.monotonic() - began, cpu_seconds(checker) - used
    runs = [now["runs"] - then["runs"] for then, now in zip(before, after)]
    missing = sum(max(0, int(took) - number) for number in runs)
    failures = sum(now["failures"] - then["failures"] for then, now in zip(before, after))
    return missing, failures, worst, used / sum(runs) * 1e6, used / took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checks", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--seconds", type=float, default=20, help="length of the window (default 20)")
    parser.add_argument("--short", action="store_true", help="a few checks for three seconds: does it run at all?")
    parser.add_argument("--tls", action="store_true", help="over https, with the certificate verified")
    arguments = parser.parse_args()
    isolate()
    scheme = "https" if arguments.tls else "http"
    checks, seconds = (20, 3) if arguments.short else (arguments.checks, arguments.seconds)
    missing, failures, worst, cost, share = measure(checks, seconds, scheme)
    print(f"{checks} {scheme} checks, one run a second each, for {seconds:g} s")
    print(f"late or missing runs    {missing}")
    print(f"failures                {failures}")
    print(f"highest latency seen    {worst:.1f} ms")
    print(f"CPU per check           {cost:.0f} us")
    print(f"the checker's share     {share:.1%} of one core", flush=True)
    os._exit(1 if (missing or failures) and not arguments.short else 0)


if __name__ == "__main__":
    main()
