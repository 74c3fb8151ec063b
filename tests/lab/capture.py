"""Adverts in numbers that would be too many for a Recorder: dumpcap writes them down, they are read afterwards."""

import pathlib
import struct
import time

from .lab import Host


class Capture:
    """What a host sees of VRRP over IPv4, from here until stop()."""

    _FILE = "/var/tmp/capture.pcap"

    def __init__(self, host: Host):
        self._host = host
        self._process = host.spawn(["dumpcap", "-q", "-P", "-i", host.interface, "-f", "ip proto 112", "-B", "64",
                                    "-w", self._FILE], "dumpcap")
        path = self._path()
        deadline = time.monotonic() + 10
        while not (path.exists() and path.stat().st_size >= 24) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _path(self):
        return pathlib.Path(self._host.path(self._FILE))

    def stop(self, source):
        """{VRID: [times at which the host with this address sent an advert]}, on the clock of time.monotonic()."""
        time.sleep(0.5)  # dumpcap takes packets in bundles, after up to a quarter of a second, and loses the last one at its end
        self._process.stop()
        monotonic = time.monotonic() - time.time()
        data, sent = self._path().read_bytes(), {}
        wanted = bytes(int(part) for part in source.split("."))
        at = 24
        while at + 16 <= len(data):
            seconds, fraction, size, _ = struct.unpack_from("=IIII", data, at)
            frame = data[at + 16:at + 16 + size]
            at += 16 + size
            if frame[26:30] == wanted:
                sent.setdefault(frame[35], []).append(seconds + fraction / 1e6 + monotonic)
        return sent
