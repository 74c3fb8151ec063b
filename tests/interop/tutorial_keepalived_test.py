#!/usr/bin/python3
"""The tutorial with keepalived, as its users run it today: proves the lab."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Keepalived, Nginx, Visitor, main, stays, wait_until
from lab.services import TUTORIAL_CHECK, TUTORIAL_SCRIPT, keepalived_instance

VIP = "192.168.16.130"


def test_tutorial_with_keepalived(lab):
    visitor = Visitor(lab.host("visitor", "192.168.16.1/24"))
    machines = {}
    for name, number, priority, state in (("web-1", 128, 100, "MASTER"), ("web-2", 129, 99, "BACKUP")):
        host = lab.host(name, f"192.168.16.{number}/24")
        host.write("/usr/local/src/check_nginx_pid.sh", TUTORIAL_SCRIPT, mode=0o755)
        nginx = Nginx(host)
        nginx.start()
        track = "track_script { chk_http_port }"
        keepalived = Keepalived(host, TUTORIAL_CHECK + keepalived_instance(priority=priority, state=state, extra=track))
        machines[name] = (host, nginx, keepalived)
        keepalived.start()
    host_1, nginx_1, keepalived_1 = machines["web-1"]

    visitor.waits_for(VIP, "web-1", 15)
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 5, "web-1 alone holds the address")
    stays(lambda: lab.holders(VIP) == ["web-1"], 3, "web-1 alone holds the address")

    nginx_1.stop()
    wait_until(lambda: visitor.page(VIP) is None, 2, "the page is gone")
    visitor.waits_for(VIP, "web-1", 10)

    nginx_1.break_()
    nginx_1.stop()
    visitor.waits_for(VIP, "web-2", 15)
    assert not keepalived_1.process.running, "the script has stopped keepalived"

    nginx_1.repair()
    nginx_1.start()
    keepalived_1.start()
    visitor.waits_for(VIP, "web-1", 15)

    host_1.cut()
    visitor.waits_for(VIP, "web-2", 10)
    host_1.join()
    visitor.waits_for(VIP, "web-1", 15)

    host_1.power_off()
    visitor.waits_for(VIP, "web-2", 10)
    host_1.boot()
    nginx_1.start()
    keepalived_1.start()
    visitor.waits_for(VIP, "web-1", 15)

    for _, _, keepalived in machines.values():
        keepalived.stop()
    wait_until(lambda: lab.holders(VIP) == [], 5, "nobody holds the address")


if __name__ == "__main__":
    main()
