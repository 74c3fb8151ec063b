#!/usr/bin/python3
"""Checks of type nginx and process against a real nginx in all its moods: what is a death and what only looks like one."""

import os
import pathlib
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import main, stays, wait_until
from lab.checked import becomes, checked, retry
from lab.services import parent_of
from lab.tutorial import machine

NGINX = """
user www-data;
worker_processes {workers};
pid /run/nginx.pid;
events {{ worker_connections 64; }}
http {{
  access_log off;
  server {{
    listen 80 backlog=2;
    location / {{ default_type text/plain; return {status} "{page}"; }}
    location /numbers {{ stub_status; }}
  }}
}}
"""
CHECK = "  type: nginx\n  interval: 300ms\n  body: ^welcome\n"
PROCESS = "process:\n  type: process\n  pid_file: /run/nginx.pid\n  interval: 100ms\n"


def configure(host, *, page="welcome", status=200, workers=1):
    host.write("/etc/nginx/nginx.conf", NGINX.format(page=page, status=status, workers=workers))


def started(lab, check=CHECK, more=""):
    """web-1 with nginx and a daemon whose check is up."""
    web_1 = machine(lab, 1, checked(check, more=more)(100), nginx=False)
    configure(web_1.host)
    web_1.nginx.start()
    web_1.holdfast.start()
    becomes(web_1.holdfast, "up")
    return web_1


def master(host):
    """Lab-side id of the master: the one whose parent is no nginx."""
    pids = host.pids("nginx")
    return next(pid for pid in pids if parent_of(pid) not in pids)


def workers(host):
    pids = host.pids("nginx")
    return [pid for pid in pids if parent_of(pid) in pids]


def counts(holdfast, name="tried"):
    check = holdfast.check(name)
    return check["failures"], check["since"], check["runs"]


def test_a_page_makes_it_up(lab):
    web_1 = started(lab)
    host, holdfast = web_1.host, web_1.holdfast
    assert holdfast.check("tried")["type"] == "nginx"
    assert holdfast.check("tried")["detail"] == "answered 200"
    for page, status, says in (("maintenance", 200, "there is no '^welcome'"), ("welcome", 503, "answered 503, wanted")):
        configure(host, page=page, status=status)
        host.run(["nginx", "-s", "reload"])
        becomes(holdfast, "down", says=says)
        configure(host)
        host.run(["nginx", "-s", "reload"])
        becomes(holdfast, "up")


def test_reload_is_no_death(lab):
    web_1 = started(lab, more=PROCESS)
    host, holdfast = web_1.host, web_1.holdfast
    becomes(holdfast, "up", name="process")
    before = counts(holdfast), counts(holdfast, "process")
    for _ in range(5):
        old = workers(host)
        host.run(["nginx", "-s", "reload"])
        wait_until(lambda: workers(host) and not set(old) & set(workers(host)), 5, "new workers")
        time.sleep(0.4)
    for (failures, since, runs), now in zip(before, (counts(holdfast), counts(holdfast, "process"))):
        assert now[:2] == (failures, since), f"no bad run in {now[2] - runs}"
        assert now[2] > runs


def test_upgrade_of_the_binary_is_no_death(lab):
    """USR2, then QUIT of the old master; and then it is the new one whose death counts."""
    web_1 = started(lab, check=CHECK.replace("300ms", "100ms"), more=PROCESS)
    host, holdfast = web_1.host, web_1.holdfast
    becomes(holdfast, "up", name="process")
    before = counts(holdfast), counts(holdfast, "process")
    for _ in range(2):
        old = master(host)
        pid_file = host.path("/run/nginx.pid").read_text()
        os.kill(old, signal.SIGUSR2)
        wait_until(lambda: host.path("/run/nginx.pid").exists()
                   and host.path("/run/nginx.pid").read_text() not in ("", pid_file), 5, "the new master's pid file")
        time.sleep(0.3)
        os.kill(old, signal.SIGQUIT)
        wait_until(lambda: not pathlib.Path(f"/proc/{old}").exists(), 5, "the old master is gone")
        time.sleep(0.3)
    for (failures, since, runs), now in zip(before, (counts(holdfast), counts(holdfast, "process"))):
        assert now[:2] == (failures, since), f"no bad run in {now[2] - runs}"
    os.kill(master(host), signal.SIGKILL)
    becomes(holdfast, "down", says="has exited")
    becomes(holdfast, "down", says="has exited", name="process")


def test_death_and_return_are_events(lab):
    """With an hour between runs: the master's death is seen, and a new one looked at, at once. Its workers, which go on
    answering, do not count."""
    web_1 = started(lab, check="  type: nginx\n  interval: 1h\n  timeout: 2s\n")
    host, holdfast = web_1.host, web_1.holdfast
    os.kill(master(host), signal.SIGKILL)
    becomes(holdfast, "down", timeout=3, says="has exited")
    assert host.pids("nginx"), "its worker lives on"
    stays(lambda: holdfast.check("tried")["status"] == "down", 0.5, "what the worker answers does not count")
    web_1.nginx.kill()
    web_1.host.path("/run/nginx.pid").unlink()
    runs = holdfast.check("tried")["runs"]
    web_1.nginx.start()
    becomes(holdfast, "up", timeout=3, says="answered 200")
    assert holdfast.check("tried")["runs"] > runs


def test_a_new_master_without_a_page_is_not_up(lab):
    web_1 = started(lab, check="  type: nginx\n  interval: 1h\n  timeout: 2s\n  body: ^welcome\n")
    web_1.nginx.kill()
    becomes(web_1.holdfast, "down", timeout=3)
    configure(web_1.host, page="wrong")
    web_1.nginx.start()
    becomes(web_1.holdfast, "down", timeout=3, says="there is no '^welcome'")


def test_hung_workers(lab):
    """Every process is there, and nobody answers."""
    web_1 = started(lab, more=PROCESS)
    host, holdfast = web_1.host, web_1.holdfast
    for pid in workers(host):
        os.kill(pid, signal.SIGSTOP)
    becomes(holdfast, "down", says="no answer within 300 ms: GET http://127.0.0.1/")
    assert holdfast.check("process")["status"] == "up", "the processes alone look well"
    for pid in workers(host):
        os.kill(pid, signal.SIGCONT)
    becomes(holdfast, "up")


def test_full_backlog(lab):
    """Nobody accepts, and the queue of those who wait is full: not even a connection comes about."""
    web_1 = started(lab, more="port:\n  type: tcp\n  address: 127.0.0.1:80\n  interval: 300ms\n")
    host, holdfast = web_1.host, web_1.holdfast
    becomes(holdfast, "up", name="port")
    for pid in workers(host):
        os.kill(pid, signal.SIGSTOP)
    with host.network():
        crowd = [socket.socket() for _ in range(8)]
    for one in crowd:
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", 80))
    becomes(holdfast, "down", says="no answer within 300 ms: connecting to 127.0.0.1:80")
    becomes(holdfast, "down", says="no answer within 300 ms: connecting to 127.0.0.1:80", name="port")
    for one in crowd:
        one.close()
    for pid in workers(host):
        os.kill(pid, signal.SIGCONT)
    becomes(holdfast, "up")


def test_stub_status(lab):
    web_1 = started(lab, check=CHECK + "  stub_status: http://127.0.0.1/numbers\n")
    becomes(web_1.holdfast, "up", says="answered 200; 1 connection")
    retry(web_1.holdfast, checked(CHECK + "  stub_status: http://127.0.0.1/\n")(100))
    becomes(web_1.holdfast, "down", says="shows no numbers of connections")


def test_pid_files_that_lie(lab):
    """Stale, replaced, missing: only a file that names a living nginx counts."""
    web_1 = started(lab, more=PROCESS)
    host, holdfast = web_1.host, web_1.holdfast
    real = host.path("/run/nginx.pid").read_text()
    for text, says in (("4194000\n", "is not running"), ("nginx\n", "does not begin with a process id")):
        host.write("/run/nginx.pid", text)
        for name in ("tried", "process"):
            becomes(holdfast, "down", says=says, name=name)
        host.write("/run/nginx.pid", real)
        for name in ("tried", "process"):
            becomes(holdfast, "up", name=name)
    host.path("/run/nginx.pid").unlink()
    for name in ("tried", "process"):
        becomes(holdfast, "down", says="No such file", name=name)
    host.write("/run/new.pid", real)
    host.path("/run/new.pid").rename(host.path("/run/nginx.pid"))
    for name in ("tried", "process"):
        becomes(holdfast, "up", name=name)
    # As after a power cut: the file has stayed, its number is another process's now, and nginx does not run.
    web_1.nginx.kill()
    becomes(holdfast, "down", says="has exited")
    stranger = host.spawn(["sleep", "1000"])
    inside = pathlib.Path(f"/proc/{stranger.pid}/status").read_text().split("NSpid:")[1].splitlines()[0].split()[-1]
    host.write("/run/nginx.pid", f"{inside}\n")
    becomes(holdfast, "down", says="connect to 127.0.0.1:80: Connection refused")


if __name__ == "__main__":
    main()
