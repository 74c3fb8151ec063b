"""What a host hears: VRRP adverts as values, captures that tshark can judge, and who answers for an address."""

import ctypes
import ipaddress
import json
import select
import socket
import struct
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

from .craft import checksum

ETH_P_ALL = 3
SO_RCVBUFFORCE, SO_TIMESTAMPNS, SO_ATTACH_FILTER = 33, 35, 26
VRRP = 112
ICMPV6 = 58
NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT = 135, 136
SOLICITED = 0x40


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

    sources: record only packets from these addresses, picked by the kernel."""

    def __init__(self, host, interface=None, sources=()):
        self.frames = []
        with host.network():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        if sources:
            self._pick(sources)
        self._socket.bind((interface or host.interface, ETH_P_ALL))
        self._running = True
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _pick(self, sources):
        program = []
        for source in map(ipaddress.ip_address, sources):
            program.append((0x20, 0, 0, 26 if source.version == 4 else 34))  # load the source, of IPv6 its last word
            program.append((0x15, 0, 1, int(source) & 0xFFFFFFFF))  # equal: take it
            program.append((0x06, 0, 0, 0xFFFF))
        program.append((0x06, 0, 0, 0))
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                                struct.pack("@HP", len(program), ctypes.addressof(code)))

    def _read(self):
        while self._running:
            select.select([self._socket], [], [], 0.1)
            self._drain()

    def _drain(self):
        """Takes in what the kernel has by now, so that no answer depends on how late the thread is."""
        with self._lock:
            to_monotonic = time.monotonic() - time.time()
            while self._running:
                try:
                    frame, ancillary, _, _ = self._socket.recvmsg(65536, 64, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    return
                except OSError:
                    self._running = False  # the host has lost its power
                    return
                seconds, nanoseconds = struct.unpack("@qq", ancillary[0][2])
                self.frames.append((seconds + nanoseconds * 1e-9 + to_monotonic, frame))

    def stop(self):
        self._drain()
        self._running = False
        self._thread.join()
        self._socket.close()

    def adverts(self, source=None, since=0.0):
        self._drain()
        heard = (decode(at, frame) for at, frame in list(self.frames) if at >= since)
        return [advert for advert in heard if advert and source in (None, advert.source)]

    def gratuitous_arps(self, address, since=0.0):
        """Times of gratuitous ARPs for the address."""
        self._drain()
        wanted = socket.inet_aton(address)
        return [at for at, frame in list(self.frames)
                if at >= since and frame[12:14] == b"\x08\x06" and frame[28:32] == wanted == frame[38:42]]

    def neighbour_advertisements(self, address, since=0.0):
        """Times of unsolicited neighbour advertisements for the address."""
        self._drain()
        wanted = socket.inet_pton(socket.AF_INET6, address)
        return [at for at, frame in list(self.frames)
                if at >= since and _advertised(frame) == wanted and not frame[58] & SOLICITED]

    def longest_gap(self, source=None, since=0.0):
        """Seconds between the two neighbouring adverts that lie farthest apart, up to now."""
        times = [advert.at for advert in self.adverts(source, since)] + [time.monotonic()]
        return max((later - earlier for earlier, later in zip(times, times[1:])), default=0.0)

    def write_pcap(self, path):
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for at, frame in list(self.frames):
                out.write(struct.pack("<IIII", int(at), int(at % 1 * 1e6), len(frame), len(frame)) + frame)


def _advertised(frame):
    """The address that a neighbour advertisement is about, None for any other frame."""
    if frame[12:14] != b"\x86\xdd" or frame[20] != ICMPV6 or frame[54] != NEIGHBOUR_ADVERTISEMENT:
        return None
    return frame[62:78]


def _solicitation(address, mac, own):
    """The Ethernet frame in which `own` asks who has the address."""
    if address.version == 4:
        request = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + own.packed + bytes(6) + address.packed
        return b"\xff" * 6 + mac + b"\x08\x06" + request
    group = ipaddress.ip_address("ff02::1:ff00:0").packed[:13] + address.packed[13:]
    message = struct.pack("!BBHI", NEIGHBOUR_SOLICITATION, 0, 0, 0) + address.packed + b"\x01\x01" + mac
    summed = checksum(own.packed + group + struct.pack("!II", len(message), ICMPV6) + message)
    message = message[:2] + struct.pack("!H", summed) + message[4:]
    header = struct.pack("!IHBB", 6 << 28, len(message), ICMPV6, 255) + own.packed + group
    return b"\x33\x33" + group[12:] + mac + b"\x86\xdd" + header + message


def who_answers(host, address, wait=0.2):
    """Asks the network for an address (ARP or neighbour solicitation) and gives the MACs that answer within `wait`
    seconds, as a sorted list of texts: hosts with the same virtual MAC are told apart. The host needs an address of its own in the same family, not a link-local one."""
    address = ipaddress.ip_address(address)
    link = json.loads(host.ip("-j", "addr", "show", "dev", host.interface))[0]
    own = next(ipaddress.ip_address(entry["local"]) for entry in link["addr_info"]
               if entry["scope"] == "global" and entry["family"] == ("inet" if address.version == 4 else "inet6"))
    mac = bytes.fromhex(link["address"].replace(":", ""))
    with host.network():
        asker = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    answered = []
    with asker:
        asker.bind((host.interface, ETH_P_ALL))
        asker.settimeout(0.02)
        asker.send(_solicitation(address, mac, own))
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            try:
                frame = asker.recv(65536)
            except TimeoutError:
                continue
            if frame[:6] != mac:
                continue  # not an answer to us
            is_arp_reply = frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x02"
            if (is_arp_reply and frame[28:32] == address.packed) or _advertised(frame) == address.packed:
                answered.append(frame[22:28].hex(":") if is_arp_reply else frame[80:86].hex(":"))
    return sorted(answered)


def tshark_complaints(recorder, source, message_only_checksum=False):
    """Judges the source's adverts with tshark: (number of adverts, lines about those that are not flawless)."""
    is_ipv6 = ":" in source
    hops, network, group = ("ipv6.hlim", "ipv6", "ff02::12") if is_ipv6 else ("ip.ttl", "ip", "224.0.0.18")
    fields = ["frame.number", hops, f"{network}.dst", "vrrp.checksum.status", "_ws.malformed", "_ws.expert.message"]
    with tempfile.NamedTemporaryFile(suffix=".pcap") as capture:
        recorder.write_pcap(capture.name)
        options = ["-o", "ip.check_checksum:TRUE"]
        if message_only_checksum:
            options += ["-o", "vrrp.v3_checksum_as_in_v2:TRUE"]
        said = subprocess.run(
            ["tshark", "-n", "-r", capture.name, *options, "-Y", f"vrrp && {network}.src == {source}", "-T", "fields",
             "-E", "separator=|", *[word for field in fields for word in ("-e", field)]],
            capture_output=True, text=True, check=True).stdout.splitlines()
    bad = []
    for line in said:
        _, ttl, destination, checksum, malformed, expert = line.split("|", 5)
        if (ttl, destination, checksum, malformed, expert) != ("255", group, "1", "", ""):
            bad.append(line)
    return len(said), bad
