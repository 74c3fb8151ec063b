#!/usr/bin/python3
"""A child that an attacker has taken over: what it tries, what becomes of it, and that the parent goes on."""

import pathlib
import re
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import main, wait_until
from lab.services import binary_folder
from lab.tutorial import machine, quick_configuration, visitor

PROGRAMS = "/usr/local/stand-in"
KILLED = "was killed by the kernel for a system call that is not on its list"


def configuration(priority):
    return quick_configuration(priority, checks="web:\n  type: nginx\n  interval: 1s\n", instance="track: [web]")


class Scene:
    """A host whose daemon has the intruder in the place of one child."""

    def __init__(self, lab, role):
        visitor(lab)
        self.host = machine(lab, 1, configuration(100)).host
        ours = binary_folder()
        self.host.run(["mkdir", PROGRAMS])
        for program in ("holdfastd", "holdfast-vrrp", "holdfast-checker", "holdfast-notify"):
            source = ours.parent / "tests/intruder" if program == f"holdfast-{role}" else ours / program
            self.host.run(["cp", source, f"{PROGRAMS}/{program}"])
        self.host.path("/etc/holdfast/holdfast.yaml").chmod(0o600)
        for name, mode in (("for-all-to-read", 0o644), ("for-all-to-write", 0o666)):
            self.host.write(f"/var/tmp/{name}", "text\n", mode=mode)
        # As systemd's own, which anybody may connect to.
        self.servers = []
        for kind, path in ((socket.SOCK_STREAM, "system_bus_socket"), (socket.SOCK_DGRAM, "notify")):
            place = self.host.path(f"/run/dbus/{path}")
            place.parent.mkdir(exist_ok=True)
            server = socket.socket(socket.AF_UNIX, kind)
            server.bind(str(place))
            place.chmod(0o666)
            if kind == socket.SOCK_STREAM:
                server.listen(5)
            self.servers.append(server)

    def run(self, attempt, until):
        """Starts the daemon with this attempt, waits until its log has `until`, stops it; gives the log."""
        self.host.write("/etc/holdfast/attempt", f"{attempt}\n")
        daemon = self.host.spawn([f"{PROGRAMS}/holdfastd", "--config", "/etc/holdfast/holdfast.yaml",
                                  "--log-level", "info"])
        wait_until(lambda: re.search(until, daemon.log), 15, f"{attempt}: the log says {until!r}")
        assert daemon.running, f"{attempt}: the parent lives on:\n{daemon.log}"
        status = self.host.run([binary_folder() / "holdfast", "status"])
        assert status.returncode == 0, f"{attempt}: the parent answers: {status.stderr}"
        daemon.kill()
        return daemon.log

    def names(self):
        log = self.run("list", "attempt list: UNKNOWN")
        return re.findall(r"can try (\S+)", log)


def tries_everything(lab, role):
    scene = Scene(lab, role)
    names = scene.names()
    assert len(names) > 30, names
    outcomes = {}
    for name in names:
        log = scene.run(name, f"attempt {name}: |{KILLED}")
        outcome = re.search(f"attempt {name}: (.*)|({KILLED})", log)
        outcomes[name] = outcome.group(1) or "killed"
    for name, outcome in outcomes.items():
        print(f"{role}: {name}: {outcome}")
    possible = {name: outcome for name, outcome in outcomes.items()
                if outcome != "killed" and not outcome.startswith("refused")}
    assert not possible, f"a {role} child under somebody else's control can: {possible}"
    for refused in ("trace-parent", "signal-parent", "execute", "fork", "raw-socket", "write-code"):
        assert outcomes[refused] == "killed", f"{refused}: {outcomes[refused]}"
    for name in ("written", "made", "linked"):
        assert not scene.host.path(f"/tmp/{name}").exists()
    assert scene.host.path("/var/tmp/for-all-to-write").read_text() == "text\n"


def test_vrrp_child_tries_everything(lab):
    tries_everything(lab, "vrrp")


def test_checker_tries_everything(lab):
    tries_everything(lab, "checker")


def says_anything(lab, role, kinds):
    """Each message at a time at which nobody expects it, of the wrong child, cut short; and no messages at all."""
    scene = Scene(lab, role)
    killed = "was killed: "
    for number in range(kinds):
        scene.run(f"message-{number}", f"attempt message-{number}: sent|{killed}")
        for kind in ("damaged", "foreign"):
            scene.run(f"{kind}-{number}", f"attempt {kind}-{number}: sent|{killed}")
    for attempt in ("garbage", "empty", "huge"):
        scene.run(attempt, f"attempt {attempt}: sent|{killed}|process exited")
    log = scene.run("flood", f"{role}: x")
    assert 0 < log.count("xxxx") < 2000, "a child that says 20,000 lines can't fill the journal"


def test_vrrp_child_says_anything(lab):
    says_anything(lab, "vrrp", 11)


def test_checker_says_anything(lab):
    says_anything(lab, "checker", 8)


if __name__ == "__main__":
    main()
