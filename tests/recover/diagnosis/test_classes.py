"""The table of classes: every message of it is Flink's, in the version that is installed."""

from __future__ import annotations

import io
import re
import time
import zipfile
from functools import cache

import pytest

from planner.flink.jvm import flink_jars
from planner.recover.diagnosis.classes import CLASSES, LONGEST_LOOKED_AT, classes_in

PLACES = re.compile(r"\{\w+\}")
NOT_OF_FLINK = re.compile(r"^java\.lang\.|OutOfDirectMemoryError|physical memory|'PHYSICAL'|^exitCode=")
"""Messages of the JVM, of Netty, of YARN; and one that Flink puts together from words of Kubernetes."""
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
def constants() -> bytes:
    """Return the classes of Flink's distribution and of its RPC system, whose texts are UTF-8 in them."""
    (dist,) = (jar for jar in flink_jars() if jar.name.startswith("flink-dist"))
    with zipfile.ZipFile(dist) as jar, zipfile.ZipFile(io.BytesIO(jar.read("flink-rpc-akka.jar"))) as rpc:
        packages = ("runtime", "util", "kubernetes", "state", "streaming")
        wanted = tuple(f"org/apache/flink/{package}/" for package in packages)
        found = [jar.read(name) for name in jar.namelist() if name.startswith(wanted)]
        wanted = ("org/apache/flink/", "org/apache/pekko/remote/Endpoint")
        return b"".join([*found, *(rpc.read(name) for name in rpc.namelist() if name.startswith(wanted))])


@pytest.mark.parametrize(("name", "message"), [one for one in MESSAGES if not NOT_OF_FLINK.search(one[1])])
def test_messages_are_those_of_flink(name: str, message: str) -> None:
    del name
    for part in re.split(
        r"\{\w+\}|RECEIVED SIGNAL 15: SIGTERM\.|1\.$|:? (?=The total)|org\.apache\S+ ", message
    ):
        assert part.strip(" '[]").encode() in constants()
