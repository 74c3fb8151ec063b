#!/usr/bin/python3
"""A host outside VRRP has one of our addresses: the state is right, and status says who it is."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from lab import Holdfast, main, stays, wait_until

ADDRESSES = {"web4": "192.168.16.130", "web6": "2001:db8::130"}


def configuration(virtual_mac):
    return "instances:\n" + "".join(f"""
  {name}:
    interface: ens33
    vrid: 66
    advert_interval: 100ms
    virtual_mac: {virtual_mac}
    announce: {{repeat_after: 1s, refresh: 1s}}
    addresses: ["{address}"]
""" for name, address in ADDRESSES.items())


def followed_by(looker, address):
    """The MAC that the host believes to have it."""
    return next((entry["lladdr"] for entry in json.loads(looker.ip("-j", "neigh", "show", "to", address))), None)


def told_of(lab, virtual_mac):
    web = lab.host("web-1", "192.168.16.128/24", "2001:db8::128/64")
    looker = lab.host("looker", "192.168.16.1/24", "2001:db8::1/64")
    holdfast = Holdfast(web, configuration(virtual_mac)).start()
    for name in ADDRESSES:
        holdfast.waits_for_state("active", 10, name)
    kinds = lambda: [conflict["kind"] for name in ADDRESSES for conflict in holdfast.instance(name)["conflicts"]]
    stays(lambda: kinds() == [], 3, "alone, there is no conflict")
    for address in ADDRESSES.values():
        looker.run(["ping", "-c1", "-W2", address])
    stranger = lab.host("stranger", "192.168.16.9/24", "2001:db8::9/64")
    for address in ADDRESSES.values():
        stranger.ip("addr", "add", f"{address}/{128 if ':' in address else 32}", "dev", "ens33", "nodad")
    mac = json.loads(stranger.ip("-j", "link", "show", "ens33"))[0]["address"]
    followed = {address: followed_by(looker, address) for address in ADDRESSES.values()}
    for name, address in ADDRESSES.items():
        wait_until(lambda: holdfast.instance(name)["conflicts"], 10, f"{name} tells of the stranger")
        conflict, = holdfast.instance(name)["conflicts"]
        assert conflict["kind"] == "address_taken" and conflict["address"] == address, conflict
        assert mac in conflict["text"], conflict
        assert holdfast.instance(name)["state"] == "active"
        assert holdfast.instance(name)["statistics"]["address_conflicts"] > 0
    stays(lambda: all(followed_by(looker, address) == whom for address, whom in followed.items()), 3,
          "nobody follows the stranger because we asked it")
    lines = [line for line in holdfast.process.lines if mac in line]
    assert len(lines) == 2, f"told once each: {lines}"


def test_another_host_has_the_addresses(lab):
    told_of(lab, "false")


def test_another_host_has_the_addresses_of_a_virtual_mac(lab):
    told_of(lab, "true")


if __name__ == "__main__":
    main()
