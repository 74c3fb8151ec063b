#!/usr/bin/python3
"""`holdfast` as people and scripts use it: what it says and its exit codes; several daemons on one host."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Holdfast, main, wait_until
from lab.services import binary_folder
from lab.tutorial import VIP, configuration, machine, quick_configuration


def test_not_running(lab):
    holdfast = machine(lab, 1, quick_configuration(100)).holdfast
    for arguments in (["status"], ["status", "--json"], ["reload"]):
        done = holdfast.cli(*arguments)
        assert done.returncode == 3, f"{arguments}: {done}"
        assert "holdfastd" in done.stderr and done.stdout == "", done


def test_usage(lab):
    holdfast = machine(lab, 1, quick_configuration(100)).holdfast
    for arguments in (["no-such-command"], ["status", "--no-such-option"], []):
        assert holdfast.host.run([binary_folder() / "holdfast", *arguments], check=False).returncode == 2, arguments
    for arguments in (["--help"], ["status", "--help"], ["--version"]):
        done = holdfast.host.run([binary_folder() / "holdfast", *arguments], check=False)
        assert done.returncode == 0 and done.stdout, arguments


def test_status(lab):
    web_1 = machine(lab, 1, configuration(100))
    holdfast = web_1.holdfast.start()
    holdfast.waits_for_state("active", 10)
    wait_until(lambda: holdfast.check("nginx")["status"] == "up", 5, "nginx is up")
    told = holdfast.status()
    lab.note(json.dumps(told, indent=1))
    assert told["node"] == "web-1"
    assert told["config"]["file"] == holdfast.CONFIG and told["config"]["error"] is None
    instance = told["instances"][0]
    expected = {"name": "VI_1", "state": "active", "interface": "ens33", "vrid": 66, "family": "ipv4", "version": 2,
                "advert_interval_ms": 1000, "drained": False,
                "handing_over": False, "active_router": {"address": "192.168.16.128", "priority": 102},
                "addresses": [{"address": f"{VIP}/32", "interface": "ens33", "present": True, "problem": None}],
                "tracks": [{"check": "nginx", "status": "up", "weight": 2}]}
    for key, value in expected.items():
        assert instance[key] == value, f"{key}: {instance[key]!r} instead of {value!r}"
    assert (instance["priority"]["configured"], instance["priority"]["effective"]) == (100, 102), instance["priority"]
    assert instance["statistics"]["advertisement_sent"] > 0
    assert told["checks"][0]["type"] == "process" and told["checks"][0]["runs"] > 0

    text = holdfast.cli("status")
    lab.note(text.stdout)
    assert text.returncode == 0
    for word in ("VI_1", "active", VIP, "nginx", "up", instance["reason"]):
        assert word in text.stdout, f"{word!r} is not in the text"
    assert json.loads(holdfast.cli("status", "VI_1", "--json").stdout)["instances"][0]["name"] == "VI_1"
    unknown = holdfast.cli("status", "VI_9")
    assert unknown.returncode == 1 and "VI_9" in unknown.stderr, unknown


def test_validate(lab):
    """`holdfast validate` needs no daemon."""
    host = machine(lab, 1, configuration(100)).host
    holdfast = binary_folder() / "holdfast"

    def validate(text):
        host.write("/etc/holdfast/tried.yaml", text)
        return host.run([holdfast, "validate", "/etc/holdfast/tried.yaml"], check=False)

    assert validate(configuration(100)).returncode == 0
    bad = validate(configuration(100).replace("vrid: 66", "vrid: 666").replace("track:", "trakc:"))
    assert bad.returncode == 1
    assert "666" in bad.stderr and "track" in bad.stderr, f"every problem in one run: {bad.stderr}"
    assert all(line.startswith("/etc/holdfast/tried.yaml:") for line in bad.stderr.splitlines() if "error:" in line)
    missing = host.run([holdfast, "validate", "/etc/holdfast/no-such-file.yaml"], check=False)
    assert missing.returncode == 1 and "no-such-file" in missing.stderr


def test_daemon_refuses_a_bad_configuration(lab):
    holdfast = machine(lab, 1, "instances: {web: {interface: ens33}}").holdfast
    holdfast.start(wait=False)
    assert holdfast.process.wait(10) != 0
    assert f"{holdfast.CONFIG}:1:" in holdfast.process.log, holdfast.process.log


def test_second_daemon_in_the_same_runtime_directory_is_refused(lab):
    web_1 = machine(lab, 1, quick_configuration(100))
    web_1.holdfast.start()
    web_1.holdfast.waits_for_state("active", 10)
    second = Holdfast(web_1.host, quick_configuration(100), config_path="/etc/holdfast/second.yaml")
    second.start(wait=False)
    assert second.process.wait(10) != 0
    assert "/run/holdfast" in second.process.log
    assert web_1.holdfast.instance()["state"] == "active"


def test_several_daemons_on_one_host(lab):
    web_1 = machine(lab, 1, quick_configuration(100))
    host = web_1.host
    second = Holdfast(host, quick_configuration(100, vrid=67, address="192.168.16.140"),
                      config_path="/etc/holdfast/second.yaml", runtime_dir="/run/holdfast-second")
    web_1.holdfast.start()
    second.start()
    web_1.holdfast.waits_for_state("active", 10)
    second.waits_for_state("active", 10)
    assert web_1.holdfast.instance()["vrid"] == 66 and second.instance()["vrid"] == 67
    assert web_1.holdfast.stop() == 0
    assert lab.holders(VIP) == [] and lab.holders("192.168.16.140") == ["web-1"]
    assert second.instance()["state"] == "active"
    assert web_1.holdfast.cli("status").returncode == 3


if __name__ == "__main__":
    main()
