"""What the metrics of a running job's sources tell: their partitions, and the records that wait in them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from urllib.parse import quote

from planner.cluster.answers import Metric, Total
from planner.cluster.rest import Rest, job_path

PENDING = ".pendingRecords"
"""The end of the metric that FLIP-27 sources have of what waits for them (`SourceReaderMetricGroup`)."""
NAMES_ASKED = 50
"""Metrics of one request: Flink's REST server takes 4,096 characters of address."""


def partitions_and_pending(rest: Rest, job: str, vertex: str) -> tuple[int | None, float]:
    """Return how many partitions a vertex reads, None where it does not tell, and how many records wait.

    Raises:
        RestError: when the cluster does not answer as Flink does.

    """
    path = f"{job_path(job)}/vertices/{vertex}/subtasks/metrics"
    names = [metric.id for metric in rest.get(path, list[Metric])]
    waiting = [name for name in names if name.endswith(PENDING)][:NAMES_ASKED]
    pending = 0.0
    if waiting:
        asked = ",".join(quote(name, safe="") for name in waiting)
        told = rest.get(f"{path}?get={asked}&agg=sum", list[Total])
        pending = sum(one.sum for one in told if one.id in waiting and 0 <= one.sum < math.inf)
    return len(partitions(names)) or None, pending


def partitions(names: Iterable[str]) -> set[tuple[str, str, str]]:
    """Return the partitions that names of metrics are about, as cluster, topic and number.

    Kafka's readers have ``KafkaSourceReader.topic.<topic>.partition.<number>.currentOffset``, with
    ``kafkaCluster.<cluster>`` before it in a dynamic source; Pulsar's consumers have
    ``PulsarConsumer.<topic>-partition-<number>.<consumer>.numMsgsReceived``. Flink writes a point inside a
    part of a name as an underscore.
    """
    found = set()
    for name in names:
        parts = name.split(".")
        if parts[-1] == "currentOffset" and parts[-6:-4] == ["KafkaSourceReader", "topic"]:
            cluster = parts[-7] if parts[-8:-7] == ["kafkaCluster"] else ""
            if parts[-3] == "partition" and _digits(parts[-2]):
                found.add((cluster, parts[-4], parts[-2]))
        elif parts[-1] == "numMsgsReceived" and parts[-4:-3] == ["PulsarConsumer"]:
            topic, infix, number = parts[-3].rpartition("-partition-")
            if infix and topic and _digits(number):
                found.add(("", topic, number))
    return found


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
