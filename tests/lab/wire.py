"""What a host hears: VRRP adverts as values, and captures that tshark can judge."""

import socket
import struct
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

ETH_P_ALL = 3
VRRP = 112


@dataclass(frozen=True)
class Advert:
    """One advert as received. at: time.monotonic() of the capture."""
    at: float
    source: str
    version: int
    vrid: int
    priority: int
    addresses: tuple


def decode(at, frame):
    """The Advert in an Ethernet frame, or None. Trusts the sender: judging packets is tshark's job."""
    if frame[12:14] != b"\x08\x00" or frame[23] != VRRP:
        return None
    header = (frame[14] & 15) * 4
    vrrp = frame[14 + header:]
    addresses = tuple(socket.inet_ntoa(vrrp[8 + 4 * i:12 + 4 * i]) for i in range(vrrp[3]))
    return Advert(at, socket.inet_ntoa(frame[26:30]), vrrp[0] >> 4, vrrp[1], vrrp[2], addresses)


class Recorder:
    """Records every frame that reaches a host's interface, from the moment it is made until stop()."""

    def __init__(self, host):
        self.frames = []
        with host.network():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind((host.interface, ETH_P_ALL))
        self._socket.settimeout(0.1)
        self._running = True
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while self._running:
            try:
                frame = self._socket.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return  # the host has lost its power
            self.frames.append((time.monotonic(), frame))

    def stop(self):
        self._running = False
        self._thread.join()
        self._socket.close()

    def adverts(self, source=None, since=0.0):
        heard = (decode(at, frame) for at, frame in list(self.frames) if at >= since)
        return [advert for advert in heard if advert and source in (None, advert.source)]

    def gratuitous_arps(self, address, since=0.0):
        """Times of gratuitous ARPs for the address."""
        wanted = socket.inet_aton(address)
        return [at for at, frame in list(self.frames)
                if at >= since and frame[12:14] == b"\x08\x06" and frame[28:32] == wanted == frame[38:42]]

    def longest_gap(self, source=None, since=0.0):
        """Seconds between the two neighbouring adverts that lie farthest apart, up to now."""
        times = [advert.at for advert in self.adverts(source, since)] + [time.monotonic()]
        return max((later - earlier for earlier, later in zip(times, times[1:])), default=0.0)

    def write_pcap(self, path):
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for at, frame in list(self.frames):
                out.write(struct.pack("<IIII", int(at), int(at % 1 * 1e6), len(frame), len(frame)) + frame)


def tshark_complaints(recorder, source, message_only_checksum=False):
    """Judges the source's adverts with tshark: (number of adverts, lines about those that are not flawless)."""
    fields = ["frame.number", "ip.ttl", "ip.dst", "vrrp.checksum.status", "_ws.malformed", "_ws.expert.message"]
    with tempfile.NamedTemporaryFile(suffix=".pcap") as capture:
        recorder.write_pcap(capture.name)
        options = ["-o", "ip.check_checksum:TRUE"]
        if message_only_checksum:
            options += ["-o", "vrrp.v3_checksum_as_in_v2:TRUE"]
        said = subprocess.run(
            ["tshark", "-n", "-r", capture.name, *options, "-Y", f"vrrp && ip.src == {source}", "-T", "fields",
             "-E", "separator=|", *[word for field in fields for word in ("-e", field)]],
            capture_output=True, text=True, check=True).stdout.splitlines()
    bad = []
    for line in said:
        _, ttl, destination, checksum, malformed, expert = line.split("|", 5)
        if (ttl, destination, checksum, malformed, expert) != ("255", "224.0.0.18", "1", "", ""):
            bad.append(line)
    return len(said), bad
