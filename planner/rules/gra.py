"""GRA: the graph that Flink will run: parallelism, chaining, exchanges, regions and placement constraints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from planner.documents.finding import Severity
from planner.documents.job import DEFAULT_GROUP
from planner.documents.profile import ResourceProfile
from planner.documents.vocabulary import Exchange, JobType, Ship
from planner.graph.chaining import Obstacle
from planner.graph.from_profile import (
    OVERRIDES,
    approximate_local_recovery,
    flag,
    parallelism_overrides,
    sample_count,
)
from planner.graph.job_graph import JobGraph
from planner.graph.kinds import CACHE, find_kind
from planner.graph.regions import pipelined_regions
from planner.graph.several_jobs import BETWEEN
from planner.graph.stream_graph import StreamEdge, default_max_parallelism
from planner.memory.slot_resources import slot_counts
from planner.place.model.slots import job_slots, vertex_loads
from planner.rules.base import FLINK_CODE, FLINK_DOCS, JobRule, Match, Subject
from planner.units import format_cpu

_GENERATOR = "flink-runtime/src/main/java/org/apache/flink/streaming/api/graph"
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
    why = "A FORWARD edge keeps records within one subtask index, so both sides need the same parallelism; Flink refuses the job."
    hint = "use ship: rescale or ship: rebalance, or set the same parallelism on both sides"
    source = "Flink's StreamGraph (UnsupportedOperationException: Forward partitioning does not allow change of parallelism)"
    source_url = (
        f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/streaming/api/graph/StreamGraph.java"
    )

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
    summary = "The parallelism of an operator is higher than its max parallelism."
    why = "Keyed state is divided into as many key groups as max parallelism says; additional subtasks would get none."
    hint = "raise maxParallelism (it cannot change once there is state), or lower the parallelism"
    source = "Flink's production readiness checklist: 0 < parallelism <= max parallelism <= 2^15"
    source_url = f"{FLINK_DOCS}ops/production_ready/"

    def check(self, subject: Subject) -> Iterator[Match]:
        for node in subject.graph.nodes if subject.graph else ():
            if node.max_parallelism is not None and node.parallelism > node.max_parallelism:
                operator = subject.operator_of(node.id)
                message = f"parallelism {node.parallelism} of {operator.id!r} is higher than its max parallelism {node.max_parallelism}"
                yield Match(operator.at("parallelism"), message)


class UnevenKeyGroups(JobRule):
    code, name, severity = "GRA303", "uneven-key-groups", Severity.INFO
    summary = "The key groups are not evenly distributed over the subtasks of a keyed operator."
    why = "Some subtasks get one key group more than others. If each subtask has only a few key groups, that is a visible difference in load."
    hint = "choose a parallelism that divides max parallelism, or a max parallelism with many divisors such as 720"
    source = "Flink's KeyGroupRangeAssignment"
    source_url = (
        f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/state/KeyGroupRangeAssignment.java"
    )

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
    summary = "Two operators would be chained if they were in the same slot sharing group."
    why = "Between groups every record is serialized and sent through network buffers. That may be wanted, but it has a cost."
    hint = "put both operators into one group, unless they have to be separate"
    source = "Flink's StreamingJobGraphGenerator.isChainable"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/streaming/api/graph/StreamingJobGraphGenerator.java"

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
    summary = "An operator that uses the mailbox executor follows a legacy (SourceFunction) source, so the two are not chained."
    why = "Sink writers and async I/O cannot run in the same thread as a SourceFunction, so the job has one task more than expected."
    hint = "migrate the source to the current Source API"
    source = "Flink's StreamingJobGraphGenerator.areOperatorsChainable"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/streaming/api/graph/StreamingJobGraphGenerator.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        for edge, match in _edges(subject):
            if subject.chainer and subject.chainer.obstacle(edge) is Obstacle.LEGACY_SOURCE:
                yield Match(
                    match.path,
                    f"{match.message} is not chained: an operator that uses the mailbox executor cannot follow a legacy source",
                )


class OneRegion(JobRule):
    code, name, severity = "GRA306", "one-region", Severity.INFO
    summary = "A large streaming job is one single failover region."
    why = "A pipelined all-to-all edge connects all subtasks of both sides, so every failure restarts all of them."
    hint = "keep independent pipelines unconnected, or prepare for restarts of the whole job: planner recover"
    source = "Flink's PipelinedRegionComputeUtil"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/executiongraph/failover/PipelinedRegionComputeUtil.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        job = subject.job_graph
        if job is None or subject.type is not JobType.STREAMING or len(job.logical_regions) != 1:
            return
        subtasks = sum(vertex.parallelism for vertex in job.vertices)
        if subtasks >= 100 and any(not edge.pointwise for edge in job.edges):
            yield Match(
                ("spec", "operators") if subject.kind == "Job" else ("nodes",),
                f"all {subtasks} subtasks are one failover region",
                key=True,
            )


class HybridStreaming(JobRule):
    code, name, severity = "GRA307", "hybrid-streaming", Severity.ERROR
    summary = "A streaming job uses a hybrid exchange."
    why = "Hybrid shuffle works for batch jobs only; Flink refuses the job."
    hint = "remove exchange, or set type: batch"
    source = "Flink's batch shuffle page; StreamingJobGraphGenerator.validateHybridShuffleExecuteInBatchMode"
    source_url = f"{FLINK_DOCS}ops/batch/batch_shuffle/"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.type is JobType.STREAMING:
            for edge, match in _edges(subject):
                if edge.exchange in _HYBRID:
                    yield Match(match.path, f"{match.message} uses {edge.exchange} in a streaming job")


class HybridGroup(JobRule):
    code, name, severity = "GRA308", "hybrid-group", Severity.ERROR
    summary = "A batch job with a hybrid exchange uses a slot sharing group."
    why = "With hybrid shuffle, Flink does not support any slot sharing group other than the default one."
    hint = "remove the group, or choose another exchange or execution.batch-shuffle-mode"
    source = "Flink's StreamingJobGraphGenerator.setSlotSharing (IllegalStateException)"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/streaming/api/graph/StreamingJobGraphGenerator.java"

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
    summary = "The slots of one group hold different tasks."
    why = "Tasks of different parallelism share the slots of a group, so some slots carry more load than others. Flink decides which of them runs on which TaskManager, and a placement cannot control it."
    hint = "move tasks of different parallelism to separate groups, or set the same parallelism"
    source = "Flink's SlotSharingStrategy: all slots of a group have the same slot request"
    source_url = (
        f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/runtime/scheduler/SlotSharingStrategy.java"
    )

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
    why = "All records of a key have to reach the same subtask. Only a HASH edge ensures that, unless the input is already partitioned by that key."
    hint = "write inputs: [{from: ..., ship: hash}]"
    source = "Flink's page on keyed state (keyBy partitions by the hash of the key)"
    source_url = f"{FLINK_DOCS}dev/datastream/fault-tolerance/state/"

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


class ImpossiblePlacement(JobRule):
    code, name, severity = "GRA311", "impossible-placement", Severity.ERROR
    summary = "The placement of a group cannot be met, or it refers to a group that does not exist."
    why = "A group cannot be spread over more TaskManagers or zones than it has slots, and it cannot be separated from itself."
    hint = "lower minTaskManagers or minZones, raise the parallelism, or correct the name"
    source = "planner's document format, which follows Kubernetes' affinity and topology spread constraints"
    source_url = "https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.job_graph is None:
            return
        counts = slot_counts(subject.job_graph)
        for group, (wanted, path) in subject.placements.items():
            if group not in counts:
                yield Match(path, f"group {group!r} has a placement but no slots")
                continue
            for field, least, what in (
                ("minTaskManagers", wanted.min_task_managers, "TaskManagers"),
                ("minZones", wanted.min_zones, "zones"),
            ):
                if least is not None and least > counts[group]:
                    yield Match(
                        (*path, field),
                        f"group {group!r} has {counts[group]} slots, but its placement needs {least} {what}",
                    )
            for number, other in enumerate(wanted.anti_affinity):
                at = (*path, "antiAffinity", number)
                if other == group:
                    yield Match(
                        at, f"group {group!r} cannot be separated from itself; write maxPerTaskManager: 1"
                    )
                elif other not in counts and BETWEEN not in other:  # a group of another job is told with it
                    yield Match(at, f"there is no group {other!r} to be separated from")


class ForwardExchanged(JobRule):
    code, name, severity = "GRA312", "forward-exchanged", Severity.WARNING
    summary = "A FORWARD edge of the program, downstream of a HASH edge, has become another exchange."
    why = "Operators of different parallelism cannot be connected by FORWARD. When records are sent round-robin instead, the records of one key no longer reach the same subtask, and changes of one row can overtake each other on the way to a sink."
    hint = "set the same parallelism on both operators, unless the order of the records of a key does not matter to the reader"
    source = "Flink's StreamGraph: Forward partitioning does not allow change of parallelism"
    source_url = (
        f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/streaming/api/graph/StreamGraph.java"
    )

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
                yield Match(match.path, f"{match.message} is {edge.ship}, but FORWARD in the program")


class CoLocatedApart(JobRule):
    code, name, severity = "GRA313", "co-located-apart", Severity.ERROR
    summary = "Operators of one co-location group cannot share slots."
    why = "Flink refuses a co-location group whose tasks are in different slot sharing groups (in a batch job every pipelined region of the default group is one of its own) or whose equal subtasks are in different pipelined regions."
    hint = "put the operators into one slot sharing group and connect them by pipelined edges, or remove coLocationGroup"
    source = "Flink's StreamingJobGraphGenerator.setCoLocation; DefaultExecutionTopology (co-located tasks must be in the same pipelined region)"
    source_url = f"{FLINK_CODE}{_GENERATOR}/StreamingJobGraphGenerator.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        job = subject.job_graph
        together: dict[str, list[int]] = defaultdict(list)
        for index in job.order if job else ():
            if job and (key := job.vertices[index].co_location) is not None:
                together[key].append(index)
        if job is None or not together:
            return
        regions = pipelined_regions(job)
        for key, vertices in together.items():
            for first, second in pairwise(vertices):
                one, two = job.vertices[first], job.vertices[second]
                up, down = subject.operator_of(one.head), subject.operator_of(two.head)
                message = f"{up.id!r} and {down.id!r} of co-location group {key!r} are in different "
                if one.sharing != two.sharing:
                    yield Match(down.at("group"), message + "slot sharing groups")
                elif any(
                    regions.region(first, subtask) != regions.region(second, subtask)
                    for subtask in range(min(one.parallelism, two.parallelism))
                ):
                    yield Match(down.at("group"), message + "pipelined regions")


class CustomUnaligned(JobRule):
    code, name, severity = "GRA314", "custom-unaligned", Severity.ERROR
    summary = "A job with unaligned checkpoints has a CUSTOM edge."
    why = "Flink cannot rescale the records in flight of a custom partitioner, so it refuses the job."
    hint = "use aligned checkpoints, or set execution.checkpointing.unaligned.forced: true and never rescale from one"
    source = "Flink's StreamingJobGraphGenerator.preValidate (UnsupportedOperationException)"
    source_url = f"{FLINK_CODE}{_GENERATOR}/StreamingJobGraphGenerator.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        options = subject.configuration
        if subject.kind != "Job" or subject.type is JobType.BATCH or _INTERVAL not in options:
            return  # a profile's program was compiled by Flink, which tells custom partitioners from others
        if not _unaligned(subject) or flag(options, _FORCED, default=False):
            return
        for edge, match in _edges(subject):
            if edge.ship is Ship.CUSTOM:
                yield Match(match.path, f"{match.message} is CUSTOM, and checkpoints are unaligned")


class BlockingStreaming(JobRule):
    code, name, severity = "GRA315", "blocking-streaming", Severity.ERROR
    summary = "A streaming job has a BATCH exchange, and buffers are flushed after a timeout."
    why = (
        "A blocking result cannot be flushed early, so Flink refuses the job while there is a buffer timeout."
    )
    hint = "remove exchange, or set execution.buffer-timeout.enabled: false"
    source = "Flink's StreamingJobGraphGenerator.checkBufferTimeout (UnsupportedOperationException)"
    source_url = f"{FLINK_CODE}{_GENERATOR}/StreamingJobGraphGenerator.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.kind != "Job" or subject.type is JobType.BATCH:
            return
        if flag(subject.configuration, "execution.buffer-timeout.enabled", default=True):
            for edge, match in _edges(subject):
                if edge.exchange is Exchange.BATCH:
                    yield Match(match.path, f"{match.message} uses BATCH in a streaming job")


class ApproximateUnaligned(JobRule):
    code, name, severity = "GRA316", "approximate-unaligned", Severity.ERROR
    summary = "A streaming job uses approximate local recovery and unaligned checkpoints."
    why = "Flink does not support both together, and refuses the job."
    hint = "remove one of them"
    source = "Flink's StreamGraphGenerator.checkApproximateLocalRecoveryCompatibility (IllegalStateException)"
    source_url = f"{FLINK_CODE}{_GENERATOR}/StreamGraphGenerator.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        options = subject.configuration
        if (
            subject.type is JobType.BATCH
            or not approximate_local_recovery(options)
            or not _unaligned(subject)
        ):
            return
        key = next(key for key in _UNALIGNED if key in options)
        yield Match(
            subject.option_path(key), "checkpoints are unaligned, and local recovery is approximate", key=True
        )


class UnsortedBatch(JobRule):
    code, name, severity = "GRA317", "unsorted-batch", Severity.ERROR
    summary = "A batch job uses the batch state backend without sorted inputs."
    why = "The batch state backend holds the state of one key at a time, so its input has to be sorted. Flink refuses the job."
    hint = (
        "set execution.batch-state-backend.enabled: false as well, or remove execution.sorted-inputs.enabled"
    )
    source = "Flink's StreamGraphGenerator.setBatchStateBackendAndTimerService (IllegalStateException)"
    source_url = f"{FLINK_CODE}{_GENERATOR}/StreamGraphGenerator.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        key, options = "execution.sorted-inputs.enabled", subject.configuration
        if subject.type is JobType.STREAMING or flag(options, key, default=True):
            return
        if flag(options, "execution.batch-state-backend.enabled", default=True):
            yield Match(subject.option_path(key), "the batch state backend requires sorted inputs", key=True)


class MissingUid(JobRule):
    code, name, severity = "GRA318", "missing-uid", Severity.ERROR
    summary = "An operator has no uid, and the job does not permit Flink to make one."
    why = "With pipeline.auto-generate-uids: false, Flink refuses a job in which an operator has no uid."
    hint = "give it a uid, or remove the option"
    source = "Flink's StreamGraphGenerator (IllegalStateException: Auto generated UIDs have been disabled)"
    source_url = f"{FLINK_CODE}{_GENERATOR}/StreamGraphGenerator.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.kind != "Job" or flag(subject.configuration, "pipeline.auto-generate-uids", default=True):
            return
        for operator in subject.operators:
            if operator.uid is None and operator.kind != CACHE:
                yield Match(operator.at("id"), f"operator {operator.id!r} has no uid")


class PipelinedGroups(JobRule):
    code, name, severity = "GRA319", "pipelined-groups", Severity.ERROR
    summary = "A batch job of Flink 1.x gives slot sharing groups resources, but does not make all exchanges blocking."
    why = "Pipelined stages that wait for slots of different sizes can block one another, so Flink 1.x refuses the job. Flink 2 makes all exchanges blocking by itself."
    hint = "make all exchanges blocking, or leave the resources of groups out"
    source = "Flink 1.20's StreamGraphGenerator.setFineGrainedGlobalStreamExchangeMode (IllegalConfigurationException)"
    source_url = f"{FLINK_DOCS}deployment/finegrained_resource/"

    def check(self, subject: Subject) -> Iterator[Match]:
        before_2 = subject.options.table.flink_version.startswith("1.")
        if subject.kind != "Job" or subject.type is JobType.STREAMING or not before_2:
            return
        if not flag(subject.configuration, "fine-grained.shuffle-mode.all-blocking", default=False):
            for group in subject.groups:
                if group.given:
                    message = f"group {group.name!r} of a batch job has resources"
                    hint = "set fine-grained.shuffle-mode.all-blocking: true"
                    yield Match(group.at("name"), message, hint)


class WrongOverride(JobRule):
    code, name, severity = "GRA320", "wrong-override", Severity.ERROR
    summary = "A parallelism in pipeline.jobvertex-parallelism-overrides is no number from 1 to 32768."
    why = "The JobManager of Flink 1.x reads it when it takes the job, and refuses the job. Flink 2 does not apply the option to what clients submit."
    hint = "write pairs of JobVertexID:parallelism, with commas between them"
    source = "Flink's Dispatcher.applyParallelismOverrides (NumberFormatException)"
    source_url = f"{FLINK_DOCS}deployment/config/"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.options.table.flink_version.startswith("1."):
            try:
                parallelism_overrides(subject.configuration)
            except ValueError as error:
                yield Match(subject.option_path(OVERRIDES), f"{OVERRIDES}: {error}", key=True)


class CommitterApart(JobRule):
    code, name, severity = "GRA321", "committer-apart", Severity.ERROR
    summary = "What a sink's writer hands over to be committed is spread over several committers."
    why = "A writer first tells its committer how much there is to commit. Where its records go to several subtasks in turn, a committer gets something that it was not told of, and the task fails at the first commit: Unknown checkpoint for CommittableWithLineage."
    hint = "set the same parallelism on writer and committer, and connect them by FORWARD"
    source = "Flink's CommittableCollector.addCommittable"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/streaming/runtime/operators/sink/committables/CommittableCollector.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        kinds = {subject.node_of[operator.id]: operator.kind for operator in subject.operators}
        for edge, match in _edges(subject):
            assert subject.graph is not None
            writers = subject.graph.by_id[edge.source].parallelism
            committers = subject.graph.by_id[edge.target].parallelism
            in_turn = edge.ship in (Ship.REBALANCE, Ship.SHUFFLE) and committers > 1
            if kinds[edge.target] == "committer" and (
                in_turn or (edge.ship is Ship.RESCALE and committers > writers)
            ):
                message = f"{match.message} is {edge.ship} from parallelism {writers} to {committers}"
                yield Match(match.path, message)


class LoadAboveCpu(JobRule):
    code, name, severity = "GRA322", "load-above-cpu", Severity.WARNING
    summary = "A slot uses more CPU than its group reserves."
    why = "Flink reserves CPU for a slot, but does not limit it: slots that fit by what they reserve can use more than the TaskManager has. planner place balances what they use, so a TaskManager may still be over 100 %."
    hint = "reserve at least what a slot uses, or correct the load"
    source = "Flink's page on fine-grained resource management; planner import load measures"
    source_url = f"{FLINK_DOCS}deployment/finegrained_resource/"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.complete is None or subject.job_graph is None or _co_located_apart(subject.job_graph):
            return
        # what all tasks of a group use together is quickly added up; which of them share a slot is not
        together: dict[str, int] = defaultdict(int)
        shapes: dict[str, set[tuple[str, int]]] = defaultdict(set)
        for number, loads in vertex_loads(subject.complete, subject.job_graph).items():
            vertex = subject.job_graph.vertices[number]
            together[vertex.group] += max(loads or (0,))
            shapes[vertex.group].add((vertex.sharing, vertex.parallelism))
        declared = {
            group.name: group
            for group in subject.groups
            if "cpu" in group.given
            and "cpu" not in subject.estimates.get(group.name, {})
            and group.name in subject.firm
            and together[group.name] > subject.firm[group.name].cpu
        }
        if not declared:
            return
        # where all share slots and have one parallelism, each slot has a subtask of every task
        once = sample_count(subject.complete) == 1
        highest = {name: together[name] for name in declared if once and len(shapes[name]) == 1}
        if highest.keys() != declared.keys():
            for slot in job_slots(subject.complete, subject.job_graph):
                highest[slot.group] = max(highest.get(slot.group, 0), *slot.loads)
        for group in declared.values():
            load, cpu = highest[group.name], subject.firm[group.name].cpu
            if load > cpu:
                message = (
                    f"a slot of group {group.name!r} uses {format_cpu(load)} cores"
                    f" and reserves {format_cpu(cpu)}"
                )
                yield Match(group.at("cpu"), message)


def _co_located_apart(job: JobGraph) -> bool:
    """Tell whether tasks of a co-location group have no slots in common, so that nobody knows any slot."""
    sharing: dict[str, set[str]] = defaultdict(set)
    for vertex in job.vertices:
        if vertex.co_location is not None:
            sharing[vertex.co_location].add(vertex.sharing)
    return any(len(one) > 1 for one in sharing.values())


_UNALIGNED = ("execution.checkpointing.unaligned.enabled", "execution.checkpointing.unaligned")
_FORCED = "execution.checkpointing.unaligned.forced"
_INTERVAL = "execution.checkpointing.interval"
_MODE = "execution.checkpointing.mode"


def _unaligned(subject: Subject) -> bool:
    """Tell whether checkpoints are unaligned; Flink 2 takes the option only for those exactly once."""
    options = subject.configuration
    exactly_once = "AT_LEAST_ONCE" not in options.get(_MODE, "").upper().replace("-", "_")
    before_2 = subject.options.table.flink_version.startswith("1.")
    return flag(options, *_UNALIGNED, default=False) and (before_2 or (_INTERVAL in options and exactly_once))
