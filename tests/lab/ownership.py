"""Who had an address when, from the kernels' own notifications: polling would miss what is short."""

import errno
import selectors
import socket
import struct
import threading
import time

_RTM_NEWADDR, _RTM_DELADDR = 20, 21
_GROUPS = 0x10 | 0x100  # RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
_IFA_LOCAL, _IFA_ADDRESS = 2, 1


class Ownership:
    """Records every address that comes and goes on the hosts, from the moment it is made until stop()."""

    def __init__(self, *hosts):
        self.changes = []  # (time, host name, address, whether it is there now)
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        for host in hosts:
            self.watch(host)
        self._running = True
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def watch(self, host):
        """From now on; also a host that has booted again."""
        with host.network():
            news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            news.bind((0, _GROUPS))
        self._selector.register(news, selectors.EVENT_READ, host.name)
        for line in host.ip("-o", "addr").splitlines():
            self.changes.append((time.monotonic(), host.name, line.split()[3].split("/")[0], True))

    def lost_power(self, host):
        """It has no address any more, which no kernel tells."""
        with self._lock:
            for key in [key for key in self._selector.get_map().values() if key.data == host.name]:
                self._selector.unregister(key.fileobj)
                key.fileobj.close()
            for address in {address for _, name, address, _ in self.changes if name == host.name}:
                self.changes.append((time.monotonic(), host.name, address, False))

    def _read(self):
        while self._running:
            self._selector.select(0.1)
            self._drain()

    def _drain(self):
        """Takes in what the kernels have by now, so that no answer depends on how late the thread is."""
        with self._lock:
            for key, _ in self._selector.select(0):
                for data in iter(lambda: _received(key.fileobj), None):
                    self._take(key.data, data)

    def _take(self, host, data):
        at = time.monotonic()
        while len(data) >= 16:
            size, kind = struct.unpack_from("=IH", data)
            if kind in (_RTM_NEWADDR, _RTM_DELADDR):
                self.changes.append((at, host, _address(data[16:size]), kind == _RTM_NEWADDR))
            data = data[(size + 3) & ~3:]

    def stop(self):
        self._running = False
        self._thread.join()

    def periods(self, address):
        """(host name, from, until or None) of each time that a host had the address, by their beginning."""
        self._drain()
        found, holding = [], {}
        for at, host, changed, there in sorted(self.changes, key=lambda change: change[0]):
            if changed != address:
                continue
            if there and host not in holding:
                holding[host] = len(found)
                found.append([host, at, None])
            elif not there and host in holding:
                found[holding.pop(host)][2] = at
        return [tuple(period) for period in found]

    def gained(self, host, address, since=0.0):
        """When the host got the address; None: not since then."""
        return next((begin for name, begin, _ in self.periods(address) if name == host and begin >= since), None)

    def lost(self, host, address, since=0.0):
        """When the host lost the address; None: not since then."""
        return next((end for name, _, end in self.periods(address) if name == host and end and end >= since), None)

    def renewals(self, host, address, since=0.0):
        """How often the host's kernel told of the address since then: that it came, or that its lease was renewed."""
        self._drain()
        return sum(name == host and changed == address and there and at >= since for at, name, changed, there in self.changes)

    def longest_without(self, address, since):
        """Seconds of the longest time in which no host had the address, between `since` and now."""
        longest, covered = 0.0, since
        for _, begin, end in self.periods(address):
            if end is not None and end <= covered:
                continue
            longest = max(longest, begin - covered)
            covered = max(covered, time.monotonic() if end is None else end)
        return max(longest, time.monotonic() - covered)


def _received(news):
    try:
        return news.recv(65536, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError as failure:  # more news than anybody could read, as in a storm: some are lost
        if failure.errno != errno.ENOBUFS:
            raise
        return b""


def _address(message):
    family, attributes = message[0], message[8:]
    found = {}
    while len(attributes) >= 4:
        size, kind = struct.unpack_from("=HH", attributes)
        found[kind] = attributes[4:size]
        attributes = attributes[(size + 3) & ~3:]
    value = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS)
    return socket.inet_ntop(socket.AF_INET if family == socket.AF_INET else socket.AF_INET6, value)
