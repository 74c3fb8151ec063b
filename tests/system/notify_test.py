#!/usr/bin/python3
"""What the service manager is told over NOTIFY_SOCKET."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import main, wait_until
from lab.tutorial import machine, quick_configuration


def fields(datagrams):
    """(KEY, VALUE) of every line, in order."""
    return [tuple(line.partition("=")[::2]) for text in datagrams for line in text.splitlines() if line]


def test_ready_does_not_wait_for_a_check(lab):
    """nginx may be ordered after us: a check that never succeeds does not delay READY=1."""
    unready = quick_configuration(100, checks="nginx: {type: process, pid_file: /run/nginx.pid, interval: 10s}",
                                  instance="track: [nginx]")
    holdfast = machine(lab, 1, unready, nginx=False).holdfast.start(notify=True)
    heard = fields(holdfast.notifications(timeout=2))
    assert ("READY", "1") in heard, heard
    assert any(key == "STATUS" and " " in value for key, value in heard), f"STATUS is a sentence: {heard}"


def test_states_are_told(lab):
    holdfast = machine(lab, 1, quick_configuration(100)).holdfast.start(notify=True)
    holdfast.waits_for_state("active", 10)
    statuses = [value for key, value in fields(holdfast.notifications(timeout=1)) if key == "STATUS"]
    assert "active" in statuses[-1], statuses


def test_reload_and_stop(lab):
    holdfast = machine(lab, 1, quick_configuration(100)).holdfast.start(notify=True)
    holdfast.waits_for_state("active", 10)
    holdfast.notifications(timeout=0.5)
    holdfast.write(quick_configuration(120))
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert holdfast.cli("reload").returncode == 0
    heard = holdfast.notifications(timeout=1)
    reloading = [text for text in heard if "RELOADING=1" in text.splitlines()]
    assert len(reloading) == 1, heard
    stamp = int(dict(fields(reloading))["MONOTONIC_USEC"])
    assert before <= stamp <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    after = heard[heard.index(reloading[0]) + 1:]
    assert ("READY", "1") in fields(after), heard

    holdfast.write("nonsense")
    assert holdfast.cli("reload").returncode == 1
    heard = holdfast.notifications(timeout=1)
    last = [key for key, _ in fields(heard) if key in ("RELOADING", "READY")]
    assert last == [] or last[-1] == "READY", f"a failed reload ends with READY too: {heard}"

    assert holdfast.stop() == 0
    assert ("STOPPING", "1") in fields(holdfast.notifications())


def test_watchdog(lab):
    """Asked by WATCHDOG_USEC, the daemon says that it is alive, at least twice in the time."""
    holdfast = machine(lab, 1, quick_configuration(100)).holdfast.start(
        notify=True, environment={"WATCHDOG_USEC": "1000000"})
    holdfast.notifications()
    beats = []

    def beat():
        beats.extend(time.monotonic() for key, value in fields(holdfast.notifications()) if key == "WATCHDOG")
        return len(beats) >= 6

    wait_until(beat, 6, "six beats of the watchdog, half a second apart")


if __name__ == "__main__":
    main()
