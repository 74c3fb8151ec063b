#!/usr/bin/python3
"""http checks of a real nginx: certificates good and bad, HTTP/2, unix sockets and the PROXY protocol."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import main, wait_until
from lab.certificates import Authority
from lab.checked import becomes, checked, retry
from lab.tutorial import machine

NAME = "www.example.net"
NGINX = """
user www-data;
pid /run/nginx.pid;
events { worker_connections 64; }
http {
  access_log off;
  default_type text/plain;
  ssl_certificate /etc/nginx/default.pem;
  ssl_certificate_key /etc/nginx/default.key;
  server { listen 443 ssl default_server; return 200 "the default"; }
  server {
    listen 443 ssl;
    server_name www.example.net;
    ssl_certificate /etc/nginx/named.pem;
    ssl_certificate_key /etc/nginx/named.key;
    return 200 "$ssl_server_name as $http_host";
  }
  server { listen 444 ssl http2; listen 81 http2; return 200 "$server_protocol"; }
  server { listen 82 proxy_protocol; return 200 "$proxy_protocol_addr"; }
  server { listen unix:/run/app.sock; return 200 "$http_host"; }
}
"""


def https(*lines, url="https://127.0.0.1/"):
    own = ["type: http", f"url: {url}", "interval: 300ms", "tls_ca: /etc/ca.pem", *lines]
    return "".join(f"  {line}\n" for line in own)


class Site:
    """nginx and the daemon, whose check is up: it asks for www.example.net."""

    def __init__(self, lab, check):
        self.machine = machine(lab, 1, checked(check)(100), nginx=False)
        self.host, self.holdfast = self.machine.host, self.machine.holdfast
        self.authority = Authority()
        self.host.write("/etc/ca.pem", self.authority.own[0])
        self.host.write("/etc/nginx/nginx.conf", NGINX)
        self.present("default", self.authority.issue("default.example.net"))
        self.present("named", self.authority.issue(NAME))
        self.machine.nginx.start()
        self.holdfast.start()

    def present(self, which, pair):
        for suffix, text in zip(("pem", "key"), pair):
            self.host.write(f"/etc/nginx/{which}.{suffix}", text)

    def now_presents(self, which, pair):
        self.present(which, pair)
        self.host.run(["nginx", "-s", "reload"])

    def ask(self, check):
        retry(self.holdfast, checked(check)(100))


def test_certificates(lab):
    ask = https(f"host: {NAME}")
    site = Site(lab, ask + f"  body: ^{NAME} as {NAME}$\n")  # so the name was sent in TLS as well as in HTTP
    holdfast = site.holdfast
    becomes(holdfast, "up", says="answered 200")
    good = site.authority.issue(NAME)
    stranger = Authority()
    for bad, says in ((site.authority.issue(NAME, days=-1), "certificate has expired"),
                      (site.authority.issue("www.example.org"), f"target host name '{NAME}'"),
                      (stranger.issue(NAME), "unable to get local issuer certificate"),
                      (stranger.own, "self-signed certificate")):
        site.now_presents("named", bad)
        detail = becomes(holdfast, "down", says=says)["detail"]
        assert detail.startswith("its certificate is not accepted: "), detail
        site.now_presents("named", good)
        becomes(holdfast, "up")
    site.ask(ask.replace("  tls_ca: /etc/ca.pem\n", ""))
    becomes(holdfast, "down", says="certificate is not accepted")
    site.ask(ask.replace("tls_ca: /etc/ca.pem", "tls_verify: false"))
    becomes(holdfast, "up")
    site.ask(https(f"host: {NAME}").replace("/etc/ca.pem", "/etc/no-such-file.pem"))
    becomes(holdfast, "down", says="/etc/no-such-file.pem")


def test_a_certificate_that_expires_soon(lab):
    ask = https(f"host: {NAME}")
    site = Site(lab, ask)
    holdfast = site.holdfast
    assert becomes(holdfast, "up")["detail"] == "answered 200"
    site.now_presents("named", site.authority.issue(NAME, days=5))
    becomes(holdfast, "up", says="answered 200, but its certificate expires in 4 days, on 20")
    before = holdfast.check("tried")["runs"]
    wait_until(lambda: holdfast.check("tried")["runs"] >= before + 3, 5, "some more runs")
    lines = [line for line in holdfast.process.lines if "its certificate expires in" in line]
    assert len(lines) == 1, f"once a day, and not with every run: {lines}"
    assert f"https://127.0.0.1/ of {NAME}: its certificate expires in 4 days" in lines[0] and "warning" in lines[0]
    site.ask(ask + "  tls_expiry_warning: 3d\n")
    wait_until(lambda: holdfast.check("tried")["detail"] == "answered 200", 5, "nothing to say of it yet")
    site.ask(ask + "  tls_expiry_warning: 0s\n")
    wait_until(lambda: holdfast.check("tried")["runs"] >= 3, 5, "some runs without looking at the certificate")
    assert holdfast.check("tried")["detail"] == "answered 200"


def test_http2(lab):
    site = Site(lab, https("http2: true", "tls_verify: false", "body: ^HTTP/2.0$", url="https://127.0.0.1:444/")
                .replace("  tls_ca: /etc/ca.pem\n", ""))
    holdfast = site.holdfast
    becomes(holdfast, "up", says="answered 200")
    site.ask("  type: http\n  url: https://127.0.0.1/\n  tls_verify: false\n  http2: true\n  interval: 300ms\n")
    becomes(holdfast, "down", says="wanted HTTP/2")
    site.ask("  type: http\n  url: http://127.0.0.1:81/\n  http2: true\n  body: ^HTTP/2.0$\n  interval: 300ms\n")
    becomes(holdfast, "up", says="answered 200")
    site.ask("  type: http\n  url: http://127.0.0.1:82/\n  http2: true\n  interval: 300ms\n")
    becomes(holdfast, "down")
    site.ask("  type: http\n  url: https://127.0.0.1:444/\n  tls_verify: false\n  body: ^HTTP/1.1$\n  interval: 300ms\n")
    becomes(holdfast, "up", says="answered 200")


def test_unix_socket_and_proxy_protocol(lab):
    ask = "  type: http\n  interval: 300ms\n"
    site = Site(lab, ask + "  url: http://app.example.net/\n  unix_socket: /run/app.sock\n  body: ^app.example.net$\n")
    holdfast = site.holdfast
    becomes(holdfast, "up", says="answered 200")
    site.ask(ask + "  url: http://app.example.net/\n  unix_socket: /run/other.sock\n")
    becomes(holdfast, "down", says="connect to /run/other.sock: No such file or directory")
    site.ask(ask + "  url: http://127.0.0.1:82/\n  proxy_protocol: true\n  body: ^127.0.0.1$\n")
    becomes(holdfast, "up", says="answered 200")
    site.ask(ask + "  url: http://127.0.0.1:82/\n")
    becomes(holdfast, "down")


if __name__ == "__main__":
    main()
