"""Runs the test functions of a script, each in a fresh lab: `main()` at the end of the script is all it needs.

A test is a function test_...(lab). Arguments of the script select tests by part of their name. A failure prints the
reason and everything the lab saw, in order of time."""

import os
import sys
import time
import traceback

from .lab import Lab, isolate


def main():
    isolate()
    module = sys.modules["__main__"]
    wanted = sys.argv[1:]
    tests = [(name, function) for name, function in vars(module).items()
             if name.startswith("test_") and (not wanted or any(part in name for part in wanted))]
    if not tests:
        sys.exit(f"no test is named like {wanted}")
    failed = 0
    for name, function in tests:
        started = time.monotonic()
        with Lab() as lab:
            try:
                function(lab)
                verdict = "ok"
            except Exception:
                failed += 1
                verdict = "FAILED"
                print("\n".join(lab.timeline[-400:]))
                traceback.print_exc(file=sys.stdout)
        print(f"{verdict:6} {name} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed", flush=True)
    os._exit(1 if failed else 0)  # PID 1 of the lab: the kernel ends whatever is left
