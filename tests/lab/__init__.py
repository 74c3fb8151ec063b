"""A lab of hosts on one machine: namespaces, a bridge, real nginx, keepalived and FRR, holdfastd. See lab.py."""

from .craft import Injector
from .lab import Host, Lab, Process
from .ownership import Ownership
from .runner import main
from .services import Frr, Holdfast, Keepalived, Nginx, Visitor
from .waiting import Failure, stays, wait_until
from .wire import Recorder, tshark_complaints, who_answers

__all__ = ["Failure", "Frr", "Holdfast", "Host", "Injector", "Keepalived", "Lab", "Nginx", "Ownership", "Process",
           "Recorder", "Visitor", "main", "stays", "tshark_complaints", "wait_until", "who_answers"]
