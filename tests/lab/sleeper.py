"""A bare real-time process beside the tested ones: how well anybody can keep time on this machine at the moment."""

import subprocess

from .services import binary_folder


class Sleeper:
    """Wakes every `interval` seconds until stop()."""

    def __init__(self, interval):
        program = binary_folder().parent / "tests/sleeper"
        self._process = subprocess.Popen([program, str(int(interval * 1e6))], stdout=subprocess.PIPE, text=True)

    def stop(self):
        """The times at which it woke, on the clock of time.monotonic()."""
        self._process.terminate()
        return [int(line) / 1e6 for line in self._process.communicate()[0].split()]


def gaps(times, since, until):
    """The gaps between neighbouring times, sorted, in seconds. The ends of the window count as times, so that silence
    there is a gap as well."""
    within = [since, *(at for at in times if since < at < until), until]
    return sorted(later - earlier for earlier, later in zip(within, within[1:]))


def percentile(values, percent):
    """Of sorted values, at least one."""
    return values[min(int(len(values) * percent / 100), len(values) - 1)]
