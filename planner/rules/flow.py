"""Rules over the graph that Flink will run: parallelism, chaining, exchanges, regions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from planner.documents.finding import Severity
from planner.documents.job import DEFAULT_GROUP
from planner.documents.profile import ResourceProfile
from planner.documents.vocabulary import Exchange, JobType, Ship
from planner.graph.chaining import Obstacle
from planner.graph.kinds import find_kind
from planner.graph.stream_graph import StreamEdge, default_max_parallelism
from planner.rules.base import JobRule, Match, Subject

_HYBRID = (Exchange.HYBRID_FULL, Exchange.HYBRID_SELECTIVE)


def _edges(subject: Subject) -> Iterator[tuple[StreamEdge, Match]]:
    """Return every edge with a match at its place that says what it connects."""
    if subject.graph is None:
        return
    position: dict[int, int] = defaultdict(int)
    operators = {subject.node_of[operator.id]: operator for operator in subject.operators}
    for edge in subject.graph.edges:
        target = operators[edge.target]
        entry = target.inputs[position[edge.target]]
        position[edge.target] += 1
        yield edge, Match(entry.path, f"{operators[edge.source].id!r} -> {target.id!r}")


class ForwardUnequal(JobRule):
    code, name, severity = "GRA301", "forward-unequal", Severity.ERROR
    summary = "A FORWARD edge connects operators of different parallelism."
    why = "Forwarding keeps a record in its subtask, so both sides need as many; Flink refuses the job."
    hint = "use ship: rescale or rebalance, or make the parallelism equal"
    source = "Flink's StreamGraph (UnsupportedOperationException: Forward partitioning does not allow change of parallelism)"

    def check(self, subject: Subject) -> Iterator[Match]:
        for edge, match in _edges(subject):
            assert subject.graph is not None
            up, down = (
                subject.graph.by_id[edge.source].parallelism,
                subject.graph.by_id[edge.target].parallelism,
            )
            if edge.ship is Ship.FORWARD and edge.unchained is None and up != down:
                yield Match(match.path, f"{match.message} is FORWARD from parallelism {up} to {down}")


class OverMaxParallelism(JobRule):
    code, name, severity = "GRA302", "over-max-parallelism", Severity.ERROR
    summary = "An operator's parallelism is over its max parallelism."
    why = "State is divided into as many key groups as max parallelism says; more subtasks would get none."
    hint = "raise maxParallelism (it cannot change once there is state) or lower parallelism"
    source = "Flink's production readiness page: 0 < parallelism <= max parallelism <= 2^15"

    def check(self, subject: Subject) -> Iterator[Match]:
        for node in subject.graph.nodes if subject.graph else ():
            if node.max_parallelism is not None and node.parallelism > node.max_parallelism:
                operator = subject.operator_of(node.id)
                message = f"parallelism {node.parallelism} of {operator.id!r} is over its max parallelism {node.max_parallelism}"
                yield Match(operator.at("parallelism"), message)


class UnevenKeyGroups(JobRule):
    code, name, severity = "GRA303", "uneven-key-groups", Severity.INFO
    summary = "Key groups divide unevenly over the subtasks of a keyed operator."
    why = "Some subtasks get one key group more than others; with few key groups for each subtask that is a visible share of load."
    hint = "choose a parallelism that divides max parallelism, or a max parallelism with many divisors such as 720"
    source = "Flink's KeyGroupRangeAssignment; the Kubernetes operator's autoscaler page"

    def check(self, subject: Subject) -> Iterator[Match]:
        for node in subject.graph.nodes if subject.graph else ():
            groups = node.max_parallelism or default_max_parallelism(node.parallelism)
            most, least = -(-groups // node.parallelism), groups // node.parallelism
            if not node.managed_slot or least == 0 or most == least or most / least < 1.1:
                continue
            operator = subject.operator_of(node.id)
            message = f"{groups} key groups on {node.parallelism} subtasks of {operator.id!r}: some get {most}, some {least}"
            yield Match(operator.at("parallelism"), message)


class ChainBrokenByGroup(JobRule):
    code, name, severity = "GRA304", "chain-broken-by-group", Severity.INFO
    summary = "Two operators would be chained if they were in one slot sharing group."
    why = "Between groups every record is serialised and goes through network buffers; that may be wanted, but it costs."
    hint = "put both into one group if they need not be apart"
    source = "Flink's StreamingJobGraphGenerator.isChainable"

    def check(self, subject: Subject) -> Iterator[Match]:
        for edge, match in _edges(subject):
            assert subject.graph is not None
            assert subject.chainer is not None
            if subject.chainer.obstacle(edge) is not Obstacle.GROUP or edge.ship is not Ship.FORWARD:
                continue
            up, down = subject.graph.by_id[edge.source], subject.graph.by_id[edge.target]
            if up.parallelism == down.parallelism:
                yield Match(
                    match.path,
                    f"{match.message} is not chained: groups {up.group!r} and {down.group!r} differ",
                )


class LegacySourceChain(JobRule):
    code, name, severity = "GRA305", "legacy-source-chain", Severity.INFO
    summary = "An operator that yields follows a source of the old API, so they are not chained."
    why = "Sink writers and async I/O cannot share a thread with a SourceFunction; the plan shows one more task than expected."
    hint = "move the source to the current Source API"
    source = "Flink's StreamingJobGraphGenerator.areOperatorsChainable"

    def check(self, subject: Subject) -> Iterator[Match]:
        for edge, match in _edges(subject):
            if subject.chainer and subject.chainer.obstacle(edge) is Obstacle.LEGACY_SOURCE:
                yield Match(match.path, f"{match.message} is not chained: {Obstacle.LEGACY_SOURCE}")


class OneRegion(JobRule):
    code, name, severity = "GRA306", "one-region", Severity.INFO
    summary = "A large streaming job is one single restart region."
    why = "Any pipelined all-to-all edge ties all subtasks of both sides together, so every failure restarts everything that is connected."
    hint = "keep independent pipelines unconnected, or plan for whole-job restarts: planner recover"
    source = "Flink's PipelinedRegionComputeUtil"

    def check(self, subject: Subject) -> Iterator[Match]:
        job = subject.job_graph
        if job is None or subject.type is not JobType.STREAMING or len(job.logical_regions) != 1:
            return
        subtasks = sum(vertex.parallelism for vertex in job.vertices)
        if subtasks >= 100 and any(not edge.pointwise for edge in job.edges):
            yield Match(
                ("spec", "operators") if subject.kind == "Job" else ("nodes",),
                f"all {subtasks} subtasks are one restart region",
                key=True,
            )


class HybridStreaming(JobRule):
    code, name, severity = "GRA307", "hybrid-streaming", Severity.ERROR
    summary = "A streaming job uses a hybrid exchange."
    why = "Hybrid shuffle works for batch jobs only; Flink refuses the job."
    hint = "leave exchange out, or set type: batch"
    source = "Flink's StreamingJobGraphGenerator.validateHybridShuffleExecuteInBatchMode"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.type is JobType.STREAMING:
            for edge, match in _edges(subject):
                if edge.exchange in _HYBRID:
                    yield Match(match.path, f"{match.message} uses {edge.exchange} in a streaming job")


class HybridGroup(JobRule):
    code, name, severity = "GRA308", "hybrid-group", Severity.ERROR
    summary = "A batch job with a hybrid exchange names a slot sharing group."
    why = "Flink does not support other groups than the default one together with hybrid shuffle."
    hint = "remove the group, or choose another exchange or execution.batch-shuffle-mode"
    source = "Flink's StreamingJobGraphGenerator.setSlotSharing (IllegalStateException)"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.job_graph is None or subject.type is not JobType.BATCH:
            return
        if not any(edge.type.hybrid for edge in subject.job_graph.edges):
            return
        for operator in subject.operators:
            if operator.group not in (None, DEFAULT_GROUP):
                yield Match(
                    operator.at("group"),
                    f"operator {operator.id!r} is in group {operator.group!r}, but the job has hybrid exchanges",
                )


class UnequalSlots(JobRule):
    code, name, severity = "GRA309", "unequal-slots", Severity.INFO
    summary = "Slots of one group hold different tasks."
    why = (
        "Tasks of different parallelism share the slots of one group, so some slots carry more load. Which of"
        " them lands on which TaskManager is Flink's choice, and no plan can fix it."
    )
    hint = "give tasks of different parallelism groups of their own, or make their parallelism equal"
    source = "Flink's SlotSharingStrategy; the slot request of a group is the same for all its slots"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.job_graph is None:
            return
        found: dict[str, set[int]] = defaultdict(set)
        for vertex in subject.job_graph.vertices:
            found[vertex.sharing].add(vertex.parallelism)
        groups = {v.sharing: v.group for v in subject.job_graph.vertices}
        for group in dict.fromkeys(groups[s] for s, values in found.items() if len(values) > 1):
            operator = next(
                o
                for o in subject.operators
                if subject.graph and subject.graph.by_id[subject.node_of[o.id]].group == group
            )
            values = sorted({p for s, ps in found.items() if groups[s] == group for p in ps})
            yield Match(
                operator.at("group"),
                f"slots of group {group!r} are unequal: its tasks have parallelism {', '.join(map(str, values))}",
            )


class KeyedWithoutHash(JobRule):
    code, name, severity = "GRA310", "keyed-without-hash", Severity.WARNING
    summary = "A keyed operator reads an edge that is not HASH."
    why = "Records of one key have to meet in one subtask; only a hash edge does that unless the input is partitioned already."
    hint = "write inputs: [{from: ..., ship: hash}]"
    source = "Flink's KeyedStream (KeyGroupStreamPartitioner)"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.kind != "Job":
            return
        kinds = {subject.node_of[o.id]: find_kind(o.kind) for o in subject.operators}
        for edge, match in _edges(subject):
            kind = kinds[edge.target]
            if kind and kind.keyed and edge.ship not in (Ship.HASH, Ship.GLOBAL, Ship.CUSTOM):
                assert subject.graph is not None
                if subject.graph.by_id[edge.target].parallelism > 1:
                    yield Match(match.path, f"{match.message} is {edge.ship} into a keyed operator")


class ForwardExchanged(JobRule):
    code, name, severity = "GRA312", "forward-exchanged", Severity.WARNING
    summary = "A FORWARD edge of the program, behind a partitioning by key, becomes an exchange."
    why = "Between unequal parallelism nothing can be forwarded. Sent round-robin, records of one key no longer meet in one subtask, and changes of one row may overtake each other on the way to a sink."
    hint = "give both operators one parallelism, unless the reader minds neither keys nor their order"
    source = "Flink's StreamGraph: forwarding does not allow change of parallelism"

    def check(self, subject: Subject) -> Iterator[Match]:
        profile, graph = subject.document, subject.graph
        if not isinstance(profile, ResourceProfile) or graph is None:
            return
        by_key = {edge.target for edge in graph.edges if edge.ship is Ship.HASH}
        waiting = list(by_key)
        while waiting:
            new = {edge.target for edge in graph.outputs[waiting.pop()]} - by_key
            by_key |= new
            waiting += new
        for own, (edge, match) in zip(profile.edges, _edges(subject), strict=True):
            compiled = own.planner.compiled if own.planner else None
            exchanged = edge.ship in (Ship.REBALANCE, Ship.RESCALE, Ship.SHUFFLE)
            if compiled and compiled.strategy is Ship.FORWARD and exchanged and edge.source in by_key:
                yield Match(match.path, f"{match.message} is {edge.ship}, the program forwards there")
