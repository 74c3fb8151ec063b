#!/usr/bin/python3
"""CPU time per advert sent and per advert received: Holdfast and keepalived in turn, in one run.

Two hosts on a bridge, 255 virtual routers each, adverts every 100 ms; one host sends, the other listens. The CPU time of
all processes of the program (/proc/PID/task/*/schedstat) over a window, divided by the adverts that crossed the sender's
interface in it. The kernel's work on veth and bridge is charged to whoever sends, the same for both programs, so the
ratio counts and not the microseconds. HOLDFAST_BIN names the folder with the built programs."""

import argparse
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Holdfast, Keepalived, Lab, wait_until
from lab.lab import isolate

ROUTERS = 255
OURS, THEIRS = "holdfast", "keepalived"
PROGRAMS = {OURS: ("holdfastd", "holdfast-vrrp", "holdfast-checker"), THEIRS: ("keepalived",)}


def our_configuration(priority):
    return "instances:\n" + "".join(
        f"  VI_{vrid}: {{interface: ens33, vrid: {vrid}, priority: {priority}, advert_interval: 100ms, "
        f"addresses: [10.9.{vrid}.1]}}\n" for vrid in range(1, ROUTERS + 1))


def their_configuration(priority):
    return "global_defs {\n vrrp_version 3\n}\n" + "".join(
        f"vrrp_instance VI_{vrid} {{\n state BACKUP\n interface ens33\n virtual_router_id {vrid}\n priority {priority}\n"
        f" advert_int 0.1\n virtual_ipaddress {{\n 10.9.{vrid}.1\n }}\n}}\n" for vrid in range(1, ROUTERS + 1))


def start(program, host, priority):
    if program == OURS:
        Holdfast(host, our_configuration(priority)).start(log_level="notice")
    else:
        Keepalived(host, their_configuration(priority)).start(detailed_log=False)


def cpu_seconds(host, program):
    total = 0
    for name in PROGRAMS[program]:
        for pid in host.pids(name):
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def packets_sent(host):
    with host.network():
        lines = pathlib.Path("/proc/thread-self/net/dev").read_text().splitlines()
    return next(int(line.split(":")[1].split()[9]) for line in lines if line.strip().startswith(host.interface + ":"))


def addresses(host):
    return host.ip("-o", "-4", "addr", "show").count(" 10.9.")


def measure(program, seconds):
    """(microseconds per advert sent, per advert received, share of the due adverts that were sent)."""
    with Lab() as lab:
        sender, listener = lab.host("sender", "10.0.0.1/24"), lab.host("listener", "10.0.0.2/24")
        start(program, sender, 200)
        wait_until(lambda: addresses(sender) == ROUTERS, 30, f"{program}: all virtual routers are active on one host")
        start(program, listener, 100)
        time.sleep(7)  # the announcements that follow a takeover by five seconds are over
        began = time.monotonic()
        before = cpu_seconds(sender, program), cpu_seconds(listener, program), packets_sent(sender)
        time.sleep(seconds)
        after = cpu_seconds(sender, program), cpu_seconds(listener, program), packets_sent(sender)
        took = time.monotonic() - began
        if addresses(sender) != ROUTERS or addresses(listener) != 0:
            sys.exit(f"{program}: an address moved while measuring; the figures would mean nothing")
    adverts = after[2] - before[2]
    return ((after[0] - before[0]) / adverts * 1e6, (after[1] - before[1]) / adverts * 1e6,
            adverts / (took * 10 * ROUTERS))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each program is measured (default 5)")
    parser.add_argument("--seconds", type=float, default=10, help="length of each window (default 10)")
    parser.add_argument("--short", action="store_true", help="one round of three seconds: does it run at all?")
    arguments = parser.parse_args()
    rounds, seconds = (1, 3) if arguments.short else (arguments.rounds, arguments.seconds)
    isolate()
    results = {OURS: [], THEIRS: []}
    print(f"{ROUTERS} virtual routers, adverts every 100 ms, windows of {seconds:g} s")
    print("round  program      us per advert sent  us per advert received  adverts sent of those due")
    for number in range(1, rounds + 1):
        for program in (OURS, THEIRS) if number % 2 else (THEIRS, OURS):
            sent, received, share = measure(program, seconds)
            results[program].append((sent, received))
            print(f"{number:5}  {program:10}  {sent:19.2f}  {received:22.2f}  {share:25.1%}", flush=True)
    medians = {program: [statistics.median(column) for column in zip(*rows)] for program, rows in results.items()}
    print()
    for program, (sent, received) in medians.items():
        print(f"median {program:10}  {sent:18.2f}  {received:22.2f}")
    print("ratio holdfast / keepalived: " + ", ".join(
        f"{what} {ours / theirs:.2f}" for what, ours, theirs in zip(("sent", "received"), medians[OURS], medians[THEIRS])))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
