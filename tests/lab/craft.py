"""VRRP packets of any shape, right or wrong, put on the wire as a neighbour could.

advert() makes a message; Injector sends it from a host with whatever source, TTL and Ethernet address is wanted.
"""

import ctypes
import ipaddress
import os
import socket
import struct

VRRP = 112
GROUP_V4, GROUP_V6 = "224.0.0.18", "ff02::12"
ETHER_V4, ETHER_V6 = b"\x08\x00", b"\x86\xdd"


def checksum(data):
    """The Internet checksum (RFC 1071) of the bytes."""
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo_header(source, destination, size):
    """What RFC 9568 sums before the message over IPv6, and RFC 5798 over IPv4 too."""
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    tail = struct.pack(">BBH", 0, VRRP, size) if source.version == 4 else struct.pack(">IHBB", size, 0, 0, VRRP)
    return source.packed + destination.packed + tail


def group_of(source):
    return GROUP_V4 if ipaddress.ip_address(source).version == 4 else GROUP_V6


def advert(source, *, version=3, vrid=66, priority=50, addresses=("192.168.16.130",), interval=None, password=None,
           form="rfc5798", destination=None, wrong_checksum=False):
    """A VRRP message. interval: centiseconds in version 3 (10 unless given), seconds in version 2 (1 unless given);
    form: how version 3 over IPv4 is summed, rfc5798 or rfc9568."""
    listed = b"".join(ipaddress.ip_address(address).packed for address in addresses)
    if version == 2:
        third = struct.pack(">BB", 1 if password else 0, 1 if interval is None else interval)
        tail = (password or "").encode().ljust(8, b"\0")
    else:
        third = struct.pack(">H", 10 if interval is None else interval)
        tail = b""
    message = struct.pack(">BBBB", version << 4 | 1, vrid, priority, len(addresses)) + third + b"\0\0" + listed + tail
    message_only = version == 2 or (ipaddress.ip_address(source).version == 4 and form == "rfc9568")
    before = b"" if message_only else pseudo_header(source, destination or group_of(source), len(message))
    right = checksum(before + message)
    return message[:6] + struct.pack(">H", right ^ wrong_checksum) + message[8:]


def ip_packet(message, source, *, destination=None, ttl=255, options=b"", protocol=VRRP, fragment=0):
    """An IP packet around the message. options: of IPv4, a multiple of 4 bytes; fragment: IPv4's flags and offset."""
    destination = destination or group_of(source)
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if source.version == 6:
        header = struct.pack(">IHBB", 0x60000000, len(message), protocol, ttl)
        return header + source.packed + destination.packed + message
    size = 20 + len(options)
    header = struct.pack(">BBHHHBBH", 0x40 | size // 4, 0xC0, size + len(message), 1, fragment, ttl, protocol, 0)
    header += source.packed + destination.packed + options
    return header[:10] + struct.pack(">H", checksum(header)) + header[12:] + message


def ether_frame(packet, source_mac, destination_mac=None):
    """The packet as a frame; to the MAC of its multicast group unless told otherwise."""
    v4 = packet[0] >> 4 == 4
    if destination_mac is None:
        destination = packet[16:20] if v4 else packet[24:40]
        destination_mac = (b"\x01\x00\x5e" + bytes([destination[1] & 0x7F]) + destination[2:] if v4
                           else b"\x33\x33" + destination[12:])
    return destination_mac + source_mac + (ETHER_V4 if v4 else ETHER_V6) + packet


class Injector:
    """Sends frames out of a host's interface."""

    def __init__(self, host, interface=None):
        self.host = host
        interface = interface or host.interface
        with host.network():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.bind((interface, 0))
        self.mac = self._socket.getsockname()[4]

    def frame(self, frame):
        self._socket.send(frame)

    def message(self, message, source, *, destination_mac=None, **header):
        """Sends a VRRP message, with the options of ip_packet()."""
        self.frame(ether_frame(ip_packet(message, source, **header), self.mac, destination_mac))

    def advert(self, source, *, ttl=255, **fields):
        """Sends a right advert with the fields of advert()."""
        self.message(advert(source, **fields), source, ttl=ttl, destination=fields.get("destination"))

    def burst(self, frames):
        """A function that sends all the frames in one system call and gives how many left."""
        buffers = [ctypes.create_string_buffer(frame, len(frame)) for frame in frames]
        vectors = (_IoVec * len(frames))(*[_IoVec(ctypes.addressof(buffer), len(buffer)) for buffer in buffers])
        headers = (_MMsgHdr * len(frames))()
        for header, index in zip(headers, range(len(frames))):
            header.iov = ctypes.addressof(vectors) + index * ctypes.sizeof(_IoVec)
            header.iovlen = 1

        def send(_keep=(buffers, vectors)):
            sent = _libc.sendmmsg(self._socket.fileno(), headers, len(frames), 0)
            if sent < 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            return sent

        return send


_libc = ctypes.CDLL(None, use_errno=True)


class _IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class _MMsgHdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32), ("iov", ctypes.c_void_p),
                ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("sent", ctypes.c_uint)]
