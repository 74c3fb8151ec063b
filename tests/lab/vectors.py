"""tests/vectors/vrrp-vectors.yaml for the black-box tests: a reader for exactly that file, whose lines are flat."""

import pathlib
import re
from dataclasses import dataclass

_FILE = pathlib.Path(__file__).resolve().parent.parent / "vectors/vrrp-vectors.yaml"


@dataclass
class Vector:
    name: str
    receiver: str
    src: str
    dst: str
    ttl: int
    payload: bytes
    accept: bool
    failed_check: str
    counter: str        # RFC 8347's name with underscores, "none" where it has none
    checksum_form: str


def _value(text):
    return text.strip().strip("'\"")


def receivers():
    """Each receiver's settings by its name, as text; `vips` is a list."""
    found = {}
    for name, settings in re.findall(r"^  (\w+): \{(.*)\}$", _FILE.read_text(), re.MULTILINE):
        vips = re.search(r"vips: \[(.*)\]", settings)[1]
        flat = re.findall(r"(\w+): ([^,\[]+)(?:,|$)", settings)
        found[name] = {key: _value(value) for key, value in flat} | {"vips": [_value(each) for each in vips.split(",")]}
    return found


def vectors(receiver):
    """The vectors for a receiver, in order."""
    found = []
    for block in _FILE.read_text().split("announce_frames:")[0].split("\n  - ")[1:]:
        fields = {key: _value(value) for key, value in re.findall(r"^ *(\w+): (.*)$", block, re.MULTILINE)}
        if fields["receiver"] == receiver:
            counter = fields.get("counter", "").split("(")[0].replace("-", "_")
            found.append(Vector(fields["name"], receiver, fields["src"], fields["dst"], int(fields["ttl"]),
                                bytes.fromhex(fields["payload_hex"]), fields["expect"] == "accept",
                                fields.get("failed_check", ""), counter, fields["checksum_form"]))
    return found
