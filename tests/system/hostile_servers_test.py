#!/usr/bin/python3
"""Servers that misbehave: each makes its own check bad, with a sentence, and disturbs neither another check nor VRRP.
And a checker that is stopped or dies: VRRP goes on as if nothing had happened."""

import os
import pathlib
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Recorder, main, wait_until
from lab.checked import becomes
from lab.services import binary_folder
from lab.tutorial import VIP, machine, quick_configuration, visitor

OWN = "192.168.16.128"
OK = b"HTTP/1.1 200 OK\r\n"


def flood(connection, beginning, again):
    connection.sendall(beginning)
    while True:
        connection.sendall(again)


def drip(connection, beginning, again):
    connection.sendall(beginning)
    while True:
        connection.sendall(again)
        time.sleep(0.05)


# Name: (what it does with a connection whose request it has read, what its check must say)
SERVERS = {
    "slow-headers": (lambda c: drip(c, OK, b"X"), "no answer within"),
    "slow-body": (lambda c: drip(c, OK + b"Content-Length: 100000\r\n\r\nwelcome", b"."), "has not ended after"),
    "endless-body": (lambda c: flood(c, OK + b"\r\nwelcome", b"." * 65536), "the page is longer than 1 MiB"),
    "endless-chunks": (lambda c: flood(c, OK + b"Transfer-Encoding: chunked\r\n\r\n7\r\nwelcome\r\n",
                                       b"10000\r\n" + b"." * 65536 + b"\r\n"), "the page is longer than 1 MiB"),
    "endless-headers": (lambda c: flood(c, OK, b"X-Header: value\r\n" * 1000), "the headers are longer than 64 KiB"),
    "endless-continue": (lambda c: flood(c, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), "the headers are longer"),
    "endless-line": (lambda c: flood(c, OK + b"X-Header: ", b"x" * 65536), ""),
    "garbage": (lambda c: c.sendall(os.urandom(4096)), "does not answer with HTTP"),
    "binary-length": (lambda c: c.sendall(OK + b"Content-Length: -5\r\n\r\nwelcome"), ""),
    "short-body": (lambda c: c.sendall(OK + b"Content-Length: 100\r\n\r\nwelcome"), "remaining to read"),
    "closes": (lambda c: None, "closed the connection without an answer"),
    "silent": (lambda c: time.sleep(3600), "no answer within 1 s: GET http://"),
    "redirects": (lambda c: c.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), "answered 302"),
}
TLS = {"tls-garbage": (lambda c: c.sendall(os.urandom(4096)), "TLS with "),
       "tls-plain": (lambda c: c.sendall(OK + b"\r\nwelcome"), "does it speak TLS?"),
       "tls-silent": (lambda c: time.sleep(3600), "with TLS"),
       "tls-endless": (lambda c: flood(c, b"\x16\x03\x03\x40\x00", b"\x02" * 65536), "TLS")}


def serve(host, port, behave):
    """A server on a host's loopback: a thread for each connection."""
    with host.network():
        listener = socket.create_server(("127.0.0.1", port))

    def attend(connection):
        with connection:
            try:
                connection.recv(65536)
                behave(connection)
            except OSError:
                pass  # it was left alone

    def accept():
        while True:
            threading.Thread(target=attend, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def test_they_disturb_nobody(lab):
    visitor(lab)
    servers = {**SERVERS, **TLS}
    checks = """
good:
  type: http
  url: http://127.0.0.1/
  interval: 100ms
  timeout: 1s
"""
    for port, name in enumerate(servers, 9000):
        scheme = "https" if name in TLS else "http"
        checks += (f"{name}:\n  type: http\n  url: {scheme}://127.0.0.1:{port}/\n  status: [200]\n  body: ^welcome\n"
                   f"  interval: 1s\n")
    checks += "tcp-endless:\n  type: tcp\n  address: 127.0.0.1:9100\n  send: hello\n  expect: ready\n"
    web_1 = machine(lab, 1, quick_configuration(100, checks=checks, instance="track: [{check: good, weight: 20}]"))
    for port, (behave, _) in enumerate(servers.values(), 9000):
        serve(web_1.host, port, behave)
    serve(web_1.host, 9100, lambda c: flood(c, b"", b"not yet" * 1000))
    holdfast = web_1.holdfast.start(log_level="notice")
    recorder = Recorder(lab.hosts[0])
    becomes(holdfast, "up", name="good")
    holdfast.waits_for_state("active", 10)
    for name, (_, says) in servers.items():
        detail = becomes(holdfast, "down", name=name, says=says, timeout=15)["detail"]
        lab.note(f"{name}: {detail}")
        assert len(detail) < 300, detail
    becomes(holdfast, "down", name="tcp-endless", says="answered 'not yetnot yet")

    before, began = holdfast.check("good"), time.monotonic()
    time.sleep(6)
    after, took = holdfast.check("good"), time.monotonic() - began
    runs = after["runs"] - before["runs"]
    print(f"{runs} runs of the good check in {took:.2f} s, with {len(servers) + 1} hostile servers beside it")
    assert runs >= took * 10 * 0.8, f"{runs} runs of a check every 100 ms in {took:.2f} s"
    assert after["failures"] == before["failures"] and after["status"] == "up", after
    gap = recorder.longest_gap(OWN, since=began)
    print(f"longest gap between adverts every 100 ms: {gap * 1000:.0f} ms")
    assert gap < 0.3, f"{gap} s between two adverts"
    restarts = {process["role"]: process["restarts"] for process in holdfast.status()["processes"]}
    assert restarts["checker"] == 0 and restarts["vrrp"] == 0, restarts


def adverts_go_on(lab, harm):
    """Adverts of an active router while harm(holdfast) is done to its checker, and a while after."""
    visitor(lab)
    web_1 = machine(lab, 1, quick_configuration(100, checks="good:\n  type: nginx\n  interval: 200ms\n",
                                                instance="track: [{check: good, weight: 20}]"))
    holdfast = web_1.holdfast.start(log_level="notice")
    becomes(holdfast, "up", name="good")
    holdfast.waits_for_state("active", 10)
    recorder = Recorder(lab.hosts[0])
    time.sleep(0.5)
    harm(holdfast)
    becomes(holdfast, "up", name="good", timeout=10)
    time.sleep(1)
    gap = recorder.longest_gap(OWN)
    print(f"longest gap between adverts every 100 ms: {gap * 1000:.0f} ms")
    assert gap < 0.3, f"{gap} s between two adverts"
    assert holdfast.instance()["state"] == "active"


def test_a_checker_killed_again_and_again(lab):
    def harm(holdfast):
        for _ in range(3):
            old = wait_until(holdfast.checker_child, 10, "there is a checker")
            os.kill(old, signal.SIGKILL)
            wait_until(lambda: holdfast.checker_child() not in (None, old), 10, "the checker is back")

    adverts_go_on(lab, harm)


def test_a_checker_that_is_stopped(lab):
    def harm(holdfast):
        old = holdfast.checker_child()
        os.kill(old, signal.SIGSTOP)
        wait_until(lambda: holdfast.checker_child() not in (None, old), 30, "the checker that hangs is replaced")

    adverts_go_on(lab, harm)


def test_a_checker_that_sends_garbage(lab):
    """A stand-in says that all is well, and then, told by a signal, what is no message: it is killed, each time."""
    visitor(lab)
    web_1 = machine(lab, 1, quick_configuration(100, checks="good:\n  type: nginx\n", instance="track: [good]"))
    ours, programs = binary_folder(), "/usr/local/stand-in"
    web_1.host.run(["mkdir", programs])
    web_1.host.run(["cp", *(ours / program for program in ("holdfastd", "holdfast-vrrp", "holdfast-notify")), programs])
    web_1.host.run(["cp", ours.parent / "tests/fake_child", f"{programs}/holdfast-checker"])
    daemon = web_1.host.spawn([f"{programs}/holdfastd", "--config", "/etc/holdfast/holdfast.yaml"])

    def said(text):
        return daemon.log.count(text)

    wait_until(lambda: said("backup -> active"), 10, "it is active")
    recorder = Recorder(lab.hosts[0])
    for number in range(1, 5):
        wait_until(lambda: said("checker: applied") == number, 10, "the stand-in runs")
        child, = web_1.host.pids("holdfast-checker")
        os.kill(child, signal.SIGUSR1)
        wait_until(lambda: said("check good: ") >= 1, 5, "the stand-in says that all is well")
        os.kill(child, signal.SIGHUP)
        wait_until(lambda: said("it sent a malformed message") == number, 5, "the stand-in is killed")
    gap = recorder.longest_gap(OWN)
    print(f"longest gap between adverts every 100 ms: {gap * 1000:.0f} ms")
    assert gap < 0.3, f"{gap} s between two adverts"
    assert lab.holders(VIP) == ["web-1"]


if __name__ == "__main__":
    main()
