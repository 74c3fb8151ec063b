#!/usr/bin/python3
"""A client that asks for the page of addresses all the time: asking.py INTERVAL_MS PATIENCE_MS ADDRESS...

Each request is a connection of its own and lost unless its whole answer, a page, comes within PATIENCE. In the order in
which they were made it prints `ADDRESS gone T` for the first that is lost and `ADDRESS back T` for the next that is
not, T being when it was made (CLOCK_MONOTONIC); `client late FROM TO` for a time in which it was not run itself; at
SIGTERM `ADDRESS asked N lost M`."""

import collections
import select
import signal
import socket
import sys
import time


LATE = 0.07  # seconds of a turn, which waits for 0.05 at most


class Request:
    def __init__(self, address, at, patience):
        self.at, self.until = at, at + patience
        self.good = None  # until it is decided
        self._answer = b""
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                                    socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self.socket.connect((address, 80))
        except BlockingIOError:
            pass
        except OSError:
            self.decide(False)

    def decide(self, good):
        self.good = good
        self.socket.close()

    def on(self, events):
        """Gives what is to be waited for next, None when it is decided."""
        try:
            if events & select.EPOLLOUT:
                self.socket.send(b"GET / HTTP/1.0\r\n\r\n")
                return select.EPOLLIN
            data = self.socket.recv(4096)
            self._answer += data
            if data:
                return select.EPOLLIN
            self.decide(self._answer.startswith(b"HTTP/1.1 200") and self._answer.endswith(b"\n"))
        except BlockingIOError:
            return select.EPOLLIN
        except OSError:
            self.decide(False)
        return None


class Asker:
    """All requests to one address that are not judged yet, in order."""

    def __init__(self, address):
        self.address, self.pending = address, collections.deque()
        self.asked = self.lost = 0
        self._gone = False

    def judge(self, now):
        while self.pending and (self.pending[0].good is not None or self.pending[0].until <= now):
            request = self.pending.popleft()
            if request.good is None:
                request.decide(False)
            self.asked += 1
            self.lost += not request.good
            if self._gone == request.good:
                self._gone = not request.good
                print(self.address, "gone" if self._gone else "back", f"{request.at:.4f}", flush=True)


def main(interval, patience, addresses):
    running = True

    def end(*_):
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, end)
    askers = [Asker(address) for address in addresses]
    poll, waiting = select.epoll(), {}
    due = last = time.monotonic()
    while running or any(asker.pending for asker in askers):
        now = time.monotonic()
        if now - last > LATE:
            print("client late", f"{last:.4f} {now:.4f}", flush=True)
        last = now
        if running and now >= due:
            for asker in askers:
                request = Request(asker.address, now, patience)
                asker.pending.append(request)
                if request.good is None:
                    waiting[request.socket.fileno()] = request
                    poll.register(request.socket, select.EPOLLOUT)
            due = max(due + interval, now - 5 * interval)
        for number, events in poll.poll(max(0.0, min(due, now + 0.05) - time.monotonic()) if running else 0.01):
            request = waiting[number]
            wanted = request.on(events)
            if wanted:
                poll.modify(number, wanted)
            else:
                del waiting[number]
        now = time.monotonic()
        for number in [number for number, request in waiting.items() if request.until <= now]:
            poll.unregister(number)
            waiting.pop(number).decide(False)
        for asker in askers:
            asker.judge(now)
    for asker in askers:
        print(asker.address, "asked", asker.asked, "lost", asker.lost, flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]) / 1000, float(sys.argv[2]) / 1000, sys.argv[3:])
