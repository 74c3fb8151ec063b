"""Hosts as namespaces on a bridge.

isolate() runs the script again inside a PID, network and mount namespace of its own. Everything a lab starts lives in
there, so when the script ends, fails or is killed, the kernel itself removes every process, interface and mount; and
labs that run at the same time never meet.

    lab (the script's own network namespace: nothing but the bridge and its ports)
     |-- Host: network, PID, mount and UTS namespace; /etc, /var and /usr/local are its own to write, /run is empty
     |-- Host ...

A host's init ignores SIGCHLD, so the kernel reaps orphans. Killing init is a power cut: all dies at once.
"""

import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager

from .waiting import wait_until

_INSIDE = "HOLDFAST_LAB_INSIDE"
_ROOT = pathlib.Path("/run/lab")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OWN_FOLDERS = ("etc", "var", "usr/local")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

_INIT = """
set -e
for folder in %(folders)s; do
  mkdir -p %(disk)s/$folder/upper %(disk)s/$folder/work
  mount -t overlay overlay -o lowerdir=/$folder,upperdir=%(disk)s/$folder/upper,workdir=%(disk)s/$folder/work /$folder
done
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 1777 /run/lock
hostname %(name)s
echo %(name)s > /etc/hostname
ip link set lo up
echo up
exec env --ignore-signal=CHLD sleep infinity
"""


def isolate():
    """Returns inside the lab's namespaces; the first time it replaces this process to get there."""
    if os.environ.get(_INSIDE) != "1":
        if os.geteuid() != 0:
            sys.exit("This needs root: it makes network namespaces.")
        environment = dict(os.environ, PATH=_PATH, **{_INSIDE: "1"})
        os.execve("/usr/bin/unshare",
                  ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--",
                   "/usr/bin/python3", *sys.argv], environment)
    # PID 1 of a namespace gets no signal that it has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)


class Process:
    """A program that runs inside a host. `pid` is its id as the lab sees it."""

    def __init__(self, host, argv, name, environment=None):
        self.host, self.name, self.lines = host, name, []
        self._entry = subprocess.Popen(host.entry(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True, errors="replace",
                                       env={**os.environ, **(environment or {})})
        threading.Thread(target=self._read, daemon=True).start()
        self.pid = wait_until(self._find_pid, 10, f"{name} starts on {host.name}")

    def _find_pid(self):
        children = _children(self._entry.pid)
        return children[0] if children else (-1 if self._entry.poll() is not None else None)

    def _read(self):
        for line in self._entry.stdout:
            self.lines.append(line.rstrip("\n"))
            self.host.lab.note(f"{self.host.name} {self.name}| {self.lines[-1]}")

    @property
    def log(self):
        return "\n".join(self.lines)

    @property
    def running(self):
        return self._entry.poll() is None

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self, timeout=10):
        """The exit status: negative is the signal that ended it."""
        return self._entry.wait(timeout)

    def stop(self, timeout=10):
        """SIGTERM and wait; gives the exit status."""
        if self.running:
            self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def wake(self):
        """nsenter stops when its child is stopped, and would then never reap it, which a dying host waits for."""
        self._entry.send_signal(signal.SIGCONT)

    def kill(self):
        if self.running:
            self.signal(signal.SIGKILL)
        self.wait()


class Host:
    """One machine. Files under /etc, /var and /usr/local survive power_off() and boot(), like a disk."""

    def __init__(self, lab, name, addresses, interface):
        self.lab, self.name, self.interface = lab, name, interface
        self.addresses = addresses
        self.port = f"port-{name}"[:15]
        self._disk = _ROOT / lab.name / name
        self._unshare = None
        self._processes = []
        self._mac = None
        self.init = None
        self.boot()

    @property
    def address(self):
        return self.addresses[0].split("/")[0]

    def boot(self):
        self._disk.mkdir(parents=True, exist_ok=True)
        script = _INIT % {"folders": " ".join(_OWN_FOLDERS), "disk": self._disk, "name": self.name}
        self._unshare = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc", "--",
             "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = self._unshare.stdout.readline()
        if said != "up\n":
            raise RuntimeError(f"host {self.name} does not boot: {said}{self._unshare.stdout.read()}")
        self.init = _children(self._unshare.pid)[0]
        self.plug_in()
        self.lab.note(f"{self.name} is up")

    def plug_in(self):
        """Makes the host's interface, with its addresses, and connects it to the bridge."""
        _ip("link", "add", self.port, "type", "veth", "peer", "name", self.interface, "netns", str(self.init))
        if self._mac:
            self.ip("link", "set", self.interface, "address", self._mac)  # a network card keeps its MAC
        self._mac = self.mac
        _ip("link", "set", self.port, "master", "bridge", "up")
        if any(address.startswith("fe80:") for address in self.addresses):
            self.ip("link", "set", self.interface, "addrgenmode", "none")  # that one and no other
        for address in self.addresses:
            self.ip("addr", "add", address, "dev", self.interface, "nodad")
        self.ip("link", "set", self.interface, "up")

    def pull_out(self):
        """Removes the host's interface altogether."""
        _ip("link", "del", self.port)

    def power_off(self):
        """A power cut: no process gets a word in."""
        os.kill(self.init, signal.SIGKILL)
        while self._unshare.poll() is None:
            for process in self._processes:
                process.wake()
            time.sleep(0.01)
        self._processes.clear()
        self.init = None
        # Not left to the kernel: a socket of the test's may keep the dead host's network alive.
        subprocess.run(["ip", "link", "del", self.port], stderr=subprocess.DEVNULL)
        self.lab.note(f"{self.name} has lost its power")

    def cut(self, carrier=False):
        """Takes the host off the network; with `carrier` its interface does not notice."""
        if carrier:
            self._set_forwarding(False)
        else:
            _ip("link", "set", self.port, "down")
        self.lab.note(f"{self.name} is cut off the network")

    def join(self):
        if json.loads(_ip("-j", "link", "show", self.port))[0]["operstate"] == "UP":
            self._set_forwarding(True)
        else:
            _ip("link", "set", self.port, "up")
        self.lab.note(f"{self.name} is on the network again")

    def _set_forwarding(self, on):
        _run(["bridge", "link", "set", "dev", self.port, "state", "3" if on else "0"])

    def entry(self, argv):
        return ["nsenter", "-t", str(self.init), "-m", "-u", "-n", "-p", "-r", "-w", "--", *map(str, argv)]

    def run(self, argv, check=True, timeout=30, environment=None):
        """Runs a program to its end in the host; gives the CompletedProcess with text output."""
        # Files, not pipes: a daemon that keeps its descriptors open must not keep us waiting.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run(self.entry(argv), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                  timeout=timeout, env={**os.environ, **(environment or {})})
            out.seek(0), err.seek(0)
            done.stdout, done.stderr = out.read(), err.read()
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {argv} gave {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def spawn(self, argv, name=None, environment=None):
        process = Process(self, argv, name or pathlib.Path(argv[0]).name, environment)
        self._processes.append(process)
        return process

    @contextmanager
    def network(self):
        """This thread's sockets and children use the host's network meanwhile."""
        with open("/proc/thread-self/ns/net") as home, open(f"/proc/{self.init}/ns/net") as away:
            _setns(away.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())

    def ip(self, *arguments):
        with self.network():
            return _ip(*arguments)

    def has(self, address):
        """Whether the address is on any interface of the host; a host without power has none."""
        if self.init is None:
            return False
        links = json.loads(self.ip("-j", "addr", "show"))
        return any(entry.get("local") == address for link in links for entry in link.get("addr_info", []))

    def path(self, path):
        """A path of the host as the lab can open it."""
        return pathlib.Path(f"/proc/{self.init}/root{path}")

    def write(self, path, text, mode=0o644):
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    @property
    def mac(self):
        return json.loads(self.ip("-j", "link", "show", "dev", self.interface))[0]["address"]

    def pids(self, program):
        """Lab-side ids of the host's processes whose executable has this name."""
        return processes_in(self.init, program)


class Lab:
    """The bridge and the hosts on it. note() and every line of every program make one timeline for failures."""

    _count = 0

    def __init__(self):
        Lab._count += 1
        self.name = f"lab{Lab._count}"
        self.hosts, self.timeline = [], []
        self.at_close = []  # functions to call
        self.start = time.monotonic()
        self.echo = os.environ.get("HOLDFAST_LAB_ECHO") == "1"
        _ip("link", "set", "lo", "up")
        _ip("link", "add", "bridge", "type", "bridge", "mcast_snooping", "0", "stp_state", "0")
        _ip("link", "set", "bridge", "up")

    def host(self, name, *addresses, interface="ens33"):
        host = Host(self, name, list(addresses), interface)
        self.hosts.append(host)
        return host

    def flood(self):
        """From now on the bridge is a hub: every host hears every frame, unicast too."""
        _ip("link", "set", "bridge", "type", "bridge", "ageing_time", "0")

    def run(self, argv):
        """Runs a program beside the bridge."""
        return _run(argv)

    def holders(self, address):
        """Names of the hosts that have the address."""
        return [host.name for host in self.hosts if host.has(address)]

    def note(self, text):
        line = f"{time.monotonic() - self.start:8.3f} {text}"
        self.timeline.append(line)
        if self.echo:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def close(self):
        for function in self.at_close:
            function()
        for host in self.hosts:
            if host.init is not None:
                host.power_off()
        _ip("link", "del", "bridge")
        shutil.rmtree(_ROOT / self.name, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _run(argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def _ip(*arguments):
    return _run(["ip", *arguments])


def _children(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _setns(fd):
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def processes_in(init, program):
    """Ids of the processes in the PID namespace of `init` whose executable has this name."""
    namespace = os.readlink(f"/proc/{init}/ns/pid")
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            executable = os.path.basename(os.readlink(entry / "exe").removesuffix(" (deleted)"))
            if os.readlink(entry / "ns/pid") == namespace and executable == program:
                found.append(int(entry.name))
        except OSError:
            continue  # it has just gone
    return sorted(found)
