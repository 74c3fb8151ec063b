#!/usr/bin/python3
"""tcp and http checks of the other services that such hosts guard: MariaDB, Redis and HAProxy, as Debian packages them."""

import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import main
from lab.checked import becomes, checked, retry
from lab.tutorial import machine


def tcp(port, *lines):
    own = ["type: tcp", f"address: 127.0.0.1:{port}", "interval: 300ms", *lines]
    return "".join(f"  {line}\n" for line in own)


def watched(lab, check):
    """web-1 with the daemon, whose check finds nobody yet."""
    web_1 = machine(lab, 1, checked(check)(100), nginx=False)
    web_1.holdfast.start()
    becomes(web_1.holdfast, "down", says="Connection refused")
    return web_1.host, web_1.holdfast


def hangs_and_dies(holdfast, process, says):
    """Up, down while it hangs, up again, and down once it has died."""
    becomes(holdfast, "up")
    process.signal(signal.SIGSTOP)
    becomes(holdfast, "down", says=says)
    process.signal(signal.SIGCONT)
    process.wake()
    becomes(holdfast, "up")
    process.kill()
    becomes(holdfast, "down")


def test_redis(lab):
    host, holdfast = watched(lab, tcp(6379, 'send: "PING\\r\\n"', 'expect: ^\\+PONG'))
    redis = ["redis-server", "--port", "6379", "--bind", "127.0.0.1", "--save", "", "--dir", "/var/tmp"]
    hangs_and_dies(holdfast, host.spawn(redis), says="connected to 127.0.0.1:6379, but no '^\\+PONG' came")
    host.spawn([*redis, "--requirepass", "secret"])
    becomes(holdfast, "down", says="127.0.0.1:6379 answered '-NOAUTH Authentication required.  ', but not '^\\+PONG'")
    retry(holdfast, checked(tcp(6379, 'send: "AUTH secret\\r\\nINFO replication\\r\\n"', 'expect: "role:master"'))(100))
    becomes(holdfast, "up", says="answered as expected")


def test_mariadb(lab):
    """Its greeting is three bytes of length, a zero, a ten, and its version."""
    host, holdfast = watched(lab, tcp(3306, 'expect: "^[^]{3}\\0\\n[0-9.-]+-MariaDB"'))
    host.run(["mkdir", "-p", "/var/tmp/db"])
    server = host.spawn(["mariadbd", "--no-defaults", "--user=root", "--datadir=/var/tmp/db", "--socket=/run/db.sock",
                         "--bind-address=127.0.0.1", "--skip-grant-tables", "--skip-innodb",
                         "--default-storage-engine=Aria", "--pid-file=/run/db.pid"])
    becomes(holdfast, "up", timeout=30, says="answered as expected")
    retry(holdfast, checked(tcp(3306, r"expect: '^[^]{3}\x00\x0a[0-9.-]+-MariaDB'"))(100))
    becomes(holdfast, "up", says="answered as expected")
    hangs_and_dies(holdfast, server, says="no answer within 300 ms: connected to 127.0.0.1:3306, but no")


HAPROXY = """
global
  stats socket ipv4@127.0.0.1:9999 level user
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend web
  bind 127.0.0.1:8080
  monitor-uri /health
  monitor fail if { nbsrv(app) lt 1 }
  default_backend app
backend app
  server one 127.0.0.1:80 check inter 200ms fall 1 rise 1
"""


def test_haproxy(lab):
    """Its own page, which fails when all its servers have; and its command socket."""
    health = "  type: http\n  url: http://127.0.0.1:8080/health\n  interval: 300ms\n"
    web_1 = machine(lab, 1, checked(health)(100))
    host, holdfast = web_1.host, web_1.holdfast
    holdfast.start()
    becomes(holdfast, "down", says="connect to 127.0.0.1:8080: Connection refused")
    host.write("/etc/haproxy/haproxy.cfg", HAPROXY)
    haproxy = host.spawn(["haproxy", "-db", "-f", "/etc/haproxy/haproxy.cfg"])
    becomes(holdfast, "up", says="answered 200")
    web_1.nginx.kill()
    becomes(holdfast, "down", says="answered 503, wanted 200-399")
    web_1.nginx.start()
    becomes(holdfast, "up")
    command = tcp(9999, 'send: "show info\\n"', 'expect: "\\nStopping: 0\\n"')
    retry(holdfast, checked(command)(100))
    becomes(holdfast, "up", says="answered as expected")
    hangs_and_dies(holdfast, haproxy, says="no answer within 300 ms")


if __name__ == "__main__":
    main()
