#!/usr/bin/python3
"""People and programs are told what happens, in order, without anybody waiting for them; addresses of clouds are moved."""

import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import os
import pathlib
import socket
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Injector, main, stays, wait_until
from lab.receivers import Authority, MailServer, Receiver
from lab.services import Keepalived, binary_folder, keepalived_instance, process_status
from lab.tutorial import VIP, indented, machine, quick_configuration, visitor

TOLD = "/run/told"
_WRITE = f'echo "$*|$HOLDFAST_EVENT|$HOLDFAST_FROM|$HOLDFAST_TO" >> {TOLD}'


def script(host, name, text):
    """A shell script on the host; scripts run as an id that belongs to nobody, so what they write to is everybody's."""
    path = f"/usr/local/bin/{name}"
    host.write(path, f"#!/bin/sh\n{text}\n", 0o755)
    if not host.path(TOLD).exists():
        host.write(TOLD, "", 0o666)
    return path


def told(host):
    """What the scripts wrote: the arguments of each call."""
    return [line.split("|")[0] for line in host.path(TOLD).read_text().splitlines()]


def events(host):
    return [line.split("|")[1] for line in host.path(TOLD).read_text().splitlines()]


def with_notify(number, priority, notify, **options):
    """The configuration with this below `notify`."""
    return quick_configuration(priority, top="notify:\n" + indented(notify, 2), **options)


def one(lab, notify, *, number=1, priority=100, **options):
    """web-1 with these targets; its daemon does not run yet."""
    return machine(lab, number, with_notify(number, priority, notify, **options), nginx=False)


def targets(holdfast):
    return {target["name"]: target for target in holdfast.status()["notifications"]}


COMMAND = "commands: [{name: script, command: [/usr/local/bin/notify, extra]}]"


def test_commands_like_keepalived(lab):
    """A script of keepalived's sees what it is used to, on both hosts, through a failover and back."""
    web_1, web_2 = one(lab, COMMAND), one(lab, COMMAND, number=2, priority=99)
    for web in (web_1, web_2):
        script(web.host, "notify", _WRITE + "\nid -u >> /run/told.id; env | sort > /run/told.env")
        for file in ("id", "env"):
            web.host.write(f"/run/told.{file}", "", 0o666)
    web_1.holdfast.start().waits_for_state("active", 10)
    web_2.holdfast.start().waits_for_state("backup", 10)
    begin_1 = ["extra INSTANCE VI_1 BACKUP 100", "extra INSTANCE VI_1 MASTER 100"]
    begin_2 = ["extra INSTANCE VI_1 BACKUP 99"]
    wait_until(lambda: told(web_1.host) == begin_1, 5, f"web-1's script was told: {told(web_1.host)}")
    wait_until(lambda: told(web_2.host) == begin_2, 5, f"web-2's script was told: {told(web_2.host)}")
    environment = web_1.host.path("/run/told.env").read_text()
    for line in ("HOLDFAST_EVENT=active", "HOLDFAST_FROM=backup", "HOLDFAST_TO=active", "HOLDFAST_INSTANCE=VI_1",
                 "HOLDFAST_PRIORITY=100", "HOLDFAST_VRID=66", "HOLDFAST_NODE=web-1", f"HOLDFAST_ADDRESSES={VIP}",
                 "HOLDFAST_INTERFACE=ens33"):
        assert f"{line}\n" in environment, f"{line} is not in {environment}"
    assert "HOLDFAST_REASON=" in environment and "HOLDFAST_TIME=20" in environment
    ids = {line for line in web_1.host.path("/run/told.id").read_text().split()}
    users = {process_status(pid)["Uid"].split()[0]
             for pid in (web_1.holdfast.parent(), web_1.holdfast.vrrp_child(), web_1.holdfast.checker_child())}
    assert len(ids) == 1 and not ids & users, f"scripts run as {ids}, and others as {users}"

    web_1.holdfast.stop()
    assert told(web_1.host) == begin_1 + ["extra INSTANCE VI_1 STOP 100"], "the script has ended before the daemon"
    wait_until(lambda: told(web_2.host) == begin_2 + ["extra INSTANCE VI_1 MASTER 99"], 5, "web-2 took over")
    web_1.holdfast.start().waits_for_state("active", 10)
    wait_until(lambda: told(web_2.host)[-1] == "extra INSTANCE VI_1 BACKUP 99", 5, "web-2 gave way")
    web_1.host.cut()
    wait_until(lambda: told(web_1.host)[-1] == "extra INSTANCE VI_1 FAULT 100", 5, "web-1 has no link")


def test_the_same_as_keepalived(lab):
    """The same script, called by a real keepalived and by Holdfast: start, no link, link, stop."""
    web_1 = one(lab, COMMAND.replace(", extra", ""))
    path = script(web_1.host, "notify", _WRITE)

    def life(stop):
        wait_until(lambda: told(web_1.host)[-1:] == ["INSTANCE VI_1 MASTER 100"], 15, "it is active")
        web_1.host.cut()
        wait_until(lambda: told(web_1.host)[-1] == "INSTANCE VI_1 FAULT 100", 10, "it has no link")
        web_1.host.join()
        wait_until(lambda: told(web_1.host)[-1] == "INSTANCE VI_1 MASTER 100", 15, "it is active again")
        stop()
        wait_until(lambda: told(web_1.host)[-1] == "INSTANCE VI_1 STOP 100", 10, "it stops")
        calls = told(web_1.host)
        web_1.host.write(TOLD, "", 0o666)
        return calls

    configured = keepalived_instance(priority=100, extra=f"notify {path}").replace("VI_66", "VI_1")
    theirs = life(Keepalived(web_1.host, "global_defs { script_user root }" + configured).start().stop)
    web_1.holdfast.start()
    ours = life(web_1.holdfast.stop)
    assert ours == theirs, f"ours: {ours}; keepalived's: {theirs}"
    assert len(ours) >= 5, ours


def test_slow_script_sees_each_state_in_order(lab):
    web_1 = one(lab, COMMAND)
    script(web_1.host, "notify", f"sleep 0.7; {_WRITE}")
    web_1.holdfast.start().waits_for_state("active", 10)
    for _ in range(2):
        web_1.host.cut()
        web_1.holdfast.waits_for_state("fault", 3)
        web_1.host.join()
        web_1.holdfast.waits_for_state("active", 3)
    assert len(told(web_1.host)) < 8, "it is slower than the states"
    states = ["BACKUP", "MASTER"] + ["FAULT", "BACKUP", "MASTER"] * 2
    wait_until(lambda: [line.split()[3] for line in told(web_1.host)] == states, 20, f"each once: {told(web_1.host)}")


def test_nobody_waits_for_a_target(lab):
    """Scripts and moves that hang, a mail server that says nothing, a receiver that never answers."""
    neighbour = visitor(lab).host
    mute = threading.Event()
    Receiver(neighbour, 8080, lambda request: mute.wait(60) and (200, ""))
    notify = f"""
commands: [{{command: [/usr/local/bin/hang], on: [active, backup, fault, stop, check_down]}}]
webhook: {{url: 'http://{neighbour.address}:8080/', on: [active, backup, fault, stop], timeout: 60s}}
email: {{to: [a@b.c], from: d@e.f, server: 'smtp://10.66.66.66', tls: 'off', on: [active, backup, fault, stop]}}
"""
    move = "move: {command: [/usr/local/bin/hang], on: [active, backup, fault, stop]}"
    machines = [one(lab, notify, number=number, priority=priority, instance=move)
                for number, priority in ((1, 100), (2, 99))]
    for web in machines:
        script(web.host, "hang", "exec sleep 300")
        web.holdfast.start()
    web_1, web_2 = machines
    web_1.holdfast.waits_for_state("active", 10)
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 3, "web-1 has the address")
    web_1.holdfast.process.signal(15)
    wait_until(lambda: lab.holders(VIP) == ["web-2"], 3, "web-2 has the address while everything hangs")
    assert web_1.host.run(["pgrep", "-x", "sleep"], check=False).stdout.count("\n") > 1, "the scripts of web-1 still hang"
    assert web_1.holdfast.process.wait(20) == 0, "and don't hold the daemon's end for long"
    web_1.holdfast.start().waits_for_state("active", 10)
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 3, "and home again")
    assert targets(web_2.holdfast)["webhook"]["queued"] > 0
    mute.set()


def mail(host, port, more):
    return f"to: [ops@example.net], from: holdfast@web-1.example.net, server: 'smtp://{host.address}:{port}', {more}"


def test_mail(lab):
    """Plain, STARTTLS, SMTPS, with login; and what must not work does not: it says why."""
    neighbour = visitor(lab).host
    own, other = Authority(neighbour.address), Authority(neighbour.address)
    login = ("robot", "s3cret word")
    servers = {
        "plain": MailServer(neighbour, 2501),
        "starttls": MailServer(neighbour, 2502, authority=own, tls="starttls"),
        "smtps": MailServer(neighbour, 2503, authority=own, tls="smtps"),
        "login": MailServer(neighbour, 2504, authority=own, tls="starttls", login=login),
        "untrusted": MailServer(neighbour, 2505, authority=other, tls="starttls"),
        "picky": MailServer(neighbour, 2506, refuses="gone@example.net"),
    }
    smtps = mail(neighbour, 2503, "ca_file: /etc/ca.pem").replace("smtp://", "smtps://")
    picky = mail(neighbour, 2506, "tls: 'off'").replace("[ops@example.net]", "[gone@example.net, ops@example.net]")
    web_1 = one(lab, f"""
email:
  - {{name: plain, {mail(neighbour, 2501, "tls: 'off'")}}}
  - {{name: starttls, {mail(neighbour, 2502, "ca_file: /etc/ca.pem")}}}
  - {{name: smtps, {smtps}}}
  - {{name: login, {mail(neighbour, 2504, f"ca_file: /etc/ca.pem, login: robot, password_file: /etc/password")}}}
  - {{name: wrong, {mail(neighbour, 2504, f"ca_file: /etc/ca.pem, login: robot, password: guessed")}}}
  - {{name: untrusted, {mail(neighbour, 2505, "ca_file: /etc/ca.pem")}}}
  - {{name: unknown-ca, {mail(neighbour, 2502, "tls: starttls")}}}
  - {{name: stripped, {mail(neighbour, 2501, "tls: starttls")}}}
  - {{name: picky, {picky}}}
""", instance="")
    web_1.host.write("/etc/ca.pem", own.pem)
    web_1.host.write("/etc/password", f"{login[1]}\nanother line\n", 0o600)
    web_1.holdfast.start().waits_for_state("active", 10)
    for name in ("plain", "starttls", "smtps", "login", "picky"):
        wait_until(lambda: servers[name].mails, 10, f"the mail to {name} about the active state")
    for name in ("plain", "starttls", "smtps", "login"):
        done = web_1.holdfast.cli("notify-test", name)
        assert done.returncode == 0 and "delivered" in done.stdout, done
        wait_until(lambda: servers[name].subjects() == ["[web-1] VI_1 is active", "[web-1] test from web-1"], 5,
                   f"both mails to {name}")
        first = servers[name].mails[0]
        assert first.encrypted == (name != "plain"), f"{name}: encrypted is {first.encrypted}"
        assert first["From"] == "Holdfast <holdfast@web-1.example.net>" and first["To"] == "ops@example.net"
        assert first["Date"] and first["Message-ID"] and first.recipients == ["ops@example.net"]
        assert "VI_1: backup -> active" in first.get_content() and VIP in first.get_content()
    assert servers["picky"].mails[0].recipients == ["ops@example.net"]
    assert "refused a recipient" in web_1.holdfast.process.log and "nobody of that name" in web_1.holdfast.process.log
    for name, sentence in (("wrong", "does not accept login and password"), ("untrusted", "certificate"),
                           ("unknown-ca", "ca_file"), ("stripped", "offers no STARTTLS")):
        done = web_1.holdfast.cli("notify-test", name)
        assert done.returncode == 1 and sentence in done.stderr, f"{name}: {done}"
        assert targets(web_1.holdfast)[name]["failed"] > 0
    assert not servers["untrusted"].mails
    assert "guessed" not in web_1.holdfast.process.log + web_1.holdfast.cli("status", "--json").stdout
    for server in servers.values():
        server.stop()


def test_mail_server_is_down_for_a_while(lab):
    """What waits becomes one mail, which comes when the server is back."""
    neighbour = visitor(lab).host
    web_1 = one(lab, "email: {" + mail(neighbour, 2525, "tls: 'off', on: [active, backup, fault, stop]") + "}")
    web_1.holdfast.start().waits_for_state("active", 10)
    web_1.host.cut()
    web_1.holdfast.waits_for_state("fault", 3)
    web_1.host.join()
    web_1.holdfast.waits_for_state("active", 5)
    wait_until(lambda: targets(web_1.holdfast)["email"]["failed"], 10, "the first attempt failed")
    told_of = targets(web_1.holdfast)["email"]
    assert told_of["queued"] == 1 and told_of["sent"] == 0 and told_of["last_error"], told_of
    assert "target email: could not be told" in web_1.holdfast.cli("status").stdout
    assert "target email was not notified" in web_1.holdfast.process.log
    server = MailServer(neighbour, 2525)
    wait_until(lambda: server.mails, 30, "the mail comes")
    assert server.subjects() == ["[web-1] VI_1 is active"]
    assert "VI_1: initialize -> active after" in server.mails[0].get_content(), server.mails[0].get_content()
    wait_until(lambda: targets(web_1.holdfast)["email"]["last_error"] is None, 5, "nothing is wrong any more")
    assert "target email can be notified again" in web_1.holdfast.process.log
    server.stop()


CHECK = """
file:
  type: script
  command: [test, -e, /run/good]
  interval: 100ms
"""


def test_a_problem_and_its_end(lab):
    """One mail for the problem, one for its end, in one thread; UTF-8 in a subject comes out as it went in."""
    neighbour = visitor(lab).host
    server = MailServer(neighbour, 2525)
    web_1 = one(lab, "email: {" + mail(neighbour, 2525, "tls: 'off', on: [check_down]") + "}",
                checks=CHECK.replace("file:", "主机:"), instance="track: [主机]")
    web_1.host.write("/run/good", "")
    web_1.holdfast.start().waits_for_state("active", 10)
    wait_until(lambda: web_1.holdfast.check("主机").get("status") == "up", 5, "the check is up")
    web_1.host.path("/run/good").unlink()
    wait_until(lambda: server.subjects() == ["[web-1] check 主机 is down"], 10, "the problem")
    web_1.host.write("/run/good", "")
    wait_until(lambda: server.subjects()[1:] == ["Re: [web-1] check 主机 is down [over]"], 10, "its end")
    assert server.mails[1]["In-Reply-To"] == server.mails[0]["Message-ID"]
    assert "check 主机: down -> up" in server.mails[1].get_content()
    assert "it had lasted" in server.mails[1].get_content()
    stays(lambda: len(server.mails) == 2, 0.5, "and nothing else")
    server.stop()


def signature(secret, text):
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def test_webhooks(lab):
    """DingTalk, Feishu and GitHub check their signatures; a template puts JSON where it belongs; robots say no with 200."""
    neighbour = visitor(lab).host
    authority = Authority(neighbour.address)
    secret = "SECabc def"

    def dingtalk(request):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
        assert query["access_token"] == ["t"]
        at = query["timestamp"][0]
        fresh = abs(int(at) / 1000 - time.time()) < 3600
        good = fresh and query["sign"] == [signature(secret, f"{at}\n{secret}")]
        return 200, json.dumps({"errcode": 0 if good else 310000, "errmsg": "ok" if good else "sign not match"})

    def feishu(request):
        body = json.loads(request.body)
        at = body["timestamp"]
        good = abs(int(at) - time.time()) < 3600 and body["sign"] == signature(f"{at}\n{secret}", "")
        return 200, json.dumps({"code": 0 if good else 19021, "msg": "success" if good else "sign match fail"})

    def github(request):
        good = request.headers["X-Signature"] == "sha256=" + hmac.new(secret.encode(), request.body, "sha256").hexdigest()
        return (204, "") if good and request.headers["X-Token"] == "abc" else (403, "who are you?")

    ding, fei, git = (Receiver(neighbour, 8081, dingtalk), Receiver(neighbour, 8082, feishu),
                      Receiver(neighbour, 8083, github, authority=authority))
    text_body = """body: '{"msgtype":"text","text":{"content":"{{text}}"}}'"""
    web_1 = one(lab, f"""
webhook:
  - {{name: dingtalk, url: 'http://{neighbour.address}:8081/robot/send?access_token=t', {text_body},
     signature: {{type: dingtalk, secret_file: /etc/secret}}}}
  - {{name: feishu, url: 'http://{neighbour.address}:8082/hook', {text_body}, signature: {{type: feishu, secret_file: /etc/secret}}}}
  - {{name: github, url: 'https://{neighbour.address}:8083/', headers: {{X-Token: abc}}, ca_file: /etc/ca.pem,
     signature: {{type: hmac-sha256, header: X-Signature, secret_file: /etc/secret}}}}
  - {{name: wrong-dingtalk, url: 'http://{neighbour.address}:8081/robot/send?access_token=t', signature: {{type: dingtalk, secret: no}}}}
  - {{name: wrong-feishu, url: 'http://{neighbour.address}:8082/', signature: {{type: feishu, secret: no}}}}
  - {{name: wrong-github, url: 'https://{neighbour.address}:8083/', ca_file: /etc/ca.pem, signature: {{type: hmac-sha256, secret: no}}}}
  - {{name: untrusted, url: 'https://{neighbour.address}:8083/'}}
""")
    web_1.host.write("/etc/secret", secret + "\n", 0o600)
    web_1.host.write("/etc/ca.pem", authority.pem)
    web_1.holdfast.start().waits_for_state("active", 10)
    for name, receiver in (("dingtalk", ding), ("feishu", fei), ("github", git)):
        wait_until(lambda: targets(web_1.holdfast)[name]["sent"], 10, f"{name} took the notification")
        assert web_1.holdfast.cli("notify-test", name).returncode == 0, name
    texts = [json.loads(request.body)["text"] for request in ding.requests + fei.requests + git.requests]
    contents = [text["content"] if isinstance(text, dict) else text for text in texts]
    assert any(content.startswith("VI_1: backup -> active: ") for content in contents), contents
    everything = json.loads(git.requests[0].body)
    assert everything["instance"] == "VI_1" and everything["event"] in ("active", "test")
    assert git.requests[0].headers["Content-Type"].startswith("application/json")
    for name, sentence in (("wrong-dingtalk", "errcode 310000: sign not match"), ("wrong-feishu", "sign match fail"),
                           ("wrong-github", "403: who are you?"), ("untrusted", "ca_file")):
        done = web_1.holdfast.cli("notify-test", name)
        assert done.returncode == 1 and sentence in done.stderr, f"{name}: {done}"
    for receiver in (ding, fei, git):
        receiver.stop()


def test_hostile_receivers(lab):
    """Endless answers, garbage, silence and hanging up: each is a failure with its reason, none takes longer than its time."""
    neighbour = visitor(lab).host

    def listener(port, speak):
        with neighbour.network():
            server = socket.create_server((neighbour.address, port))

        def serve():
            while True:
                connection, _ = server.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

        def talk(connection):
            with contextlib.suppress(OSError), connection:
                speak(connection)

        threading.Thread(target=serve, daemon=True).start()

    def endless(connection, head=b""):
        connection.sendall(head)
        while True:
            connection.sendall(b"220-a" * 4096 + b"\r\n")

    def drip(connection):
        for byte in itertools.cycle(b"HTTP/1.1 200 OK\r\nX-A: a"):
            connection.sendall(bytes([byte]))
            time.sleep(0.1)

    speakers = {"endless": endless, "drip": drip, "silent": lambda connection: time.sleep(60),
                "gone": lambda connection: None, "garbage": lambda connection: connection.sendall(os.urandom(100_000)),
                "body": lambda connection: endless(connection, b"HTTP/1.1 500 no\r\n\r\n")}
    hooks, mails = [], []
    for port, (name, speak) in enumerate(speakers.items(), 9000):
        listener(port, speak)
        hooks.append(f"  - {{name: hook-{name}, timeout: 1s, on: [fault], url: 'http://{neighbour.address}:{port}/'}}")
        mails.append(f"  - {{name: mail-{name}, timeout: 1s, on: [fault], {mail(neighbour, port, 'tls: off')}}}")
    web_1 = one(lab, "webhook:\n" + "\n".join(hooks) + "\nemail:\n" + "\n".join(mails))
    web_1.holdfast.start().waits_for_state("active", 10)
    for name in speakers:
        for target in (f"hook-{name}", f"mail-{name}"):
            done = web_1.holdfast.cli("notify-test", target)
            lab.note(f"{target}: {done.stderr}")
            assert done.returncode == 1 and len(done.stderr) > 20, done
    assert web_1.holdfast.instance()["state"] == "active"
    wait_until(lambda: not web_1.host.pids("holdfast-notify"), 5, "no helper is left")


def test_helper_has_no_privilege(lab):
    """Who talks to the network on behalf of root can do nothing else, and shows its secrets to nobody."""
    neighbour = visitor(lab).host
    go_on = threading.Event()
    receiver = Receiver(neighbour, 8080, lambda request: (200 if go_on.wait(30) else 500, ""))
    web_1 = one(lab, f"webhook: {{url: 'http://{neighbour.address}:8080/', headers: {{X-Token: hidden}}, timeout: 60s}}")
    web_1.holdfast.start()
    wait_until(lambda: receiver.requests, 15, "the helper asks")
    (pid,) = web_1.host.pids("holdfast-notify")
    status = process_status(pid)
    others = {process_status(other)["Uid"].split()[0]
              for other in (web_1.holdfast.parent(), web_1.holdfast.vrrp_child(), web_1.holdfast.checker_child())}
    user = status["Uid"].split()
    assert len(set(user)) == 1 and user[0] not in others | {"0"}, status["Uid"]
    assert status["NoNewPrivs"] == "1" and status["Groups"] == "", status
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, f"{name} is {status[name]}"
    shown = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() + pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    assert b"hidden" not in shown, shown
    go_on.set()
    wait_until(lambda: targets(web_1.holdfast)["webhook"]["sent"] == 1, 5, "done")
    wait_until(lambda: not web_1.host.pids("holdfast-notify"), 5, "and gone")
    receiver.stop()


MOVE = "move: {command: [/usr/local/bin/move], retry: 200ms, on: [active, backup]}"


def test_move_is_repeated_until_it_succeeds(lab):
    """An instance whose address something else moves: no addresses, no warning; failures are told, the latest state wins."""
    plain = quick_configuration(100, instance="move: {command: [/usr/local/bin/move], retry: 200ms}")
    web_1 = machine(lab, 1, plain.replace(f"    addresses: [{VIP}]\n", ""), nginx=False)
    script(web_1.host, "move", f"{_WRITE}\ntest -e /run/api || {{ echo the API does not answer; exit 1; }}")
    assert "warning" not in web_1.holdfast.cli("validate", web_1.holdfast.CONFIG).stderr
    web_1.holdfast.start().waits_for_state("active", 10)
    wait_until(lambda: told(web_1.host)[2:] and set(told(web_1.host)) == {"INSTANCE VI_1 MASTER 100"}, 10, "repeated")
    move = web_1.holdfast.instance()["move"]
    assert move["failed"] >= 2 and "the API does not answer" in move["last_error"], move
    assert "the API does not answer" in web_1.holdfast.cli("status").stdout
    assert "VI_1: move for state active failed: exited with status 1" in web_1.holdfast.process.log
    web_1.host.write("/run/api", "")
    wait_until(lambda: web_1.holdfast.instance()["move"]["state"] == "idle", 5, "moved")
    assert "VI_1: move for state active succeeded at attempt" in web_1.holdfast.process.log
    runs = len(told(web_1.host))
    stays(lambda: len(told(web_1.host)) == runs, 0.6, "and not again")
    assert web_1.holdfast.instance()["move"]["last_error"] is None


def test_move_follows_the_latest_state(lab):
    """While a move for one state fails another comes: only that one counts."""
    web_1 = machine(lab, 1, quick_configuration(100, instance=MOVE), nginx=False)
    script(web_1.host, "move", f'{_WRITE}\n[ "$3" = BACKUP ]')
    web_1.holdfast.start().waits_for_state("active", 10)
    wait_until(lambda: told(web_1.host).count("INSTANCE VI_1 MASTER 100") > 2, 5, "MASTER fails and is repeated")
    injector = Injector(visitor(lab).host)
    for _ in range(10):
        injector.advert("192.168.16.77", priority=200)
        time.sleep(0.02)
    wait_until(lambda: told(web_1.host)[-1].startswith("INSTANCE VI_1 BACKUP"), 5, "then BACKUP")
    wait_until(lambda: told(web_1.host)[-1].startswith("INSTANCE VI_1 MASTER"), 5, "and MASTER once nobody else speaks")


def test_still_active_after_a_conflict(lab):
    """Who won a conflict says so again: a script or an API may have followed the loser meanwhile."""
    web_1 = one(lab, "commands: [{command: [/usr/local/bin/notify], on: [active, conflict, conflict_over]}]",
                instance="move: {command: [/usr/local/bin/notify, move]}")
    script(web_1.host, "notify", _WRITE)
    injector = Injector(visitor(lab).host)
    web_1.holdfast.start().waits_for_state("active", 10)
    wait_until(lambda: len(told(web_1.host)) == 2, 5, "told and moved")
    for _ in range(30):
        injector.advert("192.168.16.77", priority=50)
        time.sleep(0.1)
    assert told(web_1.host)[2:] == ["INSTANCE VI_1 CONFLICT 100"]
    wait_until(lambda: len(told(web_1.host)) == 6, 30, "it is over")
    assert sorted(zip(told(web_1.host)[3:], events(web_1.host)[3:])) == [
        ("INSTANCE VI_1 CONFLICT_OVER 100", "conflict_over"), ("INSTANCE VI_1 MASTER 100", "still_active"),
        ("move INSTANCE VI_1 MASTER 100", "still_active")], events(web_1.host)
    assert web_1.holdfast.instance()["state"] == "active"


def test_notify_test(lab):
    web_1 = one(lab, """
commands: [{name: good, command: [/usr/local/bin/notify]}, {name: bad, command: ["false"]}, {name: absent, command: [/no/such]},
           {name: stranger, command: ["true"], user: no-such-user}]
""")
    script(web_1.host, "notify", _WRITE)
    assert web_1.holdfast.cli("notify-test", "good").returncode == 3
    web_1.holdfast.start().waits_for_state("active", 10)
    wait_until(lambda: len(told(web_1.host)) == 2, 5, "told of both states")
    listed = web_1.holdfast.cli("notify-test")
    assert listed.returncode == 0
    assert listed.stdout.split("\n")[:2] == ["good (command)", "bad (command)"], listed
    good = web_1.holdfast.cli("notify-test", "good")
    assert good.returncode == 0 and good.stdout.startswith("good: delivered in"), good
    assert told(web_1.host)[-1] == "INSTANCE VI_1 MASTER 100" and events(web_1.host)[-1] == "test"
    for name, sentence in (("bad", "exited with status 1"), ("absent", "does not exist"),
                           ("stranger", "there is no user 'no-such-user'"), ("goood", "did you mean `good`?")):
        done = web_1.holdfast.cli("notify-test", name)
        assert done.returncode == 1 and sentence in done.stderr, done
    assert web_1.holdfast.cli("notify-test", "good", "bad").returncode == 2
    as_nobody = web_1.host.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                binary_folder() / "holdfast", "notify-test", "good"], check=False)
    assert as_nobody.returncode == 1 and "only root" in as_nobody.stderr, as_nobody


def test_reload_keeps_what_waits(lab):
    """Another `on`, a new target, one less: what was not delivered yet still comes."""
    neighbour = visitor(lab).host
    base = mail(neighbour, 2525, "tls: 'off'")
    web_1 = one(lab, "email: {" + base + "}")
    web_1.holdfast.start().waits_for_state("active", 10)
    wait_until(lambda: targets(web_1.holdfast)["email"]["failed"], 10, "nobody there")
    server = MailServer(neighbour, 2525)
    web_1.holdfast.write(with_notify(1, 100, "email: {" + base + ", on: [fault]}\ncommands: [{command: ['true']}]"))
    done = web_1.holdfast.cli("reload")
    assert done.returncode == 0 and "target email: on changed" in done.stdout, done
    wait_until(lambda: server.subjects() == ["[web-1] VI_1 is active"], 4, "at once, since it is tried anew")
    assert set(targets(web_1.holdfast)) == {"command-1", "email"}
    server.stop()


if __name__ == "__main__":
    main()
