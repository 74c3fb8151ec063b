#!/usr/bin/python3
"""Holdfast installed on a real systemd: unit, restart of nginx over the bus, journal, reload, watchdog."""

import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Visitor, main, stays, wait_until
from lab.machine import Machine, prepare_root
from lab.tutorial import VIP, VISITOR, quick_configuration

CONFIG = "/etc/holdfast/holdfast.yaml"
UNIT = "holdfast.service"


def configuration(priority=100):
    return quick_configuration(priority, checks="""
nginx:
  type: process
  pid_file: /run/nginx.pid
  interval: 500ms
  restart: {unit: nginx.service, before_failover: 5s}
""", instance="track: [{check: nginx, weight: 2}]")


def booted(lab, config=None):
    """A machine with the daemon started by its unit, and a browser."""
    browser = Visitor(lab.host("visitor", f"{VISITOR}/24"))
    machine = Machine(lab.host("web-1", "192.168.16.128/24"))
    machine.run(["systemd-sysusers"])
    machine.run(["systemd-tmpfiles", "--create"])
    machine.run(["systemctl", "daemon-reload"])
    machine.write(CONFIG, config or configuration())
    done = machine.run(["systemctl", "start", UNIT], check=False)
    machine.run(["journalctl", "-u", UNIT, "-n", "50", "--no-pager"])
    assert done.returncode == 0, done.stderr
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 10, "web-1 has the address")
    return machine, browser


def main_pid(machine, unit):
    return int(machine.unit(unit, "MainPID")["MainPID"])


def test_unit(lab):
    machine, _ = booted(lab)
    state = machine.unit(UNIT, "ActiveState", "Type", "StatusText", "NRestarts")
    assert state["ActiveState"] == "active" and state["Type"] == "notify" and state["NRestarts"] == "0", state
    assert state["StatusText"], state
    users = machine.run(["ps", "-eo", "user:20,args"]).stdout
    for user, program in (("root", "holdfastd"), ("holdfast-vrrp", "vrrp"), ("holdfast-check", "checker")):
        assert any(line.startswith(f"{user} ") and program in line for line in users.splitlines()), (user, users)
    assert machine.run(["holdfast", "status"]).returncode == 0
    machine.run(["systemctl", "stop", UNIT])
    assert lab.holders(VIP) == []
    assert machine.unit(UNIT, "Result")["Result"] == "success"


def test_nginx_is_restarted_over_the_bus(lab):
    machine, browser = booted(lab)
    wait_until(lambda: browser.page(VIP), 5, "nginx answers")
    before = main_pid(machine, "nginx.service")
    machine.run(["pkill", "-KILL", "nginx"])
    wait_until(lambda: main_pid(machine, "nginx.service") not in (0, before), 10, "nginx runs again, as its unit")
    wait_until(lambda: browser.page(VIP), 5, "the page is back")
    stays(lambda: lab.holders(VIP) == ["web-1"], 1, "the address has not moved")
    # The restart may overtake the stop, which then calls itself cancelled.
    machine.run(["systemctl", "stop", "nginx.service"], check=False)
    wait_until(lambda: browser.page(VIP), 10, "stopped by hand, it is restarted too")
    nginx = main_pid(machine, "nginx.service")
    machine.run(["systemctl", "stop", UNIT])
    assert main_pid(machine, "nginx.service") == nginx, "nginx outlives the daemon that restarted it"


def effective_priority_is(machine, number, what):
    wait_until(lambda: f'"effective":{number}' in machine.run(["holdfast", "status", "--json"]).stdout.replace(" ", ""),
               20, what)


def test_nginx_that_cannot_start(lab):
    """Its configuration is broken: said at once with its line, without waiting or an attempt; mended, it is started."""
    machine, browser = booted(lab, configuration().replace("5s}", "60s}"))
    wait_until(lambda: browser.page(VIP), 5, "nginx answers")
    whole = machine.run(["cat", "/etc/nginx/nginx.conf"]).stdout
    machine.write("/etc/nginx/nginx.conf", "this is no configuration;\n")
    machine.run(["pkill", "-KILL", "nginx"])
    effective_priority_is(machine, 100, "the weight is gone, long before a minute is over")
    refused, = machine.journal("HOLDFAST_RESULT=broken_configuration")
    assert 'unknown directive "this" in /etc/nginx/nginx.conf:1' in refused["MESSAGE"], refused
    assert "looked at again" in machine.run(["holdfast", "status"]).stdout
    machine.write("/etc/nginx/nginx.conf", whole)
    wait_until(lambda: browser.page(VIP), 30, "nginx is started once it is mended")


def test_what_the_unit_says_of_a_failed_restart(lab):
    """A start that fails for a reason that no test of the configuration shows."""
    machine, browser = booted(lab)
    wait_until(lambda: browser.page(VIP), 5, "nginx answers")
    machine.write("/etc/systemd/system/nginx.service.d/broken.conf",
                  "[Service]\nExecStartPre=/bin/sh -c 'echo the disk is on fire; exit 3'\n")
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["pkill", "-KILL", "nginx"])
    failed = wait_until(lambda: machine.journal("HOLDFAST_RESULT=failed"), 20, "the failure is an event")[0]
    assert "could not restart nginx.service" in failed["MESSAGE"] and "the disk is on fire" in failed["MESSAGE"], failed
    assert failed["HOLDFAST_UNIT_RESULT"] == "exit-code" and "on fire" in failed["HOLDFAST_UNIT_LOG"], failed


def test_what_an_operator_stopped_stays_stopped(lab):
    """`when: crashed`: a crash is mended, `systemctl stop` is respected, and so is what comes after it."""
    machine, browser = booted(lab, configuration().replace("unit:", "when: crashed, unit:"))
    wait_until(lambda: browser.page(VIP), 5, "nginx answers")
    machine.run(["systemctl", "restart", "nginx.service"])
    wait_until(lambda: browser.page(VIP), 5, "nginx answers again")
    assert not machine.journal("HOLDFAST_RESULT=stopped_on_purpose"), "the first half of a restart is no stop"
    effective_priority_is(machine, 102, "it is up")
    machine.run(["systemctl", "stop", "nginx.service"])
    effective_priority_is(machine, 100, "the weight is gone")
    wait_until(lambda: machine.journal("HOLDFAST_RESULT=stopped_on_purpose"), 10, "the journal says that it is respected")
    assert "stopped on purpose" in machine.run(["holdfast", "status"]).stdout
    assert machine.unit("nginx.service", "ActiveState")["ActiveState"] == "inactive"
    machine.run(["systemctl", "start", "nginx.service"])
    effective_priority_is(machine, 102, "it is up again")
    machine.run(["pkill", "-KILL", "nginx"])
    wait_until(lambda: machine.journal("HOLDFAST_RESULT=done"), 20, "a crash is mended")
    wait_until(lambda: browser.page(VIP), 10, "the page is back")


def test_journal_fields(lab):
    machine, _ = booted(lab)
    transitions = [entry for entry in machine.journal("HOLDFAST_INSTANCE=VI_1") if entry.get("HOLDFAST_TO") == "active"]
    assert len(transitions) == 1, transitions
    entry = transitions[0]
    assert entry["HOLDFAST_FROM"] == "backup" and entry["HOLDFAST_VRID"] == "66"
    assert entry["HOLDFAST_REASON"] and entry["HOLDFAST_PRIORITY"] in ("100", "102")
    assert len(entry["MESSAGE_ID"]) == 32 and "VI_1" in entry["MESSAGE"]
    explained = machine.run(["journalctl", "-x", "--no-pager", f"MESSAGE_ID={entry['MESSAGE_ID']}"]).stdout
    machine.run(["journalctl", "--update-catalog"])
    assert "VI_1" in explained
    other = {entry.get("MESSAGE_ID") for entry in machine.journal("-u", UNIT)} - {None}
    assert len(other) >= 2, f"health changes have an id of their own: {other}"


def test_reload(lab):
    machine, _ = booted(lab)
    pid = main_pid(machine, UNIT)
    machine.write(CONFIG, configuration(120))
    assert machine.run(["systemctl", "reload", UNIT], check=False).returncode == 0
    assert '"configured":120' in machine.run(["holdfast", "status", "--json"]).stdout.replace(" ", "")
    machine.write(CONFIG, configuration(120).replace("vrid:", "vird:"))
    assert machine.run(["systemctl", "reload", UNIT], check=False).returncode != 0, "a bad file fails the reload"
    assert machine.unit(UNIT, "ActiveState")["ActiveState"] == "active"
    assert main_pid(machine, UNIT) == pid and lab.holders(VIP) == ["web-1"]
    assert "vird" in machine.run(["journalctl", "-u", UNIT, "--no-pager"]).stdout


def test_a_bad_file_at_the_start(lab):
    """One attempt, what is wrong stands in the status, and the next start works."""
    machine, _ = booted(lab)
    for _ in range(7):
        machine.run(["systemctl", "restart", UNIT])
    machine.write(CONFIG, configuration().replace("vrid:", "vird:"))
    assert machine.run(["systemctl", "restart", UNIT], check=False).returncode != 0
    stays(lambda: machine.unit(UNIT, "ActiveState")["ActiveState"] == "failed", 3, "it is not tried again")
    assert "vird" in machine.run(["systemctl", "status", UNIT], check=False).stdout
    machine.write(CONFIG, configuration())
    machine.run(["systemctl", "start", UNIT])
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 10, "web-1 has the address")


def test_watchdog(lab):
    """A daemon that hangs is replaced by systemd; its children give the address up meanwhile or lose the lease."""
    machine, _ = booted(lab)
    pid = main_pid(machine, UNIT)
    assert int(machine.unit(UNIT, "WatchdogUSec")["WatchdogUSec"].rstrip("ms") or 0) > 0
    lab_side, = machine.pids("holdfastd")
    os.kill(lab_side, signal.SIGSTOP)
    wait_until(lambda: main_pid(machine, UNIT) not in (0, pid), 90, "systemd has started another one")
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 20, "web-1 has the address again")


def commands_configuration(checks, top="", instance=""):
    return quick_configuration(100, top=top, checks=checks, instance=instance)


def check(machine, name):
    return next(each for each in status(machine)["checks"] if each["name"] == name)


def status(machine):
    return json.loads(machine.run(["holdfast", "status", "--json"]).stdout)


def test_commands_run_as_units(lab):
    """Scripts of checks: outside of the daemon's sandbox and control group, with a quiet journal."""
    machine, _ = booted(lab, commands_configuration("""
passes: {type: script, command: [sh, -c, "cat /proc/self/status > /var/status; cat /proc/self/cgroup; logger -t said once"], user: root}
fails: {type: script, command: [sh, -c, "echo it is broken; exit 3"], interval: 300ms}
lasts: {type: script, command: [sh, -c, "sleep 1000 & sleep 1000"], interval: 1s, timeout: 500ms}
other: {type: script, command: [sh, -c, "echo $(id -un) of $(id -Gn)"], user: www-data}
nobody: {type: script, command: [id, -u]}
missing: {type: script, command: [no-such-program]}
headless: {type: script, command: [/etc/passwd]}
"""))
    for name, verdict, words in (("passes", "up", "/system.slice/holdfast-command-"), ("fails", "down", "exited with status 3: it is broken"),
                                 ("lasts", "down", "timed out after 500ms"), ("other", "up", "www-data of www-data"), ("nobody", "up", "60"),
                                 ("missing", "down", "there is no program 'no-such-program' in /usr/local/sbin:"),
                                 ("headless", "down", "is not executable")):
        wait_until(lambda: check(machine, name)["status"] == verdict and words in check(machine, name)["detail"], 10,
                   f"{name} is {verdict}: {words}")
    free = process_status(machine.run(["cat", "/var/status"]).stdout)
    itself = process_status(machine.run(["cat", "/proc/1/status"]).stdout)
    assert free["NoNewPrivs"] == "0" and free["CapBnd"] == itself["CapBnd"] and free["CapEff"] == itself["CapEff"], free
    assert free["Seccomp_filters"] == itself["Seccomp_filters"], "no filter of ours"
    daemon = process_status(machine.run(["cat", f"/proc/{main_pid(machine, UNIT)}/status"]).stdout)
    assert daemon["NoNewPrivs"] == "1" and daemon["CapBnd"] != itself["CapBnd"], daemon
    wait_until(lambda: check(machine, "fails")["failures"] > 5, 10, "it has failed some times")
    said = [entry["MESSAGE"] for entry in machine.journal()
            if "holdfast-command" in str(entry) and entry.get("_SYSTEMD_UNIT") != UNIT]
    assert any(text == "once" for text in said), "what a script gives to logger is in the journal"
    assert not [text for text in said if text != "once"], said
    stays(lambda: int(machine.run(["sh", "-c", "pgrep -cx sleep || true"]).stdout) <= 4, 1, "what takes too long is ended")
    machine.run(["systemctl", "stop", UNIT])
    wait_until(lambda: not machine.run(["systemctl", "list-units", "--all", "--no-legend", "holdfast-command-*"]).stdout,
               10, "nothing is left of them")


def test_commands_while_systemd_or_the_bus_is_away(lab):
    """Neither moves the address, and nothing runs on beside its successor."""
    machine, _ = booted(lab, commands_configuration("""
quick: {type: script, command: ["true"], interval: 200ms, timeout: 5s, fall: 1}
slow: {type: script, command: [sleep, "0.5"], interval: 1s, timeout: 5s, fall: 1}
long: {type: script, command: [sleep, "4321"], interval: 1s, timeout: 60s, fall: 1}
""", instance="track: [quick, slow]"))
    wait_until(lambda: check(machine, "slow")["runs"] > 1, 10, "the checks run")

    def go_on():
        before = {name: check(machine, name)["runs"] for name in ("quick", "slow")}
        wait_until(lambda: all(check(machine, name)["runs"] > runs + 1 for name, runs in before.items()), 40, "they go on")
        assert int(machine.run(["sh", "-c", "pgrep -cf 'sleep 4321' || true"]).stdout) <= 2, "the shell is one of them"

    for disturb in (["daemon-reload"], ["daemon-reexec"], ["restart", "dbus.service"], ["daemon-reexec"]):
        machine.run(["systemctl", *disturb], check=False)
        go_on()
    for name in ("quick", "slow"):
        assert check(machine, name)["failures"] == 0, check(machine, name)
    assert lab.holders(VIP) == ["web-1"]
    machine.run(["systemctl", "stop", UNIT])
    wait_until(lambda: machine.run(["pgrep", "-x", "sleep"], check=False).returncode == 1, 5, "the stop ends them")


def test_commands_in_the_network_of_the_daemon(lab):
    machine, _ = booted(lab, commands_configuration("net: {type: script, command: [readlink, /proc/self/ns/net], user: root}\n"))
    its_own = machine.run(["readlink", "/proc/1/ns/net"]).stdout.strip()
    wait_until(lambda: its_own in check(machine, "net")["detail"], 10, "it runs in the network of the machine")
    machine.write("/run/systemd/system/holdfast.service.d/network.conf", "[Service]\nPrivateNetwork=yes\n")
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["systemctl", "restart", UNIT])
    other = machine.run(["readlink", f"/proc/{main_pid(machine, UNIT)}/ns/net"]).stdout.strip()
    assert other != its_own
    wait_until(lambda: other in check(machine, "net")["detail"], 10, "it runs in the network of the daemon")


def process_status(text):
    return {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}


def test_restart_by_a_command_outlives_the_daemon(lab):
    """`restart: {command: [nginx]}`: its nginx survives our stop; a broken configuration is told in nginx's own words."""
    machine, browser = booted(lab, commands_configuration("""
nginx: {type: process, pid_file: /run/nginx.pid, interval: 300ms, restart: {command: [nginx], before_failover: 5s, config_test: [nginx, -t]}}
"""))
    # Not meanwhile: systemd removes the pid file of its nginx, and would remove that of ours.
    machine.run(["systemctl", "stop", UNIT])
    machine.run(["systemctl", "disable", "--now", "nginx.service"])
    machine.run(["systemctl", "start", UNIT])
    wait_until(lambda: browser.page(VIP), 20, "holdfast has started nginx")
    before = machine.run(["cat", "/run/nginx.pid"]).stdout
    assert "holdfast-command-" in machine.run(["cat", f"/proc/{before.strip()}/cgroup"]).stdout
    machine.run(["systemctl", "stop", UNIT])
    stays(lambda: browser.page("192.168.16.128"), 1, "nginx outlives the daemon")
    machine.run(["systemctl", "start", UNIT])
    wait_until(lambda: browser.page(VIP), 20, "the address is back")
    assert machine.run(["cat", "/run/nginx.pid"]).stdout == before
    machine.write("/etc/nginx/nginx.conf", "this is no configuration;\n")
    machine.run(["pkill", "-KILL", "nginx"])
    refused, = wait_until(lambda: machine.journal("HOLDFAST_RESULT=broken_configuration"), 20, "the journal has it")
    assert 'unknown directive "this" in /etc/nginx/nginx.conf:1' in refused["MESSAGE"], refused


def test_notification_commands(lab):
    """Arguments and environment arrive, also of the last word: at a stop, and while the whole machine shuts down."""
    note = ('[sh, -c, \'echo "$@" "$HOLDFAST_FROM $HOLDFAST_REASON" >> /var/told; grep -c "" /proc/self/cgroup >/dev/null\', told]')
    machine, _ = booted(lab, commands_configuration("", top=f"""
notify:
  commands:
    - {{name: file, command: {note}, on: [active, backup, fault, stop], user: root}}
"""))
    wait_until(lambda: "INSTANCE VI_1 MASTER 100 backup " in machine.run(["cat", "/var/told"], check=False).stdout, 10, "told")
    machine.run(["systemctl", "stop", UNIT])
    told = machine.run(["cat", "/var/told"]).stdout
    assert "INSTANCE VI_1 STOP" in told, told
    machine.run(["systemctl", "start", UNIT])
    count = told.count(" STOP ")
    # A target that blocks the shutdown keeps the machine observable until the word has come.
    machine.write("/etc/systemd/system/observer.service", "[Unit]\nBefore=holdfast.service\n[Service]\nType=oneshot\n"
                  "RemainAfterExit=yes\nExecStart=true\nExecStop=sh -c 'until test -e /var/seen; do sleep 0.1; done'\nTimeoutStopSec=30s\n")
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["systemctl", "start", "observer.service"])
    machine.run(["systemctl", "--no-block", "poweroff"])
    wait_until(lambda: machine.run(["cat", "/var/told"]).stdout.count(" STOP ") == count + 1, 20, "told during the shutdown")
    machine.write("/var/seen", "")


def test_credentials(lab):
    """A secret that systemd hands over; a missing one is an error of the daemon, and none of `validate`."""
    machine, _ = booted(lab)
    text = commands_configuration("").replace("interface:", "password_file: credential:vrrp\n    interface:")
    text = text.replace("version: 3", "version: 2").replace("advert_interval: 100ms", "advert_interval: 1s")
    machine.write(CONFIG, text)
    looked_at = machine.run(["holdfast", "validate"])
    assert "credential:vrrp" in looked_at.stderr and "warning" in looked_at.stderr, looked_at
    assert machine.run(["holdfast", "reload"], check=False).returncode == 1, "the unit has no credential yet"
    machine.write("/etc/holdfast/secret", "s3cret\n")
    machine.write("/etc/systemd/system/holdfast.service.d/secret.conf", "[Service]\nLoadCredential=vrrp:/etc/holdfast/secret\n")
    machine.run(["chmod", "600", "/etc/holdfast/secret"])
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["systemctl", "restart", UNIT])
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 10, "web-1 has the address, with a password")
    machine.write("/etc/systemd/system/holdfast.service.d/secret.conf", "[Service]\nLoadCredential=other:/etc/holdfast/secret\n")
    machine.run(["systemctl", "daemon-reload"])
    assert machine.run(["systemctl", "restart", UNIT], check=False).returncode != 0
    assert "LoadCredential=vrrp:/etc/holdfast/vrrp" in machine.run(["journalctl", "-u", UNIT, "--no-pager"]).stdout


def test_hardened(lab):
    """The unit's exposure, that each process is bound by it, and that everything works nevertheless: a virtual MAC with its
    device settings, real time, a check of a file at home."""
    text = quick_configuration(100, instance="virtual_mac: true", checks="""
home: {type: file, path: /home/page}
page: {type: http, url: "http://localhost/", host: localhost}
port: {type: tcp, address: "127.0.0.1:80"}
server: {type: nginx}
named: {type: process, name: nginx}
""", top='notify: {webhook: {name: hook, url: "http://localhost/no-such-page"}}')
    machine, browser = booted(lab, text)
    said = machine.run(["systemd-analyze", "security", "--threshold=30", "--no-pager", UNIT], check=False)
    assert said.returncode == 0, said.stdout[-3000:]
    for name, value in NEEDED.items():
        assert sorted(machine.unit(UNIT, name)[name].split()) == sorted(value.split()), (name, machine.unit(UNIT, name))
    machine.write("/home/page", "")
    for name in ("home", "page", "port", "server", "named"):
        wait_until(lambda: check(machine, name)["status"] == "up", 10, f"check {name} is up")
    assert "404" in machine.run(["holdfast", "notify-test", "hook"], check=False).stderr, "holdfast-notify works"
    settings = machine.run(["sh", "-c", "cd /proc/sys/net/ipv4/conf; grep -H . */arp_ignore */rp_filter */promote_secondaries"])
    lab.note(settings.stdout)
    wait_until(lambda: browser.page(VIP), 10, "the page is there by way of the virtual MAC")
    device = next(line.split()[1].split("@")[0] for line in machine.run(["ip", "-o", "link"]).stdout.splitlines()
                  if "00:00:5e:00:01:42" in line)
    assert f"{device}/arp_ignore:0" not in settings.stdout and f"{device}/rp_filter:" in settings.stdout, settings.stdout
    vrrp = next(each for each in status(machine)["processes"] if each["role"] == "vrrp")["pid"]
    # Only a systemd that may raise limits can grant real time so; this one may not where the lab itself may not.
    granted = int(machine.run(["prlimit", "--rtprio", "--raw", "--noheadings", "-o", "HARD", "-p", main_pid(machine, UNIT)]).stdout)
    assert ("SCHED_FIFO" in machine.run(["chrt", "-p", vrrp]).stdout) == (granted >= 10), granted
    # It may find some of them dead already, and then says so.
    machine.run(["systemctl", "kill", "-s", "KILL", "--kill-who=all", UNIT], check=False)
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 20, "everything killed: it starts again")
    machine.run(["systemctl", "stop", UNIT])
    assert device not in machine.run(["ip", "-o", "link"]).stdout, "the device is gone"


# What the unit can't do without.
NEEDED = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectProc": "default", "RestrictRealtime": "no", "KillMode": "process",
          "OOMPolicy": "continue", "LimitMEMLOCK": "infinity", "LimitRTPRIO": "10", "LimitCORE": "0", "Restart": "on-failure",
          "StateDirectoryMode": "0700", "RuntimeDirectoryMode": "0755", "WatchdogUSec": "10s", "PrivateNetwork": "no",
          "CapabilityBoundingSet": "cap_kill cap_setgid cap_setuid cap_setpcap cap_net_admin cap_net_raw",
          "RestrictAddressFamilies": "AF_NETLINK AF_PACKET AF_INET AF_INET6 AF_UNIX"}


if __name__ == "__main__":
    prepare_root()
    main()
