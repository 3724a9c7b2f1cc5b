"""Documents with what a rule is about, and what is found in them."""

from __future__ import annotations

from typing import Any

import yaml

from planner.api import validate
from planner.documents.finding import Finding
from planner.documents.load import load

CHECKPOINTS = {"interval": "30 s", "dir": "s3://lake/checkpoints"}


def find(*documents: dict[str, Any], code: str = "") -> list[Finding]:
    raw = yaml.safe_dump_all(documents, sort_keys=False).encode()
    loaded = load(raw, "job.yaml")
    assert all(entry.document for entry in loaded), [entry.findings for entry in loaded]
    return [finding for finding in validate(*loaded) if finding.code.startswith(code)]


def job(*operators: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "planner/v1",
        "kind": "Job",
        "metadata": {"name": "job"},
        "spec": {"checkpointing": CHECKPOINTS, "maxParallelism": 720, **spec, "operators": list(operators)},
    }


def cluster(*classes: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "planner/v1",
        "kind": "Cluster",
        "metadata": {"name": "cluster"},
        "spec": {"taskManagerClasses": list(classes), **spec},
    }


def op(name: str, kind: str = "map", *inputs: Any, **fields: Any) -> dict[str, Any]:
    return {"id": name, "kind": kind, "uid": name, **({"inputs": list(inputs)} if inputs else {}), **fields}


def with_options(version: str = "2.2", **spec: Any) -> Any:
    """Return a function that validates a job with one Flink option."""

    def check(key: str, value: object, code: str = "CFG40") -> list[Finding]:
        options = {key: value}
        return find(
            job(op("a", "source"), flinkVersion=version, flinkConfiguration=options, **spec), code=code
        )

    return check


SOURCE = op("events", "kafka-source")


COUNT = op("count", "aggregate", {"from": "events", "ship": "hash"})


STANDARD = {"name": "standard", "count": 4, "cpu": 4, "memory": {"process": "8 gb"}}
