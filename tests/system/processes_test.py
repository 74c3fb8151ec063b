#!/usr/bin/python3
"""The three processes: who they are, what they may do, and what happens when one of them dies."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Ownership, Recorder, main, stays, wait_until
from lab.services import binary_folder, process_status
from lab.tutorial import VIP, configuration, machine, pair, quick_configuration, visitor

CAP_NET_ADMIN, CAP_NET_RAW = 12, 13


def tracked(priority):
    """Adverts every 100 ms, health of nginx by its process."""
    return quick_configuration(priority, checks="""
nginx:
  type: process
  pid_file: /run/nginx.pid
  interval: 500ms
""", instance="track: [{check: nginx, weight: 2}]")


def alive(pid):
    return pathlib.Path(f"/proc/{pid}").exists()


def test_who_they_are(lab):
    holdfast = machine(lab, 1, tracked(100)).holdfast.start()
    holdfast.waits_for_state("active", 10)
    parent, vrrp, checker = (process_status(pid) for pid in
                             (holdfast.parent(), holdfast.vrrp_child(), holdfast.checker_child()))
    uids = [status["Uid"].split() for status in (parent, vrrp, checker)]
    assert uids[0] == ["0"] * 4
    for ids in uids[1:]:
        assert len(set(ids)) == 1 and ids[0] not in ("0", "65534"), f"a user of its own: {uids}"
    assert uids[1] != uids[2], "the two children are different users"
    for status, wanted in ((vrrp, 1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW), (checker, 0)):
        for kind in ("CapPrm", "CapEff", "CapBnd"):
            assert int(status[kind], 16) == wanted, f"{status['Name']} {kind}: {status[kind]}"
        assert int(status["CapInh"], 16) | int(status["CapAmb"], 16) in (0, wanted)
        assert status["NoNewPrivs"] == "1", status["Name"]
        assert status["Groups"] == "", f"no supplementary groups: {status['Groups']}"
    titles = {pid: pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
              for pid in (holdfast.vrrp_child(), holdfast.checker_child())}
    lab.note(f"titles: {titles}")
    assert "vrrp" in titles[holdfast.vrrp_child()] and "checker" in titles[holdfast.checker_child()]
    roles = {process["role"]: process for process in holdfast.status()["processes"]}
    assert set(roles) == {"parent", "vrrp", "checker"}
    assert sorted(roles["vrrp"]["capabilities"]) == ["cap_net_admin", "cap_net_raw"]
    assert roles["checker"]["capabilities"] == []
    assert all(role["state"] == "running" and role["restarts"] == 0 for role in roles.values()), roles


def test_the_vrrp_process_is_scheduled_first_and_stays_in_memory(lab):
    holdfast = machine(lab, 1, tracked(100)).holdfast.start()
    child = holdfast.vrrp_child()
    # Leases are renewed by a thread of its own, which is there once that was needed.
    holdfast.waits_for_state("active", 10)
    ownership, since = Ownership(lab.hosts[0]), time.monotonic()
    wait_until(lambda: ownership.renewals("web-1", VIP, since), 20, "the lease is renewed")
    ownership.stop()
    threads = [int(thread) for thread in os.listdir(f"/proc/{child}/task")]
    assert len(threads) > 1, "the renewing one as well"
    for thread in threads:
        assert os.sched_getscheduler(thread) == os.SCHED_FIFO, f"thread {thread} of {child}"
        assert 1 <= os.sched_getparam(thread).sched_priority < 50, "behind the kernel's own threads"
    limits = {line[:26].strip(): line[26:].split()[:2] for line in pathlib.Path(f"/proc/{child}/limits").read_text().splitlines()}
    assert limits["Max realtime timeout"] == ["1000000"] * 2, "it can't keep a core for ever"
    locked = int(process_status(child)["VmLck"].split()[0]) * 1024
    most = limits["Max locked memory"][0]
    if most == "unlimited":
        everything = int(process_status(child)["VmSize"].split()[0]) * 1024
        assert locked > 0.9 * everything
    else:
        assert 0.4 * min(int(most), 8 << 20) < locked <= int(most), f"{locked} bytes of {most}"
    for other in (holdfast.parent(), holdfast.checker_child()):
        assert os.sched_getscheduler(other) == os.SCHED_OTHER


def test_a_child_that_did_not_shed_refuses_to_run(lab):
    """Started by somebody else than the parent: as root, with a capability too many, without no_new_privs."""
    nobody = ["setpriv", "--reuid", "60998", "--regid", "60998", "--clear-groups"]
    no_caps = ["--bounding-set", "-all"]
    for program, setting, why in (
            ("holdfast-vrrp", [], "still runs as root"), ("holdfast-checker", [], "still runs as root"),
            ("holdfast-checker", nobody + no_caps, "no_new_privs is not set"),
            ("holdfast-checker", nobody + ["--no-new-privs"], "is still in the bounding set"),
            ("holdfast-vrrp", nobody + no_caps + ["--no-new-privs"], "is missing"),
            ("holdfast-checker", nobody[:-1] + ["--keep-groups", "--no-new-privs"], "supplementary groups")):
        # Descriptor 3 is a channel, as the parent would give it.
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            done = subprocess.run([*setting, "sh", "-c", f"exec {binary_folder()}/{program} 3<&{theirs.fileno()}"],
                                  pass_fds=[theirs.fileno()], capture_output=True, text=True, timeout=10,
                                  preexec_fn=lambda: os.setgroups([12, 13]))
            assert done.returncode == 1 and "refusing to run" in done.stderr and why in done.stderr, (program, why, done)


def test_star_of_sockets(lab):
    """Each child has one socket to the parent; none of them holds a descriptor of another's."""
    holdfast = machine(lab, 1, tracked(100)).holdfast.start()

    def sockets(pid):
        links = (os.readlink(entry) for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir())
        return {link for link in links if link.startswith("socket:")}

    vrrp, checker, parent = (sockets(pid) for pid in
                             (holdfast.vrrp_child(), holdfast.checker_child(), holdfast.parent()))
    assert not vrrp & checker and not vrrp & parent and not checker & parent
    assert len(checker) == 1, f"the checker has its channel and nothing else: {checker}"


def test_checker_killed(lab):
    visitor(lab)
    recorder = Recorder(lab.hosts[0])
    web_1, web_2 = pair(lab, tracked)
    web_1.holdfast.waits_for_state("active", 10)
    wait_until(lambda: web_1.holdfast.instance()["priority"]["effective"] == 102, 5, "nginx is seen up")
    killed = time.monotonic()
    old = web_1.holdfast.checker_child()
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: web_1.holdfast.checker_child() not in (None, old), 5, "the checker is back")
    lab.note(f"the checker was back after {time.monotonic() - killed:.2f} s")
    stays(lambda: lab.holders(VIP) == ["web-1"] and web_1.holdfast.instance()["state"] == "active", 3,
          "web-1 stays active")
    priorities = {advert.priority for advert in recorder.adverts("192.168.16.128", since=killed)}
    assert priorities == {102}, f"health holds over a restart of the checker: {priorities}"
    assert not recorder.adverts("192.168.16.129", since=killed)
    restarts = {process["role"]: process["restarts"] for process in web_1.holdfast.status()["processes"]}
    assert restarts == {"parent": 0, "vrrp": 0, "checker": 1}


def test_backup_vrrp_child_killed(lab):
    browser = visitor(lab)
    recorder = Recorder(browser.host)
    web_1, web_2 = pair(lab, tracked, priorities=(200, 100))
    browser.waits_for(VIP, "web-1", 15)
    killed = time.monotonic()
    old = web_2.holdfast.vrrp_child()
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: web_2.holdfast.vrrp_child() not in (None, old), 2, "the VRRP child is back")
    stays(lambda: lab.holders(VIP) == ["web-1"], 2, "the address stays on web-1")
    assert web_2.holdfast.instance()["state"] == "backup"
    assert not recorder.adverts("192.168.16.129", since=killed)


def hung(lab, which, still):
    """A child that stops answering is killed and replaced."""
    web_1 = machine(lab, 1, tracked(100))
    web_1.holdfast.start()
    web_1.holdfast.waits_for_state("active", 10)
    child = getattr(web_1.holdfast, which)
    old = child()
    os.kill(old, signal.SIGSTOP)
    wait_until(lambda: child() not in (None, old), 30, f"the {which} that hangs is replaced")
    assert not alive(old)
    wait_until(lambda: web_1.holdfast.instance().get("state") == "active" and lab.holders(VIP) == ["web-1"], 10, still)


def test_hung_checker_is_replaced(lab):
    hung(lab, "checker_child", "web-1 is still active")


def test_hung_vrrp_child_is_replaced(lab):
    hung(lab, "vrrp_child", "web-1 is active again")


def test_parent_killed(lab):
    browser = visitor(lab)
    recorder = Recorder(browser.host)
    web_1, web_2 = pair(lab, tracked)
    browser.waits_for(VIP, "web-1", 15)
    killed = time.monotonic()
    children = [web_1.holdfast.vrrp_child(), web_1.holdfast.checker_child()]
    web_1.holdfast.process.kill()
    wait_until(lambda: not any(alive(pid) for pid in children), 3, "both children are gone")
    wait_until(lambda: "web-1" not in lab.holders(VIP), 3, "the address is gone from web-1")
    assert 0 in {advert.priority for advert in recorder.adverts("192.168.16.128", since=killed)}
    browser.waits_for(VIP, "web-2", 5)
    taken = recorder.adverts("192.168.16.129", since=killed)[0].at - killed
    lab.note(f"web-2 took over {taken:.3f} s after the kill")


def test_address_deleted_by_hand_comes_back(lab):
    web_1 = machine(lab, 1, tracked(100))
    web_1.holdfast.start()
    web_1.holdfast.waits_for_state("active", 10)
    web_1.host.ip("addr", "del", f"{VIP}/32", "dev", "ens33")
    wait_until(lambda: lab.holders(VIP) == ["web-1"], 3, "the address is put back")
    assert web_1.holdfast.instance()["state"] == "active"


def test_stop_hands_over(lab):
    browser = visitor(lab)
    recorder = Recorder(browser.host)
    web_1, web_2 = pair(lab, tracked)
    browser.waits_for(VIP, "web-1", 15)
    stopped = time.monotonic()
    assert web_1.holdfast.stop() == 0
    assert "web-1" not in lab.holders(VIP)
    assert 0 in {advert.priority for advert in recorder.adverts("192.168.16.128", since=stopped)}
    browser.waits_for(VIP, "web-2", 5)


def test_tutorial_configuration_survives_a_checker_that_is_long_away(lab):
    """Health that stays unknown too long lowers the priority; VRRP itself is not disturbed."""
    web_1 = machine(lab, 1, configuration(100))
    web_1.holdfast.start()
    web_1.holdfast.waits_for_state("active", 10)
    wait_until(lambda: web_1.holdfast.instance()["priority"]["effective"] == 102, 5, "nginx is seen up")

    def keep_killing():
        child = web_1.holdfast.checker_child()
        if child:
            os.kill(child, signal.SIGKILL)
        assert web_1.holdfast.process.running, "a checker that dies must not end the daemon so soon"
        status = web_1.holdfast.status()
        return status if status and status["instances"][0]["priority"]["effective"] == 100 else None

    status = wait_until(keep_killing, 40, "the priority falls while health is unknown")
    assert status["checks"][0]["status"] == "unknown" and status["instances"][0]["state"] == "active"


if __name__ == "__main__":
    main()
