"""The show behind ./demo: two web servers share an address while nginx and whole hosts fail; one line a second."""

import argparse
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Failure, Lab, wait_until
from lab.lab import isolate
from lab.tutorial import VIP, pair, visitor


class Show:
    """Samples the page ten times a second and prints what a visitor and an operator see once a second."""

    def __init__(self, lab, browser, machines):
        self.lab, self.browser, self.machines = lab, browser, machines
        self.page, self.away_since, self.longest_away = None, None, 0.0
        self._reasons = {}
        self._printing = threading.Lock()
        self._over = False
        for loop in (self._sample, self._print_lines):
            threading.Thread(target=loop, daemon=True).start()

    def say(self, text):
        with self._printing:
            print(text, flush=True)

    def end(self):
        self._over = True

    def begin_measuring(self):
        self.longest_away = 0.0

    def _sample(self):
        while True:
            self.page = self.browser.page(VIP, timeout=0.25)
            now = time.monotonic()
            if self.page is not None:
                self.away_since = None
            else:
                self.away_since = self.away_since or now
                self.longest_away = max(self.longest_away, now - self.away_since)
            time.sleep(0.1)

    def _print_lines(self):
        while not self._over:
            states = [self._state(machine) for machine in self.machines]
            page = f"{self.page}'s" if self.page else "NO ANSWER"
            self.say(f"{time.strftime('%H:%M:%S')}  page: {page:<9}  " + "   ".join(states))
            time.sleep(1)

    def _state(self, machine):
        name = machine.host.name
        status = machine.holdfast.status() if machine.holdfast.process and machine.holdfast.process.running else None
        if not status:
            return f"{name}: not running".ljust(36)
        instance = status["instances"][0]
        if self._reasons.get(name) != (instance["state"], instance["since"]):
            self._reasons[name] = (instance["state"], instance["since"])
            self.say(f"          {name} is {instance['state']}: {instance['reason']}")
        health = next((check["status"] for check in status["checks"]), "?")
        priority = instance["priority"]["effective"]
        return f"{name}: {instance['state']}, nginx {health}, priority {priority}".ljust(36)


def steps(lab, browser, web_1, web_2):
    """(what happens, what must follow, how to make it happen, how to see that it followed)."""
    def shows(machine, timeout):
        def see():
            browser.waits_for(VIP, machine.host.name, timeout)
            wait_until(lambda: lab.holders(VIP) == [machine.host.name], 5, f"only {machine.host.name} has the address")
        return see

    def restarted():
        wait_until(lambda: web_1.nginx.running, 5, "nginx runs again")
        shows(web_1, 5)()

    def unusable():
        web_1.nginx.break_()
        web_1.nginx.stop()

    def repaired():
        web_1.nginx.repair()
        if not web_1.nginx.running:
            web_1.nginx.start()

    def stopped():
        for machine in (web_1, web_2):
            if machine.holdfast.stop() != 0:
                raise Failure(f"holdfastd on {machine.host.name} did not exit with 0")

    def nobody():
        wait_until(lambda: lab.holders(VIP) == [], 5, "nobody has the address")
        wait_until(lambda: browser.page(VIP) is None, 5, "nobody answers")

    return [
        ("Both servers run nginx and holdfastd.", "web-1 has the higher priority and serves the page.",
         lambda: None, shows(web_1, 15)),
        ("nginx is stopped on web-1.", "It is restarted there; the address does not move.",
         web_1.nginx.stop, restarted),
        ("nginx on web-1 gets an unusable configuration and is stopped.",
         "The restart fails, so web-2 takes the address over.", unusable, shows(web_2, 20)),
        ("nginx on web-1 is repaired and started.", "The address goes home to web-1.", repaired, shows(web_1, 25)),
        ("web-1 is cut off the network.", "web-2 takes the address over.", web_1.host.cut, shows(web_2, 15)),
        ("web-1 is back on the network.", "The address goes home to web-1.", web_1.host.join, shows(web_1, 25)),
        ("Both daemons are stopped.", "Nobody has the address any more.", stopped, nobody),
    ]


def run(interactive):
    with Lab() as lab:
        browser = visitor(lab)
        print(f"""
Two web servers, web-1 (192.168.16.128) and web-2 (192.168.16.129), share the address {VIP}.
A visitor asks http://{VIP}/ all the time; the page says which server answered. Everything runs in
network namespaces of this demo; nothing of it stays on this machine.
""", flush=True)
        web_1, web_2 = pair(lab)
        show = Show(lab, browser, [web_1, web_2])
        summary = []
        failed = False
        for number, (what, then, act, see) in enumerate(steps(lab, browser, web_1, web_2), 1):
            show.say(f"\n--- {number}. {what} {then}")
            show.begin_measuring()
            try:
                act()
                see()
                time.sleep(3)
                verdict = "as expected"
            except Exception as problem:
                failed = True
                verdict = f"NOT as expected: {problem}"
            away = "" if number in (1, 7) else f"; the page was away for {max(show.longest_away, 0.1):.1f} s at most"
            show.say(f"--- {number}. {verdict}{away}")
            summary.append(f"{number}. {what} {then}\n   {verdict}{away}")
            if failed:
                break
            if interactive and number < 7:
                show.say("--- Enter: next step; Ctrl-C: end")
                sys.stdin.readline()
        show.end()
        print("\nWhat happened:\n" + "\n".join(summary))
        if failed:
            print("\nThe last lines of all programs:\n" + "\n".join(lab.timeline[-60:]))
        print("\nNot every step did what it said." if failed else "\nEvery step did what it said.", flush=True)
        return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(prog="./demo", description=__doc__)
    parser.add_argument("--script", action="store_true",
                        help="don't wait for Enter between the steps; exit with 0 only if each did what it said")
    arguments = parser.parse_args()
    isolate()
    try:
        code = run(interactive=not arguments.script and sys.stdin.isatty())
    except KeyboardInterrupt:
        print("\nStopped. Nothing is left behind.", flush=True)
        code = 130
    sys.stdout.flush()
    os._exit(code)  # PID 1 of the lab: the kernel ends whatever is left


if __name__ == "__main__":
    main()
