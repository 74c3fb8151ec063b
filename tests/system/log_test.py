#!/usr/bin/python3
"""Nobody takes the log: neither a pipe that is full nor a journal that does not read delays anything, and what was lost
is counted."""

import fcntl
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Holdfast, Recorder, main, wait_until
from lab.services import binary_folder
from lab.sleeper import Sleeper, gaps, percentile
from lab.tutorial import MACHINES, VIP, quick_configuration

F_SETPIPE_SZ = 1031
PAGE = 4096
WRONG = "".join(f"nonsense_{number}: 1\n" for number in range(200))  # each is told at each reload
LOST = re.compile(rb"log entries lost because nobody took them: (\d+)")


class Pipe:
    """Stderr as a pipe of one page."""

    def __init__(self, host):
        self._reader, self.stderr = os.pipe()
        fcntl.fcntl(self.stderr, F_SETPIPE_SZ, PAGE)
        self.environment = {}

    def read(self):
        ready, _, _ = select.select([self._reader], [], [], 0.2)
        return os.read(self._reader, 65536) if ready else b""


class StalledJournal(Pipe):
    """A journal that has a socket and does not read it; stderr is connected to it as systemd would."""

    def __init__(self, host):
        super().__init__(host)
        folder = host.path("/run/systemd/journal")
        folder.mkdir(parents=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "socket"))
        self._socket.settimeout(0.2)
        stream = os.fstat(self.stderr)
        self.environment = {"JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino}"}

    def read(self):
        try:
            return self._socket.recv(65536)
        except TimeoutError:
            return b""


class Daemon(Holdfast):
    """holdfastd that logs to one of the above."""

    def start_with(self, log):
        self._entry = subprocess.Popen(
            self.host.entry([binary_folder() / "holdfastd", "--config", self.config_path]), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=log.stderr, env={**os.environ, **log.environment})
        wait_until(self.status, 10, "holdfastd answers")
        [self.pid] = self.host.pids("holdfastd")

    def end(self):
        """SIGTERM; gives the exit status."""
        os.kill(self.pid, signal.SIGTERM)
        return self._entry.wait(20)

    def fill_the_log(self):
        """More entries than pipe or socket, and the queue, can hold. What is in force stays."""
        good = self.host.path(self.config_path).read_text()
        self.write(good + WRONG)
        for _ in range(30):
            assert self.cli("reload").returncode == 1
        self.write(good)


def goes_on(lab, kind):
    wire = Recorder(lab.host("watcher", "192.168.16.1/24"))
    one, two = (lab.host(f"web-{number}", f"{MACHINES[number]}/24") for number in (1, 2))
    web_1, web_2 = Daemon(one, quick_configuration(100)), Holdfast(two, quick_configuration(99))
    log = kind(one)
    web_1.start_with(log)
    web_1.waits_for_state("active", 10)
    web_2.start()
    time.sleep(2)  # the announcements and notifications of the start are over
    sleeper, began = Sleeper(0.1), time.monotonic()
    web_1.fill_the_log()
    time.sleep(2)
    ended = time.monotonic()
    woken, heard = sleeper.stop(), wire.adverts(MACHINES[1])
    sent, woken = (gaps(times, began, ended) for times in ([advert.at for advert in heard], woken))
    print(f"       99th percentile and longest gap while nobody takes the log: {percentile(sent, 99) * 1000:.1f} and"
          f" {sent[-1] * 1000:.1f} ms, of a bare sleeper {percentile(woken, 99) * 1000:.1f} and {woken[-1] * 1000:.1f} ms")
    assert percentile(sent, 99) < percentile(woken, 99) + 0.05 and len(sent) > len(woken) / 2
    assert not wire.adverts(MACHINES[2], began), "web-2 does not take over"

    one.cut()
    web_1.waits_for_state("fault", 5)
    wait_until(lambda: two.has(VIP), 5, "failover")
    one.join()
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 10, "and back")
    os.kill(*one.pids("holdfast-vrrp"), signal.SIGKILL)
    wait_until(lambda: web_1.status()["processes"][1]["restarts"] == 1, 5, "a child that dies is replaced")
    web_1.waits_for_state("active", 5)

    heard, deadline = b"", time.monotonic() + 20
    while not LOST.search(heard) and time.monotonic() < deadline:
        heard += log.read()
    lost = LOST.search(heard)
    assert lost and int(lost[1]) > 1000, f"what was lost is told: {heard[-500:]}"
    print(f"       {lost[1].decode()} entries were lost, and told so")

    web_1.fill_the_log()
    assert web_1.end() == 0, "the daemon ends, and cleanly"
    wait_until(lambda: lab.holders(VIP) == ["web-2"], 5, "it handed over")


def test_full_pipe(lab):
    goes_on(lab, Pipe)


def test_stalled_journal(lab):
    goes_on(lab, StalledJournal)


if __name__ == "__main__":
    main()
