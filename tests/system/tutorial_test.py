#!/usr/bin/python3
"""The tutorial acted out: nginx and whole hosts fail, and the page at the virtual address stays."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import main, stays, wait_until
from lab.tutorial import VIP, pair, visitor


def test_tutorial(lab):
    browser = visitor(lab)
    web_1, web_2 = pair(lab)
    seen = {web_1.host: 0, web_2.host: 0}  # lines of the log that have been looked at

    def logged(machine, *words):
        """A line that is new since the last call says all the words; it is there soon."""
        def find():
            fresh = machine.holdfast.process.lines[seen[machine.host]:]
            return next((line for line in fresh if all(word in line for word in words)), None)
        line = wait_until(find, 3, f"a new line in the log of {machine.host.name} says {words}")
        seen[machine.host] = machine.holdfast.process.lines.index(line) + 1
        lab.note(f"reason found: {line}")

    def moves_to(machine, timeout):
        browser.waits_for(VIP, machine.host.name, timeout)
        wait_until(lambda: lab.holders(VIP) == [machine.host.name], 3, f"{machine.host.name} alone has the address")
        assert machine.holdfast.instance()["state"] == "active"
        assert machine.holdfast.instance()["reason"]

    lab.note("a. the page is web-1's")
    moves_to(web_1, 15)
    logged(web_1, "VI_1: ", "-> active: ")
    stays(lambda: browser.page(VIP) == "web-1" and lab.holders(VIP) == ["web-1"], 3, "the page is web-1's")
    assert web_2.holdfast.instance()["state"] == "backup"
    assert web_2.holdfast.instance()["active_router"] == {"address": "192.168.16.128", "priority": 102}

    lab.note("b. nginx stopped on web-1: restarted, the page is still web-1's")
    web_1.nginx.stop()
    browser.waits_for(VIP, "web-1", 3)
    logged(web_1, "check nginx: ", "restarted")
    stays(lambda: browser.page(VIP) == "web-1" and lab.holders(VIP) == ["web-1"], 5, "the page is web-1's")

    lab.note("c. nginx on web-1 can't start any more: the page is web-2's")
    web_1.nginx.break_()
    web_1.nginx.stop()
    moves_to(web_2, 15)
    logged(web_1, "not restarting", "configuration is broken", "nginx.conf")
    logged(web_1, "VI_1: ", "-> backup: ", "check nginx is down")
    logged(web_2, "VI_1: ", "-> active: ")
    stays(lambda: browser.page(VIP) == "web-2", 3, "the page is web-2's")

    lab.note("d. nginx repaired: web-1's again")
    web_1.nginx.repair()
    if not web_1.nginx.running:
        web_1.nginx.start()
    moves_to(web_1, 20)
    logged(web_1, "VI_1: ", "-> active: ")

    lab.note("e. web-1 is cut off the network: web-2's")
    web_1.host.cut()
    browser.waits_for(VIP, "web-2", 10)
    logged(web_1, "VI_1: ", "-> fault: ")
    logged(web_2, "VI_1: ", "-> active: ")

    lab.note("f. web-1 is back: web-1's again")
    web_1.host.join()
    moves_to(web_1, 20)
    logged(web_1, "VI_1: ", "-> active: ")
    logged(web_2, "VI_1: ", "-> backup: ")

    lab.note("g. both daemons stopped: nobody has the address")
    assert web_1.holdfast.stop() == 0
    assert web_2.holdfast.stop() == 0
    assert lab.holders(VIP) == []
    assert browser.page(VIP) is None


if __name__ == "__main__":
    main()
