"""Kinds of operators: the facts about an operator's class that chaining and memory depend on.

A kind that ends in ``-source`` or ``-sink`` is a connector of Flink's current APIs (FLIP-27 source,
Sink V2) even when it has no entry here.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

from planner.documents.vocabulary import Chaining, UseCase


@dataclass(frozen=True, slots=True)
class Kind:
    """What Flink's classes for this kind of operator say of themselves.

    ``inputs`` is the number of separate inputs (0 for a source); inputs beyond it are unions.
    ``keyed`` operators keep keyed state. ``name`` is how Flink names the operator by default.
    """

    what: str
    inputs: int = 1
    source_factory: bool = False
    legacy_source: bool = False
    yielding: bool = False
    keyed: bool = False
    python: bool = False
    chaining: Chaining = Chaining.ALWAYS
    name: str = "{id}"

    @property
    def source(self) -> bool:
        """Whether it begins a job."""
        return self.inputs == 0

    @property
    def slot_use_cases(self) -> frozenset[UseCase]:
        """What it declares for the managed memory of its slot."""
        declared = {UseCase.STATE_BACKEND: self.keyed, UseCase.PYTHON: self.python}
        return frozenset(use for use, wanted in declared.items() if wanted)


CACHE = "cache"
"""The kind of the operator that Flink adds for `cache()`; what a batch job sends it is kept."""
_SOURCE = Kind("FLIP-27 source", inputs=0, source_factory=True, name="Source: {id}")
_LEGACY_SOURCE = Kind(
    "SourceFunction", inputs=0, legacy_source=True, chaining=Chaining.HEAD, name="Source: {id}"
)
_SINK = Kind("Sink V2 writer", yielding=True, name="{id}: Writer")
_KEYED = Kind("operator on a keyed stream", keyed=True)

KINDS: dict[str, Kind] = {
    "operator": Kind("operator with one input"),
    "map": Kind("map"),
    "flat-map": Kind("flatMap"),
    "filter": Kind("filter"),
    "process": Kind("process"),
    "calc": Kind("projection and filter of SQL"),
    "timestamps": Kind("assignTimestampsAndWatermarks"),
    "async-io": Kind("AsyncDataStream, an AsyncWaitOperator", yielding=True),
    "lookup-join": Kind("lookup join of SQL, synchronous"),
    "async-lookup-join": Kind("lookup join of SQL, asynchronous", yielding=True),
    "keyed-process": _KEYED,
    "reduce": _KEYED,
    "aggregate": _KEYED,
    "window": _KEYED,
    "deduplicate": _KEYED,
    "top-n": _KEYED,
    "cep": _KEYED,
    "connect": Kind("operator with two inputs", inputs=2),
    "co-process": Kind("operator with two keyed inputs", inputs=2, keyed=True),
    "join": Kind("join of two keyed inputs", inputs=2, keyed=True),
    "interval-join": Kind("interval join", inputs=2, keyed=True),
    "window-join": Kind("window join", inputs=2, keyed=True),
    "broadcast-process": Kind("operator with a broadcast input", inputs=2),
    "sort": Kind("sort of a batch job"),
    "python": Kind("Python operator", python=True),
    "keyed-python": Kind("Python operator on a keyed stream", keyed=True, python=True),
    CACHE: Kind("CacheWrite, which cache() adds", chaining=Chaining.HEAD, name="CacheWrite"),
    "committer": Kind("Sink V2 committer", name="{id}: Committer"),
    "source": _SOURCE,
    "sink": _SINK,
    "legacy-source": _LEGACY_SOURCE,
    "legacy-sink": Kind("SinkFunction", name="Sink: {id}"),
    "datagen-source": replace(_LEGACY_SOURCE, what="datagen table, a SourceFunction up to Flink 2.2"),
    "print-sink": Kind("print(), a SinkFunction", name="Sink: {id}"),
}


def find_kind(name: str) -> Kind | None:
    """Return the kind called ``name``, or None when there is none."""
    if name in KINDS:
        return KINDS[name]
    if name.endswith("-source"):
        return _SOURCE
    return _SINK if name.endswith("-sink") else None


def suggest_kind(name: str) -> str | None:
    """Return the known kind that ``name`` is closest to; of a connector, with its end corrected."""
    connector, dash, end = name[:60].rpartition("-")
    if dash and (close := difflib.get_close_matches(end, ("source", "sink"), 1)):
        return f"{connector}-{close[0]}"
    return next(iter(difflib.get_close_matches(name[:60], KINDS, 1)), None)


_KEYED_NODES = (
    "Join", "GroupAggregate", "GlobalGroupAggregate", "WindowAggregate", "GlobalWindowAggregate",
    "WindowJoin", "IntervalJoin", "TemporalJoin", "Deduplicate", "Rank", "Limit", "SortLimit",
    "ChangelogNormalize", "OverAggregate", "Match", "IncrementalGroupAggregate", "WindowRank",
    "WindowDeduplicate", "TemporalSort", "MiniBatchGlobalGroupAggregate",
)  # fmt: skip


def kind_of_exec_node(node_type: str) -> str:
    """Return the kind of a node by its type in an official document.

    The type is the class name of a SQL exec node, or the kind itself where planner exported the document.
    """
    if find_kind(node_type):
        return node_type
    short = node_type.removeprefix("StreamExec").removeprefix("BatchExec")
    if "SourceScan" in short or short.endswith("Source"):
        return "source"
    if short in ("Sink", "LegacySink", "TableSink"):
        return "sink"
    if "Join" in short and "Lookup" not in short:
        return "join"
    if short.startswith("Python"):
        return "keyed-python" if "Aggregate" in short else "python"
    return "aggregate" if short in _KEYED_NODES else "operator"
