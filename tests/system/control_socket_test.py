#!/usr/bin/python3
"""The control socket: who may do what, and clients that do everything but behave, while adverts at 100 ms go on and root
still gets an answer."""

import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Recorder, main, wait_until
from lab.services import cpu_seconds, process_status
from lab.sleeper import gaps, percentile
from lab.tutorial import machine, quick_configuration

SOCKET = "/run/holdfast/control.sock"
QUIET, ATTACK = 3, 8  # seconds
STRANGER, READER, ADMIN = 60001, 60002, 60003  # users; the groups have the same numbers
STATUS = '{"command": "status"}\n'

# One hostile client: the attack's name, the path of the socket, and the user.
HOSTILE = """
import os, socket, sys, time
attack, path, uid = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.setgroups([]); os.setgid(uid); os.setuid(uid)
status = b'{"command": "status"}\\n'

def connection(blocking=True):
    client = socket.socket(socket.AF_UNIX)
    client.setblocking(blocking)
    try:
        client.connect(path)
        return client
    except OSError:
        client.close()

def said(client, data):
    try:
        client.sendall(data)
    except OSError:
        pass

while True:
    if attack == "connects":          # and goes at once
        client = connection(False)
        if client: client.close()
    elif attack == "places":          # as many as there are, and says nothing
        held = [client for client in (connection(False) for _ in range(200)) if client]
        time.sleep(0.5)
    elif attack == "slow":            # byte by byte
        client = connection()
        for byte in status * 300:
            if client: said(client, bytes([byte]))
            time.sleep(0.005)
    elif attack == "deaf":            # asks and never reads
        held = [client for client in (connection(False) for _ in range(20)) if client]
        for client in held: said(client, status)
        time.sleep(0.5)
    elif attack == "status":          # one after the other
        client = connection()
        if client:
            said(client, status)
            try:
                while client.recv(65536): pass
            except OSError: pass
            client.close()
    elif attack == "deep":
        client = connection()
        if client: said(client, b"[" * 4000 + b"\\n")
    elif attack == "long":
        client = connection()
        if client: said(client, b"x" * 100000)
"""
ATTACKS = ("connects", "places", "slow", "deaf", "status", "deep", "long")


def add_groups(host):
    """Makes the groups that the daemon and the tests know, on this host only."""
    host.write("/etc/group", pathlib.Path("/etc/group").read_text() + f"holdfast:x:{READER}:\nkeepers:x:{ADMIN}:\n")


def configured(priority):
    return quick_configuration(priority, top="runtime: {admin_group: keepers}")


def members(lab):
    """web-1, which is active, and web-2."""
    both = [machine(lab, number, configured(priority), nginx=False) for number, priority in ((1, 100), (2, 99))]
    for one in both:
        add_groups(one.host)
        one.holdfast.start()
    both[0].holdfast.waits_for_state("active", 15)
    return both


def ask(host, text, uid=0, gid=None, half_close=False):
    """What the daemon answers to a user, as a dictionary; None when it closes without an answer."""
    code = ("import os,socket,sys\n"
            f"os.setgroups([]); os.setgid({uid if gid is None else gid}); os.setuid({uid})\n"
            f"c=socket.socket(socket.AF_UNIX); c.settimeout(20); c.connect({SOCKET!r}); c.sendall({text!r}.encode())\n"
            + ("c.shutdown(socket.SHUT_WR)\n" if half_close else "") +
            "try:\n while d:=c.recv(65536): sys.stdout.write(d.decode())\nexcept ConnectionResetError: pass\n")
    said = host.run(["/usr/bin/python3", "-c", code]).stdout
    return json.loads(said) if said else None


def test_who_may_do_what(lab):
    web_1, web_2 = members(lab)
    host = web_1.host
    changing = ('{"command": "reload"}\n', '{"command": "drain"}\n', '{"command": "resume"}\n',
                '{"command": "notify-test", "target": "none"}\n')
    for request in (STATUS, *changing):
        assert "only root" in ask(host, request, STRANGER)["errors"][0], request
    assert ask(host, STATUS, READER)["ok"], "the group holdfast reads"
    for request in changing:
        assert "only root" in ask(host, request, READER)["errors"][0], "and no more"
    for uid, gid in ((ADMIN, ADMIN), (0, 0)):
        assert ask(host, STATUS, uid, gid)["ok"] and ask(host, changing[0], uid, gid)["ok"]
        drained = ask(host, changing[1], uid, gid)
        assert drained["ok"], drained
        wait_until(lambda: web_2.holdfast.instance()["state"] == "active", 5, "drained")
        assert ask(host, changing[2], uid, gid)["ok"]
        web_1.holdfast.waits_for_state("active", 15)
    assert ask(host, '{"command": "reload"}\n', STRANGER, ADMIN)["ok"], "the group counts, not the user"


def test_the_end_of_a_request(lab):
    """Who says no more after the request, with or without an end of the line, gets the answer."""
    host = members(lab)[0].host
    for text in (STATUS, STATUS.strip()):
        assert ask(host, text, half_close=True)["ok"]
    assert ask(host, "", half_close=True) is None
    assert "one line of JSON" in ask(host, "[" * 4000 + "\n")["errors"][0]
    assert "longer than 4096 bytes" in ask(host, "x" * 5000)["errors"][0]


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid):
    return int(process_status(pid)["VmRSS"].split()[0])


def test_hostile_clients(lab):
    """All of them at once, as a stranger and as a member of the reading group."""
    watcher = lab.host("watcher", "192.168.16.1/24")
    web_1, web_2 = members(lab)
    recorder = Recorder(watcher)
    parent, child = web_1.holdfast.parent(), web_1.holdfast.vrrp_child()
    began, memory, files = time.monotonic(), resident(parent), descriptors(parent)
    time.sleep(QUIET)
    web_1.host.write("/var/hostile.py", HOSTILE)
    used, attacked = cpu_seconds(parent) + cpu_seconds(child), time.monotonic()
    clients = [web_1.host.spawn(["/usr/bin/python3", "/var/hostile.py", attack, SOCKET, uid], f"{attack}-{uid}")
               for attack in ATTACKS for uid in (STRANGER, READER)]
    answered, most_files, most_memory = [], 0, 0
    while time.monotonic() - attacked < ATTACK:
        asked = time.monotonic()
        status = web_1.holdfast.status()
        assert status and status["instances"][0]["state"] == "active", "root is answered"
        answered.append(time.monotonic() - asked)
        most_files, most_memory = max(most_files, descriptors(parent)), max(most_memory, resident(parent))
        time.sleep(0.2)
    ended = time.monotonic()
    used = (cpu_seconds(parent) + cpu_seconds(child) - used) / (ended - attacked)
    assert all(client.running for client in clients), "they go on all the time"
    for client in clients:
        client.kill()
    times = [advert.at for advert in recorder.adverts("192.168.16.128")]
    quiet, attack = gaps(times, began, attacked), gaps(times, attacked, ended)
    print(f"       longest gap: quiet {quiet[-1] * 1000:.1f} ms, attacked {attack[-1] * 1000:.1f} ms; root's status took"
          f" {percentile(sorted(answered), 50) * 1000:.0f} ms, at most {max(answered) * 1000:.0f} ms ({len(answered)} times);"
          f" {used:.0%} of a core; descriptors {files} to {most_files}, memory {memory} to {most_memory} KiB")
    assert percentile(attack, 99) < percentile(quiet, 99) + 0.02, "adverts keep time"
    assert not recorder.adverts("192.168.16.129", attacked), "the peer does not take over"
    assert len(answered) > 3
    assert most_files <= files + 64 + 8 + 4, f"{most_files} descriptors"
    assert most_memory < memory + 16_384, f"{most_memory} KiB"
    wait_until(lambda: descriptors(parent) <= files, 10, "and the places are free again")
    restarts = {process["role"]: process["restarts"] for process in web_1.holdfast.status()["processes"]}
    assert restarts == {"parent": 0, "vrrp": 0, "checker": 0}


if __name__ == "__main__":
    main()
