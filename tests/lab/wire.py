"""What a host hears: VRRP adverts as values, and captures that tshark can judge."""

import ctypes
import socket
import struct
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

ETH_P_ALL = 3
SO_RCVBUFFORCE, SO_TIMESTAMPNS, SO_ATTACH_FILTER = 33, 35, 26
VRRP = 112


@dataclass(frozen=True)
class Advert:
    """One advert as received. at: when, on the clock of time.monotonic(); interval: in seconds; mac: the sender's."""
    at: float
    source: str
    version: int
    vrid: int
    priority: int
    addresses: tuple
    interval: float
    destination: str
    ttl: int
    mac: bytes


def decode(at, frame):
    """The Advert in an Ethernet frame, or None. Trusts the sender: judging packets is tshark's job."""
    if frame[12:14] == b"\x08\x00" and frame[23] == VRRP:
        family, size, ttl = socket.AF_INET, 4, frame[22]
        source, destination = frame[26:30], frame[30:34]
        vrrp = frame[14 + (frame[14] & 15) * 4:]
    elif frame[12:14] == b"\x86\xdd" and frame[20] == VRRP:
        family, size, ttl = socket.AF_INET6, 16, frame[21]
        source, destination = frame[22:38], frame[38:54]
        vrrp = frame[54:]
    else:
        return None
    version = vrrp[0] >> 4
    interval = float(vrrp[5]) if version == 2 else (struct.unpack_from(">H", vrrp, 4)[0] & 0x0FFF) / 100
    addresses = tuple(socket.inet_ntop(family, vrrp[8 + size * i:8 + size * (i + 1)]) for i in range(vrrp[3]))
    return Advert(at, socket.inet_ntop(family, source), version, vrrp[1], vrrp[2], addresses, interval,
                  socket.inet_ntop(family, destination), ttl, frame[6:12])


class Recorder:
    """Records every frame that passes a host's interface, from the moment it is made until stop(). The times are those
    at which the kernel saw the frames, however late this process is.

    sources: record only IPv4 packets from these addresses, picked by the kernel."""

    def __init__(self, host, interface=None, sources=()):
        self.frames = []
        with host.network():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        if sources:
            self._pick(sources)
        self._socket.bind((interface or host.interface, ETH_P_ALL))
        self._socket.settimeout(0.1)
        self._running = True
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _pick(self, sources):
        program = [(0x20, 0, 0, 26)]  # load the source address
        for left, source in zip(range(len(sources), 0, -1), sources):
            program.append((0x15, left, 0, struct.unpack(">I", socket.inet_aton(source))[0]))  # equal: to the end
        program += [(0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF)]
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                                struct.pack("@HP", len(program), ctypes.addressof(code)))

    def _read(self):
        to_monotonic = time.monotonic() - time.time()
        while self._running:
            try:
                frame, ancillary, _, _ = self._socket.recvmsg(65536, 64)
            except TimeoutError:
                to_monotonic = time.monotonic() - time.time()
                continue
            except OSError:
                return  # the host has lost its power
            seconds, nanoseconds = struct.unpack("@qq", ancillary[0][2])
            self.frames.append((seconds + nanoseconds * 1e-9 + to_monotonic, frame))

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
