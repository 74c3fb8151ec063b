"""What the soak does to a node. A fault is a generator: it harms, yields the seconds for which that lasts, and undoes it.

Bounds: how long a page may be away by the rules, at the harm and its undoing together, and how long two hosts may hold an
address. Nothing here is measured; all follows from the configuration:

- Each move of the addresses costs SILENT at most: 2 * SILENT where they go and come back.
- What keeps a host from removing its addresses (`leased`) leaves them there for LEASED at most. Neighbours may follow it
  meanwhile, and then until the next announcement: REFRESH more. The same where a network hid two hosts from each other.
- What a check must find costs the check's time (HOLD, HUNG_PAGE) more."""

import os
import random
import resource
import signal
from dataclasses import dataclass
from typing import Callable

ADVERT = 0.1
LOWEST_PRIORITY = 100
LEASE = 3.0
HOLD = 1.0  # before_failover
CHECK = 0.5  # interval and timeout of the check

# RFC 9568: a backup waits three intervals and its skew. It also bounds a handover, which waits one and a little.
SILENT = 3 * ADVERT + ADVERT * (256 - LOWEST_PRIORITY) / 256
# A page that hangs: in the run's first half, the second run, its timeout, the restart's attempt.
HUNG_PAGE = 3 * CHECK + HOLD
MOVE = 0.3  # of both: one interval to hear of it, a handover's silence
RESTORE = 1.0  # what somebody removes is put back at once, and then once in this time
REFRESH = 1.0  # announce.refresh: how long neighbours may stay with a host that yielded before it was heard
LEASED = LEASE + 1.0  # the kernel counts whole seconds


@dataclass
class Kind:
    name: str
    bound: float  # seconds without a page
    shared: float  # seconds of two holders
    make: Callable
    says: str  # what may then stand in the log of warnings and errors: a regular expression
    weight: int = 2
    gentle: bool = False  # no process of Holdfast ends


KINDS = []
RIVAL = "|claims to be active|answers for"
RESTARTED = "process (was ended by|exited|was killed)|ended by signal|starting it again|reset|malformed|lease|removed virtual"


def fault(name, *, bound=0.0, leased=False, says="", weight=2, gentle=False):
    def register(make):
        KINDS.append(Kind(name, bound + leased * REFRESH, LEASED if leased else MOVE, make, says + leased * RIVAL, weight,
                          gentle))
        return make
    return register


def _signal(pid, number):
    if pid:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def _pause(node, dice: random.Random, pids, longest):
    for pid in pids:
        _signal(pid, signal.SIGSTOP)
    yield dice.uniform(0.05, longest)
    for pid in pids:
        _signal(pid, signal.SIGCONT)
    node.holdfast.process.wake()


@fault("VRRP process killed", bound=SILENT, says=RESTARTED, weight=4)
def _(node, dice):
    for _ in range(dice.randint(1, 4)):
        _signal(node.holdfast.vrrp_child(), signal.SIGKILL)
        yield dice.uniform(0.05, 0.6)


@fault("VRRP process killed until the daemon gives up", bound=2 * SILENT, says=RESTARTED + "|giv(ing|en) up", weight=1)
def _(node, dice):
    for _ in range(7):
        _signal(node.holdfast.vrrp_child(), signal.SIGKILL)
        yield 0.3


@fault("checker killed", says=RESTARTED)
def _(node, dice):
    for _ in range(dice.randint(1, 3)):
        _signal(node.holdfast.checker_child(), signal.SIGKILL)
        yield dice.uniform(0.05, 0.6)


@fault("parent killed", bound=2 * SILENT, says=RESTARTED)
def _(node, dice):
    _signal(node.holdfast.parent(), signal.SIGKILL)
    yield dice.uniform(0.1, 2)


@fault("everything killed", bound=2 * SILENT, leased=True, says=RESTARTED, weight=4)
def _(node, dice):
    pids = node.daemon_pids()
    for number in (signal.SIGSTOP, signal.SIGKILL):  # nobody gets to act on another's end
        for pid in pids:
            _signal(pid, number)
    yield dice.uniform(0.1, 2)


@fault("VRRP process stopped", bound=2 * SILENT, leased=True, says=RESTARTED + "|did not answer|slept", weight=4)
def _(node, dice):
    yield from _pause(node, dice, [node.holdfast.vrrp_child()], 2)


@fault("checker stopped", says=RESTARTED + "|did not answer")
def _(node, dice):
    yield from _pause(node, dice, [node.holdfast.checker_child()], 3)


@fault("parent stopped", says="")
def _(node, dice):
    yield from _pause(node, dice, [node.holdfast.parent()], 3)


@fault("everything stopped", bound=2 * SILENT, leased=True, says=RESTARTED + "|did not answer|slept")
def _(node, dice):
    yield from _pause(node, dice, node.daemon_pids(), 5)


@fault("nginx killed", bound=HOLD + SILENT, says="nginx|check", weight=4, gentle=True)
def _(node, dice):
    node.nginx.kill()
    yield dice.uniform(0.1, 2)


@fault("nginx hangs", bound=HUNG_PAGE + 2 * SILENT, says="nginx|check")
def _(node, dice):
    pids = node.host.pids("nginx")
    yield from _pause(node, dice, pids, 6)


@fault("nginx broken and killed", bound=HOLD + 2 * SILENT, says="nginx|check")
def _(node, dice):
    node.nginx.break_()
    node.nginx.kill()
    yield dice.uniform(0.5, 4)
    node.nginx.repair()


@fault("link unplugged", bound=2 * SILENT, says="carrier|interface|Network is (down|unreachable)", weight=4)
def _(node, dice):
    node.cut(carrier=False)
    yield dice.uniform(0.05, 4)
    node.join()


@fault("network cut unnoticed", bound=2 * SILENT + REFRESH, says=RIVAL[1:], weight=4)
def _(node, dice):
    node.cut(carrier=True)
    yield dice.uniform(0.05, 4)
    node.join()


@fault("reload with changes", bound=ADVERT, gentle=True)
def _(node, dice):
    node.reload(interval=dice.choice(("500ms", "600ms")), nudge=dice.randint(0, 5), extra=dice.random() < 0.5)
    yield dice.uniform(0.1, 1)
    node.reload()


@fault("reload of a broken file", says="broken.yaml|holdfast.yaml|reload failed", gentle=True)
def _(node, dice):
    node.reload(broken=dice.choice(("vird", "vrid: 0\n    x", "}{")))
    yield 0.2
    node.reload()


@fault("addresses deleted", bound=RESTORE, says="somebody removed", gentle=True)
def _(node, dice):
    for _ in range(dice.randint(1, 2)):
        node.delete_addresses()
        yield dice.uniform(0.05, 1.5)


@fault("drained and resumed", bound=2 * SILENT, says="drain", gentle=True)
def _(node, dice):
    node.holdfast.cli("drain")
    yield dice.uniform(0.1, 2)
    node.holdfast.cli("resume")


@fault("disk full, drained and resumed", bound=2 * SILENT, says="No space left|drain", gentle=True)
def _(node, dice):
    node.fill_disk()
    node.holdfast.cli("drain")
    yield dice.uniform(0.1, 1)
    node.holdfast.cli("resume")
    node.empty_disk()
    node.holdfast.cli("resume")


@fault("clock set", says="", gentle=True)
def _(node, dice):
    for _ in range(dice.randint(1, 3)):
        node.step_clock(dice.choice((-1, 1)) * 10 ** dice.uniform(-2, 7))
        yield dice.uniform(0.05, 0.5)


@fault("parent at its memory limit", bound=2 * SILENT, says=RESTARTED + "|memory|bad_alloc|cannot")
def _(node, dice):
    pid = node.holdfast.parent()
    _limit(pid, _address_space(pid) + dice.choice((0, 64, 1024)) * 1024)
    node.holdfast.cli("status")
    node.reload()
    yield dice.uniform(0.5, 2)
    _limit(pid, resource.RLIM_INFINITY)


@fault("memory eaten by another", says="")
def _(node, dice):
    eater = node.host.spawn(["/usr/bin/python3", "-c", "x = bytearray(300 << 20); import time; time.sleep(60)"], "eater")
    yield dice.uniform(0.5, 2)
    eater.kill()


@fault("daemon restarted", bound=2 * SILENT, says="")
def _(node, dice):
    node.stop_daemon()
    yield dice.uniform(0.01, 1)
    node.start_daemon()


@fault("power cut and boot", bound=2 * SILENT, says="carrier|interface|check")
def _(node, dice):
    node.power_off()
    yield dice.uniform(0.2, 2)
    node.boot()


# Not of the dice: a core of this machine that stood still for so long that its processes missed adverts.
STALL = Kind("core stood still", 2 * SILENT + REFRESH, LEASED, None, RESTARTED + "|did not answer|slept|no answer within" + RIVAL)
STALL_SHORTEST = 2 * ADVERT


def _address_space(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _limit(pid, size):
    try:
        resource.prlimit(pid, resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))
    except (ProcessLookupError, PermissionError):  # it is gone, and its id perhaps another's
        pass
