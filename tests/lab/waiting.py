"""Waiting for something to become true, and seeing that it stays so."""

import time


class Failure(AssertionError):
    """What a test saw was not what it expected; the text says both."""


def wait_until(predicate, timeout, what):
    """Polls until predicate() is truthy and returns that value; `what` says in words what was expected."""
    deadline = time.monotonic() + timeout
    while True:
        seen = predicate()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise Failure(f"not within {timeout} s: {what}; last seen: {seen!r}")
        time.sleep(0.02)


def stays(predicate, duration, what):
    """Polls for `duration` seconds that predicate() is truthy all the time."""
    start = time.monotonic()
    while time.monotonic() - start < duration:
        seen = predicate()
        if not seen:
            raise Failure(f"ended after {time.monotonic() - start:.2f} s: {what}; seen: {seen!r}")
        time.sleep(0.02)
