"""One check under test, named `tried`, and the machine whose priority it moves."""

from .tutorial import quick_configuration
from .waiting import wait_until


def checked(check, *, track="{check: tried, weight: 20}", more=""):
    """A configure function for pair() and machine(). `check`: the lines of the check; `more`: further checks."""
    return lambda priority: quick_configuration(priority, checks=f"tried:\n{check}\n{more}", instance=f"track: [{track}]")


def becomes(holdfast, status, timeout=5, *, says="", name="tried"):
    """Waits until the check has this status and, where given, these words in its detail; gives all of its status."""
    def seen():
        check = holdfast.check(name)
        return check if check.get("status") == status and says in check["detail"] else None

    try:
        return wait_until(seen, timeout, f"the check is {status}" + (f" and says {says!r}" if says else ""))
    except AssertionError as failure:
        raise AssertionError(f"{failure}; it is {holdfast.check(name)}") from failure


def retry(holdfast, configuration):
    """Puts another configuration in force."""
    holdfast.write(configuration)
    done = holdfast.cli("reload")
    assert done.returncode == 0, done.stderr
