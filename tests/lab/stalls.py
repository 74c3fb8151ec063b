"""When this machine did not run what it should have: a virtual machine's cores are taken away at times, each by itself."""

import os
import sys
import time

STALL = 0.02  # seconds by which a sleeper must be late


class Stalls:
    """One ordinary process on each core, which sleeps all the time and tells when it woke too late."""

    def __init__(self, host):
        self._processes = [host.spawn(["/usr/bin/python3", __file__, core], f"core-{core}")
                           for core in sorted(os.sched_getaffinity(0))]

    def between(self, begin, end, more=()):
        """(from, to) of times within these in which some core, or what `more` tells of, stood still; in order, apart."""
        found = [tuple(map(float, line.split())) for process in self._processes for line in list(process.lines)]
        cut = sorted((max(a, begin), min(b, end)) for a, b in [*found, *more] if a < end and b > begin)
        merged = []
        for a, b in cut:
            if merged and a <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
            else:
                merged.append((a, b))
        return merged


def _sleep_on(core):
    os.sched_setaffinity(0, {core})
    while True:
        due = time.monotonic() + 0.01
        time.sleep(0.01)
        now = time.monotonic()
        if now - due > STALL:
            print(due, now, flush=True)


if __name__ == "__main__":
    _sleep_on(int(sys.argv[1]))
