"""The test's side of asking.py: a client on a host that asks all the time, and what it met."""

import pathlib
import time

from .waiting import wait_until


class Client:
    def __init__(self, host, addresses, *, interval_ms=10, patience_ms=500):
        self.addresses, self.patience = list(addresses), patience_ms / 1000
        script = pathlib.Path(__file__).with_name("asking.py")
        self._process = host.spawn(["/usr/bin/python3", script, interval_ms, patience_ms, *addresses], "client")

    def _news(self):
        for line in list(self._process.lines):
            address, what, *rest = line.split()
            if what in ("gone", "back"):
                yield address, what, float(rest[0])

    def outages(self, address):
        """(from, to) of each time without a page, by when requests were made; `to` is None while it lasts."""
        found = []
        for which, what, at in self._news():
            if which != address:
                continue
            if what == "gone":
                found.append((at, None))
            else:
                found[-1] = (found[-1][0], at)
        return found

    def stalls(self):
        """(from, to) of each time in which it was not run, so that what it says of them is not about others."""
        lines = [line.split() for line in list(self._process.lines) if line.startswith("client late ")]
        return [(float(line[2]), float(line[3])) for line in lines]

    def served(self, address):
        """Whether requests are answered, as far as they are judged: the youngest are not."""
        return not any(end is None for _, end in self.outages(address))

    def waits_until_served(self, timeout):
        """Asks after what was asked from now on."""
        time.sleep(self.patience + 0.1)
        wait_until(lambda: all(self.served(address) for address in self.addresses), timeout, "every address is served")

    def stop(self):
        """Gives {address: (requests, lost)}."""
        self._process.stop()
        lines = [line.split() for line in self._process.lines if " asked " in line]
        return {line[0]: (int(line[2]), int(line[4])) for line in lines}
