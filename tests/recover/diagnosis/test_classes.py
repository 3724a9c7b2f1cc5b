"""The table of classes: every message of it is Flink's, in the version that is installed."""

from __future__ import annotations

import io
import os
import re
import time
import zipfile
from functools import cache
from pathlib import Path

import pytest

from planner.flink.jvm import flink_jars
from planner.recover.diagnosis.classes import CLASSES, LONGEST_LOOKED_AT, classes_in

HOMES = [Path(home) for home in os.environ.get("PLANNER_FLINK_HOMES", "").split(os.pathsep) if home]
"""Other versions of Flink, as for tests/flink/test_versions.py."""
NEW_IN_2 = {
    "Failed to build RocksDB state backend",
    "Lost connection to task manager '{address} [ {tm} ] '.",
}
"""Messages that Flink 1.20 does not have."""
PLACES = re.compile(r"\{\w+\}")
NOT_OF_FLINK = re.compile(
    r"^java\.lang\.|OutOfDirectMemoryError|physical memory|'PHYSICAL'|^exitCode=|^supervisor: "
)
"""Messages of the JVM, of Netty, of YARN, of planner; one that Flink puts together from words of Kubernetes."""
MESSAGES = [(one.name, message) for one in CLASSES for message in one.evidence]


def filled(message: str) -> str:
    """Return a message with something in every place."""
    values = {"{tm}": "tm-1", "{class}": "com.example.Price", "{address}": "10.0.0.1/10.0.0.1:4711"}
    return PLACES.sub(lambda found: values.get(found[0], "7"), message)


@pytest.mark.parametrize(("name", "message"), MESSAGES)
def test_a_message_is_evidence_of_its_class(name: str, message: str) -> None:
    line = f"Caused by: org.apache.flink.util.FlinkException: {filled(message)}"
    found = {one.name: fields for one, fields in classes_in(line)}
    assert name in found
    if "{tm}" in message:
        assert found[name]["tm"] == "tm-1"


def test_names_are_unique_and_every_class_has_what_people_read() -> None:
    assert len({one.name for one in CLASSES}) == len(CLASSES)
    for one in CLASSES:
        assert all((one.title, one.remedy, one.source_url.startswith("https://")))
        assert one.evidence or one.name in ("user-code", "unknown")


@pytest.mark.parametrize(
    "piece", ["Error at remote task manager '", "Recovery is suppressed by ", "a", " ", "["]
)
def test_no_line_takes_long(piece: str) -> None:
    line = piece * (LONGEST_LOOKED_AT // len(piece) * 2)
    begun = time.monotonic()
    list(classes_in(line))
    assert time.monotonic() - begun < 0.5


@cache
def constants(home: Path | None = None) -> bytes:
    """Return the classes of Flink's distribution and of its RPC system, whose texts are UTF-8 in them."""
    (dist,) = (jar for jar in flink_jars(home) if jar.name.startswith("flink-dist"))
    with zipfile.ZipFile(dist) as jar, zipfile.ZipFile(io.BytesIO(jar.read("flink-rpc-akka.jar"))) as rpc:
        packages = ("runtime", "util", "kubernetes", "state", "streaming")
        wanted = tuple(f"org/apache/flink/{package}/" for package in packages)
        found = [jar.read(name) for name in jar.namelist() if name.startswith(wanted)]
        wanted = ("org/apache/flink/", "org/apache/pekko/remote/Endpoint")
        return b"".join([*found, *(rpc.read(name) for name in rpc.namelist() if name.startswith(wanted))])


def not_of_flink(message: str, home: Path | None = None) -> list[str]:
    """Return the parts of a message, between what is filled in, that are not in Flink's classes."""
    parts = re.split(r"\{\w+\}|RECEIVED SIGNAL 15: SIGTERM\.|1\.$|:? (?=The total)|org\.apache\S+ ", message)
    return [part for part in parts if part.strip(" '[]").encode() not in constants(home)]


OF_FLINK = [message for _, message in MESSAGES if not NOT_OF_FLINK.search(message)]


@pytest.mark.parametrize("message", OF_FLINK)
def test_messages_are_those_of_flink(message: str) -> None:
    assert not not_of_flink(message)


@pytest.mark.extended
@pytest.mark.skipif(not HOMES, reason="PLANNER_FLINK_HOMES names no distributions")
@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.parent.name)
def test_messages_are_those_of_other_versions(home: Path) -> None:
    """Each message is there, or another one of its class that only this version has."""
    for one in CLASSES:
        known = [message for message in one.evidence if message in OF_FLINK]
        assert not known or any(not not_of_flink(message, home) for message in known), one.name
    missing = {message for message in OF_FLINK if not_of_flink(message, home)}
    assert missing <= NEW_IN_2
