"""Labels of the Kubernetes operator: Flink reads the value as the table, and each message gets its class."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from in_process import invoke
from recover.diagnosis.test_classes import MESSAGES, filled

from planner.recover.diagnosis.classes import classes_in
from planner.recover.diagnosis.labels import LABEL_MAPPER, failure_labels, label_mapper

LOGS = Path(__file__).parent.parent / "logs"
OF_FLINK = [(name, message) for name, message in MESSAGES if not message.startswith("supervisor: ")]
"""What a supervisor says never comes to the operator."""


def split(text: str, delimiter: str) -> list[str]:
    """Split as `StructuredOptionsSplitter.splitEscaped`: parts may be quoted, a quote within is doubled."""
    found, at = [], 0
    while at <= len(text):
        if text[at : at + 1] in ("'", '"'):
            quote = text[at]
            quoted = re.compile(f"{quote}((?:[^{quote}]|{quote}{quote})*){quote}").match(text, at)
            assert quoted is not None
            found.append(quoted[1].replace(quote * 2, quote))
            at = quoted.end()
        else:
            end = text.find(delimiter, at)
            end = len(text) if end < 0 else end
            found.append(text[at:end])
            assert not {"'", '"'} & set(text[at:end]), "illegal quoting"
            at = end
        assert at == len(text) or text[at] == delimiter
        at += 1
    return found


def read_map(text: str) -> dict[str, str]:
    """Read as `ConfigurationUtils.parseStringToMap`."""
    pairs = [split(pair, ":") for pair in split(text, ",")]
    assert all(len(pair) == 2 for pair in pairs)
    return {pair[0]: pair[1] for pair in pairs}


def labels(message: str) -> set[str]:
    return {label for found, label in failure_labels().items() if re.search(found, message)}


def test_flink_reads_what_is_written() -> None:
    assert read_map(label_mapper()) == failure_labels()
    assert {*failure_labels().values()} == {name for name, _ in OF_FLINK}


@pytest.mark.parametrize(("name", "message"), OF_FLINK)
def test_a_message_gets_its_class(name: str, message: str) -> None:
    assert name in labels(filled(message))


def test_lines_of_logs_get_the_classes_of_a_diagnosis() -> None:
    seen = set()
    for file in LOGS.glob("*/*.log"):
        for line in file.read_text().splitlines():
            if cause := re.search(r"Caused by: (.*)", line):
                found = {one.name for one, _ in classes_in(cause[1])}
                assert found == labels(cause[1])
                seen |= found
    assert len(seen) > 5


def test_it_is_a_line_of_yaml(tmp_path: Path) -> None:
    answer = invoke(["export", "--target", "operator-labels"])
    key, _, value = answer.stdout.rstrip("\n").partition(": ")
    assert (answer.exit_code, key, json.loads(value)) == (0, LABEL_MAPPER, label_mapper())
    assert invoke(["export", "--target", "operator-labels", "-o", str(tmp_path / "x")]).exit_code == 0
    assert (tmp_path / "x").read_text() == answer.stdout
    refused = invoke(["export", "job.yaml", "--target", "operator-labels"])
    assert (refused.exit_code, "leave the job out" in refused.stderr) == (2, True)
