"""Hosts of one group whose health is a process of the test's own, with everything that is worth watching."""

import os
import signal

from .lab import Host
from .ownership import Ownership
from .services import Holdfast
from .tutorial import MACHINES, VIP, VISITOR, quick_configuration
from .wire import Recorder

_SERVICE = """
service:
  type: process
  pid_file: /run/service.pid
  interval: 100ms
"""


class Member:
    """web-1, web-2 or web-3: holdfastd, and a service that it watches."""

    def __init__(self, lab, number, configured):
        self.host: Host = lab.host(f"web-{number}", f"{MACHINES[number]}/24")
        self.address = MACHINES[number]
        self.holdfast = Holdfast(self.host, configured)
        self._service = None
        self.recover()

    def recover(self):
        self._service = self.host.spawn(["sleep", "infinity"], "service")
        pid = self.host.run(["pgrep", "-nx", "sleep"]).stdout
        self.host.write("/run/service.pid", pid)

    def fail(self):
        self.host.lab.note(f"the service of {self.host.name} dies")
        self._service.kill()

    def instance(self):
        return self.holdfast.instance()

    def processes(self):
        """Lab-side ids of the parent and its children."""
        return [self.holdfast.parent(), self.holdfast.vrrp_child(), self.holdfast.checker_child()]

    def freeze(self):
        self.host.lab.note(f"everything of Holdfast on {self.host.name} is stopped")
        frozen = self.processes()
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        return frozen


class Group:
    """Members with these priorities, started in order, and a neighbour who sees the wire."""

    def __init__(self, lab, *priorities, each=lambda number: "", started=True, **options):
        self.neighbour = lab.host("neighbour", f"{VISITOR}/24")
        self.wire = Recorder(self.neighbour)
        self.members = []
        for number, priority in enumerate(priorities, 1):
            extra = "track: [service]\n" + each(number)
            configured = quick_configuration(priority, checks=_SERVICE, instance=extra, **options)
            self.members.append(Member(lab, number, configured))
        self.ownership = Ownership(*(member.host for member in self.members))
        if started:
            for member in self.members:
                member.holdfast.start()
            self.members[0].holdfast.waits_for_state("active", 15)

    def __iter__(self):
        return iter(self.members)

    def adverts(self, member, since=0.0):
        return self.wire.adverts(member.address, since)

    def resignations(self, member, since=0.0):
        return [advert for advert in self.adverts(member, since) if advert.priority == 0]

    def last_priority(self, member, since=0.0):
        """What the member said last; None: nothing since then."""
        adverts = self.adverts(member, since)
        return adverts[-1].priority if adverts else None

    def holders(self):
        return [member.host.name for member in self.members if member.host.has(VIP)]
