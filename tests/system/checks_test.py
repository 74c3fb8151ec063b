#!/usr/bin/python3
"""Checks of every type against the real thing, and what they do to an instance."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Recorder, main, stays, wait_until
from lab.checked import becomes, checked
from lab.tutorial import VIP, machine, pair, quick_configuration, visitor


SCRIPT = """
  type: script
  command: [/usr/local/bin/tried]
  interval: 300ms
"""


def test_script(lab):
    web_1 = machine(lab, 1, checked(SCRIPT)(100), nginx=False)
    host, holdfast = web_1.host, web_1.holdfast
    holdfast.start()
    missing = becomes(holdfast, "down")
    assert "/usr/local/bin/tried" in missing["detail"] or "No such file" in missing["detail"], missing
    for text, mode, status in (("#!/bin/sh\nexit 0\n", 0o755, "up"),
                               ("#!/bin/sh\nexit 1\n", 0o755, "down"),
                               ("#!/bin/sh\nexit 0\n", 0o755, "up"),
                               ("#!/bin/sh\nexit 0\n", 0o644, "down"),
                               ("#!/bin/sh\nexit 0\n", 0o755, "up"),
                               ("#!/bin/sh\nsleep 600\n", 0o755, "down"),
                               ("#!/bin/sh\nexit 0\n", 0o755, "up"),
                               ("#!/no/such/interpreter\n", 0o755, "down"),
                               ("#!/bin/sh\nexit 0\n", 0o755, "up"),
                               ("#!/bin/sh\nkill -SEGV $$\n", 0o755, "down")):
        lab.note(f"script: {text!r} {mode:o}")
        host.write("/usr/local/bin/tried", text, mode)
        detail = becomes(holdfast, status)["detail"]
        lab.note(f"detail: {detail}")
        assert detail
        wanted = 120 if status == "up" else 100
        wait_until(lambda: holdfast.instance()["priority"]["effective"] == wanted, 3, f"priority {wanted}")


def test_hanging_script_leaves_nothing_behind(lab):
    """What times out is killed with its children, so nothing piles up."""
    web_1 = machine(lab, 1, checked(SCRIPT)(100), nginx=False)
    web_1.host.write("/usr/local/bin/tried", "#!/bin/sh\nsleep 599 &\nsleep 600\n", 0o755)
    web_1.holdfast.start()
    becomes(web_1.holdfast, "down")
    time.sleep(3)  # several runs
    wait_until(lambda: len(web_1.host.pids("sleep")) <= 3, 5, "only init's, and the two of the run under way")


def test_a_check_that_flaps_is_held_down(lab):
    """Each fall moves the address; after a few of them the check has to stay down for a while, and says so."""
    web_1 = machine(lab, 1, checked(SCRIPT.replace("300ms", "50ms"))(100), nginx=False)
    host, holdfast = web_1.host, web_1.holdfast
    holdfast.start()
    for _ in range(5):
        host.write("/usr/local/bin/tried", "#!/bin/sh\nexit 0\n", 0o755)
        becomes(holdfast, "up")
        host.write("/usr/local/bin/tried", "#!/bin/sh\nexit 1\n", 0o755)
        becomes(holdfast, "down")
    host.write("/usr/local/bin/tried", "#!/bin/sh\nexit 0\n", 0o755)
    held = wait_until(lambda: (check := holdfast.check("tried"))["held_down_until"] and "but it went down 5 times"
                      in check["detail"] and check, 5, "it is good, but held down")
    assert held["status"] == "down", held
    assert "held down for another" in holdfast.cli("status").stdout
    assert holdfast.instance()["priority"]["effective"] == 100
    becomes(holdfast, "up", timeout=15)
    assert holdfast.check("tried")["held_down_until"] is None


def test_script_runs_as_its_user(lab):
    web_1 = machine(lab, 1, checked(SCRIPT + "  user: www-data\n")(100), nginx=False)
    web_1.host.write("/usr/local/bin/tried", "#!/bin/sh\n[ $(id -un) = www-data ] && ! [ -r /etc/shadow ]\n", 0o755)
    web_1.holdfast.start()
    becomes(web_1.holdfast, "up")


def test_process_by_pid_file(lab):
    """The death of nginx is an event: a check every ten seconds sees it at once."""
    web_1 = machine(lab, 1, checked("  type: process\n  pid_file: /run/nginx.pid\n  interval: 10s\n")(100))
    web_1.holdfast.start()
    becomes(web_1.holdfast, "up")
    web_1.nginx.kill()
    assert "nginx.pid" in becomes(web_1.holdfast, "down", timeout=3)["detail"]
    web_1.nginx.start()
    becomes(web_1.holdfast, "up", timeout=15)


def test_process_by_name(lab):
    web_1 = machine(lab, 1, checked("  type: process\n  name: nginx\n  interval: 300ms\n")(100))
    web_1.holdfast.start()
    becomes(web_1.holdfast, "up")
    web_1.nginx.kill()
    becomes(web_1.holdfast, "down")
    web_1.nginx.start()
    becomes(web_1.holdfast, "up")


def test_tcp(lab):
    web_1 = machine(lab, 1, checked("  type: tcp\n  address: 127.0.0.1:80\n  interval: 300ms\n")(100))
    web_1.holdfast.start()
    becomes(web_1.holdfast, "up")
    web_1.nginx.kill()
    becomes(web_1.holdfast, "down")
    web_1.nginx.start()
    becomes(web_1.holdfast, "up")


def test_tcp_conversation(lab):
    talk = """
  type: tcp
  address: 127.0.0.1:80
  interval: 300ms
  send: "GET / HTTP/1.0\\r\\n\\r\\n"
  expect: {}
"""
    web_1 = machine(lab, 1, checked(talk.format("web-1"))(100))
    web_1.holdfast.start()
    becomes(web_1.holdfast, "up")
    web_1.holdfast.write(checked(talk.format("web-2"))(100))
    assert web_1.holdfast.cli("reload").returncode == 0
    becomes(web_1.holdfast, "down")


def test_http(lab):
    ask = "  type: http\n  url: http://127.0.0.1/\n  interval: 300ms\n"
    web_1 = machine(lab, 1, checked(ask + "  body: ^web-1\n")(100))
    holdfast = web_1.holdfast.start()
    becomes(holdfast, "up")
    for other, word in (("  body: ^web-2\n", ""), ("  status: [404]\n", "200")):
        holdfast.write(checked(ask + other)(100))
        assert holdfast.cli("reload").returncode == 0
        assert word in becomes(holdfast, "down")["detail"]
        holdfast.write(checked(ask)(100))
        assert holdfast.cli("reload").returncode == 0
        becomes(holdfast, "up")
    web_1.nginx.kill()
    becomes(holdfast, "down")


def test_file(lab):
    """The maintenance switch: with an interval of an hour only events can tell."""
    ask = "  type: file\n  path: /etc/holdfast/off/switch\n  invert: true\n  interval: 1h\n"
    web_1 = machine(lab, 1, checked(ask)(100), nginx=False)
    host, holdfast = web_1.host, web_1.holdfast
    holdfast.start()
    becomes(holdfast, "up", says="nor is its directory")
    for _ in range(2):
        host.write("/etc/holdfast/off/switch", "the disk is replaced\n")
        becomes(holdfast, "down", says="/etc/holdfast/off/switch is there")
        wait_until(lambda: holdfast.instance()["priority"]["effective"] == 100, 3, "priority 100")
        host.path("/etc/holdfast/off/switch").unlink()
        becomes(holdfast, "up", says="/etc/holdfast/off/switch is not there")
    host.run(["rm", "-r", "/etc/holdfast/off"])
    host.run(["mkdir", "-m", "700", "/etc/holdfast/off"])  # root alone may look into it
    becomes(holdfast, "down", says="cannot tell whether /etc/holdfast/off/switch is there: Permission denied")


PROCESS = "  type: process\n  pid_file: /run/nginx.pid\n  interval: 300ms\n"


def test_demote_moves_the_address_and_brings_it_home(lab):
    browser = visitor(lab)
    web_1, web_2 = pair(lab, checked(PROCESS, track="tried"))
    browser.waits_for(VIP, "web-1", 10)
    web_1.nginx.kill()
    browser.waits_for(VIP, "web-2", 5)
    instance = web_1.holdfast.instance()
    assert instance["state"] == "backup" and instance["priority"]["effective"] == 1, instance
    web_1.nginx.start()
    browser.waits_for(VIP, "web-1", 15)


def test_last_one_standing_keeps_the_address(lab):
    """Both are demoted: better a page that may fail than no address."""
    visitor(lab)
    web_1, web_2 = pair(lab, checked(PROCESS, track="tried"))
    web_1.holdfast.waits_for_state("active", 10)
    web_2.nginx.kill()
    wait_until(lambda: web_2.holdfast.instance()["priority"]["effective"] == 1, 5, "web-2 is demoted")
    web_1.nginx.kill()
    wait_until(lambda: web_1.holdfast.instance()["priority"]["effective"] == 1, 5, "web-1 is demoted")
    wait_until(lambda: len(lab.holders(VIP)) == 1, 5, "one of them has the address")
    stays(lambda: len(lab.holders(VIP)) <= 1, 3, "never both")
    wait_until(lambda: len(lab.holders(VIP)) == 1, 1, "one of them has the address")


def test_fault_gives_the_address_up(lab):
    web_1 = machine(lab, 1, checked(PROCESS, track="{check: tried, while_down: fault}")(100))
    recorder = Recorder(visitor(lab).host)
    web_1.holdfast.start()
    web_1.holdfast.waits_for_state("active", 10)
    killed = time.monotonic()
    web_1.nginx.kill()
    web_1.holdfast.waits_for_state("fault", 5)
    wait_until(lambda: lab.holders(VIP) == [], 2, "the address is given up")
    assert 0 in {advert.priority for advert in recorder.adverts(since=killed)}
    assert "tried" in web_1.holdfast.instance()["reason"]
    web_1.nginx.start()
    web_1.holdfast.waits_for_state("active", 15)


def test_negative_weight(lab):
    web_1 = machine(lab, 1, checked(PROCESS, track="{check: tried, weight: -30}")(100))
    web_1.holdfast.start()
    becomes(web_1.holdfast, "up")
    wait_until(lambda: web_1.holdfast.instance()["priority"]["effective"] == 100, 3, "nothing subtracted while up")
    web_1.nginx.kill()
    wait_until(lambda: web_1.holdfast.instance()["priority"]["effective"] == 70, 5, "30 subtracted while down")


def test_rise_and_fall(lab):
    web_1 = machine(lab, 1, checked(SCRIPT.replace("300ms", "500ms") + "  rise: 3\n  fall: 3\n")(100), nginx=False)
    host, holdfast = web_1.host, web_1.holdfast
    host.write("/usr/local/bin/tried", "#!/bin/sh\necho x >> /var/tmp/ran\n[ -e /var/tmp/good ]\n", 0o755)
    holdfast.start()
    becomes(holdfast, "down")

    def runs():
        return len(host.path("/var/tmp/ran").read_text().splitlines())

    for status in ("up", "down"):
        before = runs()
        (host.path("/var/tmp/good").touch if status == "up" else host.path("/var/tmp/good").unlink)()
        becomes(holdfast, status)
        assert 3 <= runs() - before <= 5, f"three in a row make it {status}: {runs() - before}"


def test_restart_is_limited(lab):
    """A service that can't start is not restarted for ever, and the failover happens meanwhile."""
    def restarting(priority):
        return quick_configuration(priority, checks="""
nginx:
  type: process
  pid_file: /run/nginx.pid
  interval: 300ms
  restart: {command: [/usr/local/bin/restart], before_failover: 0s}
""", instance="track: [nginx]")

    browser = visitor(lab)
    web_1, web_2 = pair(lab, restarting)
    web_1.host.write("/usr/local/bin/restart", "#!/bin/sh\necho x >> /var/tries\nexit 1\n", 0o755)
    browser.waits_for(VIP, "web-1", 10)
    web_1.nginx.kill()
    browser.waits_for(VIP, "web-2", 5)
    time.sleep(5)
    tries = web_1.host.path("/var/tries").read_text().count("x")
    assert 1 <= tries <= 5, f"{tries} restarts of a service that can't start"


def test_before_failover_holds_the_address(lab):
    """The restart mends it in time: the address does not move."""
    def restarting(priority):
        return quick_configuration(priority, checks="""
nginx:
  type: process
  pid_file: /run/nginx.pid
  interval: 300ms
  restart: {command: [/usr/local/bin/restart], before_failover: 5s}
""", instance="track: [nginx]")

    browser = visitor(lab)
    recorder = Recorder(browser.host)
    web_1, web_2 = pair(lab, restarting)
    web_1.host.write("/usr/local/bin/restart", "#!/bin/sh\nsleep 1\nexec nginx\n", 0o755)
    browser.waits_for(VIP, "web-1", 10)
    wait_until(lambda: web_1.holdfast.check("nginx")["status"] == "up", 5, "nginx is up")
    time.sleep(0.5)
    killed = time.monotonic()
    web_1.nginx.kill()
    wait_until(lambda: web_1.nginx.running, 5, "nginx is restarted")
    stays(lambda: lab.holders(VIP) == ["web-1"], 2, "the address stays")
    assert not recorder.adverts("192.168.16.129", since=killed)
    assert {advert.priority for advert in recorder.adverts("192.168.16.128", since=killed)} == {100}
    assert web_1.holdfast.check("nginx")["restarts"] == 1


if __name__ == "__main__":
    main()
