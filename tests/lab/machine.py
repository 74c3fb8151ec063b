"""A machine that really boots: Debian 12 with systemd, journald and D-Bus in systemd-nspawn, on a lab's bridge.

The root file system is made once by debootstrap and kept in the build folder; a machine writes to an overlay in memory,
which is its disk: it survives power_off() and boot()."""

import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from .lab import processes_in
from .services import binary_folder
from .waiting import wait_until

PACKAGES = ["systemd", "systemd-sysv", "dbus", "nginx-light", "iproute2", "procps", "libnl-route-3-200",
            "libyaml-cpp0.7", "libfmt9", "libcap2", "libcurl4", "libseccomp2"]


def build_folder():
    return binary_folder().parent


def prepare_root():
    """Makes the root file system unless it is there. To be called before the lab cuts itself off the network."""
    if os.environ.get("HOLDFAST_LAB_INSIDE") == "1":
        return
    root = root_folder()
    build_folder().joinpath("machine").mkdir(exist_ok=True)
    with open(build_folder() / "machine" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.exists():
            return
        print(f"making {root} with debootstrap; this takes a minute, once", flush=True)
        fresh = root.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        sites = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)", "Release: bookworm", "Component: main"],
                               capture_output=True, text=True).stdout.split()
        mirror = sites[0] if sites else "http://deb.debian.org/debian"
        done = subprocess.run(["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm",
                               str(fresh), mirror], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"debootstrap failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        shutil.rmtree(fresh / "var/cache/apt", ignore_errors=True)
        fresh.joinpath("etc/hostname").unlink(missing_ok=True)  # the one that nspawn gives counts
        fresh.rename(root)


def root_folder():
    return build_folder() / "machine" / "root"


class Machine:
    """A booted machine on the network of a lab's host. Holdfast is installed into it by `cmake --install`; or it gets
    `packages` (paths) to install by itself, in /given."""

    def __init__(self, host, packages=None):
        self.host = host
        self._last_note = None
        self._given = pathlib.Path("/run/lab") / f"given-{host.name}"
        self._disk = pathlib.Path("/run/lab") / f"disk-{host.name}"
        self._given.mkdir()
        if packages is None:
            environment = {**os.environ, "DESTDIR": str(self._given)}
            subprocess.run(["cmake", "--install", str(build_folder())], env=environment, check=True, capture_output=True)
        for package in packages or []:
            shutil.copy(package, self._given)
        for folder in ("upper", "work", "root"):
            self._disk.joinpath(folder).mkdir(parents=True)
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={root_folder()},"
                        f"upperdir={self._disk}/upper,workdir={self._disk}/work", str(self._disk / "root")], check=True)
        host.lab.at_close.append(self._end)
        self.boot()
        if packages is None:
            self.run(["sh", "-c", "tar -C /given -c . | tar -C / -x --keep-directory-symlink --no-same-owner"])

    def boot(self):
        host = self.host
        self._nspawn = subprocess.Popen(
            ["systemd-nspawn", "-q", "-D", str(self._disk / "root"), "--register=no", "--keep-unit",
             "-b", f"--machine={host.name}", f"--hostname={host.name}",
             f"--network-namespace-path=/proc/{host.init}/ns/net", "--capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_SYS_NICE",
             "--console=pipe", f"--bind-ro={self._given}:/given"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._leader = wait_until(self._find_leader, 30, f"{host.name} boots systemd")
        wait_until(lambda: self.run(["systemctl", "is-system-running"], check=False).stdout.strip() in
                   ("running", "degraded"), 60, f"{host.name} has booted")

    def _end(self):
        self._cut_power()
        subprocess.run(["umount", str(self._disk / "root")], check=True)
        for folder in (self._disk, self._given):
            shutil.rmtree(folder, ignore_errors=True)

    def _cut_power(self):
        if self._nspawn.poll() is None:
            os.kill(self._leader, signal.SIGKILL)
        self._nspawn.wait()

    def power_off(self):
        """A power cut: no process gets a word in, and the host is off the network."""
        self.host.cut()
        self._cut_power()

    def power_on(self):
        self.host.join()
        self.boot()

    def pids(self, program):
        """Lab-side ids of the machine's processes whose executable has this name."""
        return processes_in(self._leader, program)

    def _find_leader(self):
        children = pathlib.Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        for pid in children:
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                return int(pid)
        return None

    def run(self, argv, check=True, timeout=60):
        done = subprocess.run(["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-p", "-n", "-C", "-r", "-w", "--",
                               *map(str, argv)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout)
        said = (f"{self.host.name}$ {' '.join(map(str, argv))} -> {done.returncode}"
                f" {done.stdout[-600:].strip()} {done.stderr[-600:].strip()}")
        if said != self._last_note:  # polling would fill the timeline with one line
            self.host.lab.note(said)
        self._last_note = said
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.host.name}: {argv} gave {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def write(self, path, text):
        target = pathlib.Path(f"/proc/{self._leader}/root{path}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def journal(self, *matches):
        """The entries that match, as dictionaries."""
        lines = self.run(["journalctl", "-o", "json", "--no-pager", *matches]).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def unit(self, name, *properties):
        """Properties of a unit as a dictionary."""
        said = self.run(["systemctl", "show", name, *(f"--property={each}" for each in properties)]).stdout
        return dict(line.partition("=")[::2] for line in said.splitlines())
