"""Ask real Flink how it reads and prints sizes and durations: units.json."""

from __future__ import annotations

import argparse
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError

from planner.flink.jvm import Jvm, start_jvm

SIZES = (
    "0|1|1024|1b|1 b|1bytes|1k|1 kb|1 kibibytes|64mb|64 MB| 64 m |64mebibytes|1g|1GB|2 gibibytes|1t|1 tb|2tb|1025 gb|"
    "1Gi|1GiB|512Mi|1.5g|1.5 gb|-1|-1m||m|1 e|1p|1_000m|0x10m|9223372036854775807|9223372036854775808|8388608t|8388607t|"
    "1 g b|+1m|1 byte|1 kilobytes|007 kb|1\tmb|\n1mb|536870902|1048577|1023|1K|１m|١m|999999999999999999999|0 gb|3tebibytes"
).split("|")
DURATIONS = (
    "0|1|1000|1 ms|36 h|1d|1 day|2 days|30 min|1 m|1 minute|10 s|10s|10 sec|5 ns|5 us|5 micro|5 µs|PT36H|P1DT2H|1.5 h|"
    "-1 s|1 w|1 week||h|1 H|1 MIN|99999999999 d|0 ms|1h30m|PT0.5S|PT-6H|-PT6H|pt1m|P1D|P|PT|PT1|PT1.123456789S|P1DT|"
    "5 nanos|7 millis|90 s|3600000|2 hours|1 secs|9223372036854775807|9223372036854775808 ms|61 min|1500 micros"
).split("|")


def answer(jvm: Jvm) -> dict[str, Any]:
    """Return Flink's answers; a text that it refuses has none."""
    size_of = jvm.view.org.apache.flink.configuration.MemorySize
    time = jvm.view.org.apache.flink.util.TimeUtils

    def size(text: str) -> dict[str, Any]:
        try:
            found = size_of.parse(text)
        except Py4JJavaError:
            return {"text": text}
        return {
            "text": text,
            "bytes": found.getBytes(),
            "plain": found.toString(),
            "human": found.toHumanReadableString(),
        }

    def duration(text: str) -> dict[str, Any]:
        try:
            found = time.parseDuration(text)
        except Py4JJavaError:
            return {"text": text}
        answers = {"text": text, "nanos": found.getSeconds() * 10**9 + found.getNano()}
        with suppress(Py4JJavaError):  # it cannot print what is negative or more than 64 bits of nanoseconds
            answers["plain"] = time.formatWithHighestUnit(found)
        return answers

    return {"sizes": [size(text) for text in SIZES], "durations": [duration(text) for text in DURATIONS]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("units.json"))
    output = parser.parse_args().output
    with start_jvm() as jvm:
        found = answer(jvm)
    rows = (
        f'"{name}": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]"
        for name, cases in found.items()
    )
    output.write_text("{" + ",\n".join(rows) + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
