"""Answers of real Flink about the subtasks of random job graphs.

Run ``python tests/oracles/make_topologies.py`` to write ``topologies.json`` next to this file;
``ABOUT`` says what its fields mean.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError

from planner.flink.jvm import Jvm, start_jvm
from planner.flink.stream_graph import flink_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ABOUT = (
    "Answers of real Flink's execution graph, slot sharing strategies, network memory estimate and "
    "region failover about random job graphs. A vertex is named by its place in vertices, which "
    "is the order of insertion; 'v:i' is subtask i of vertex v. Every edge has a data set of its "
    "own; edges are connected in list order. consumed: per subtask its consumed partition groups. "
    "subpartitions: 'v/d' is data set d of vertex v, with one count per partition. An unavailable "
    "partition 'v:i' is partition i of every data set of v. restart: per pipelined region, named "
    "by its first member in string order, all subtasks of the regions restarted with it, whatever "
    "their state."
)
CONFIG = {
    "taskmanager.memory.segment-size": ("16kb", "32kb", "64kb"),
    "taskmanager.network.sort-shuffle.min-buffers": ("16", "64", "512"),
    "taskmanager.network.memory.read-buffer.required-per-gate.max": ("1", "5", "1000"),
}
OLD_CONFIG = {
    "taskmanager.network.memory.buffers-per-channel": ("0", "1", "3"),
    "taskmanager.network.memory.floating-buffers-per-gate": ("1", "4", "20"),
    "taskmanager.network.sort-shuffle.min-parallelism": ("2", "5", "100"),
}
"""Options that Flink 2 has no more."""
PATTERNS = ("POINTWISE", "ALL_TO_ALL")
RESULT_TYPES = (
    "PIPELINED_BOUNDED",
    "PIPELINED_BOUNDED",
    "PIPELINED_BOUNDED",
    "BLOCKING",
    "BLOCKING",
    "BLOCKING_PERSISTENT",
    "PIPELINED_APPROXIMATE",
    "HYBRID_FULL",
)
PROFILES = (None, {"cpu": 0.5, "task_heap_mb": 64}, {"cpu": 2.0, "task_heap_mb": 256})
RUNTIME = "org.apache.flink.runtime."


def random_case(rng: random.Random, version: str) -> dict[str, Any]:
    """Draw a job graph, its configuration and the partitions that are lost."""
    groups = [f"s{index}" for index in range(rng.randint(1, 3))]
    vertices = [
        {"id": f"{rng.getrandbits(128):032x}", "parallelism": size, "ssg": rng.choice(groups)}
        for size in _parallelisms(rng, rng.randint(3, 9))
    ]
    partitions = [
        f"{index}:{subtask}"
        for index, vertex in enumerate(vertices)
        for subtask in range(vertex["parallelism"])
    ]
    used = sorted({vertex["ssg"] for vertex in vertices})
    fine_grained = rng.random() < 0.5
    profiles = {group: rng.choice(PROFILES) if fine_grained else None for group in used}
    if rng.random() < 0.4:
        for vertex in rng.sample(vertices, rng.randint(2, 3)):
            vertex["together"] = vertex["ssg"]
    config = CONFIG | (OLD_CONFIG if version.startswith("1.") else {})
    return {
        "version": version,
        "config": {key: rng.choice(config[key]) for key in config if rng.random() < 0.3},
        "slot_sharing_groups": profiles,
        "vertices": vertices,
        "edges": _random_edges(rng, len(vertices), fine_grained),
        "unavailable_partitions": sorted(rng.sample(partitions, rng.randint(0, 3))),
    }


def _parallelisms(rng: random.Random, count: int) -> list[int]:
    """Draw parallelisms of which some are equal and some are multiples of each other."""
    few = [rng.randint(1, 9) for _ in range(rng.randint(1, 3))]
    return [rng.choice(few) for _ in range(count)]


def _random_edges(rng: random.Random, count: int, fine_grained: bool) -> list[dict[str, Any]]:
    """Draw acyclic edges whose direction has nothing to do with the vertices' order.

    Flink cannot tell the network memory of a hybrid shuffle, so it refuses one in a group with
    a resource profile.
    """
    types = RESULT_TYPES[:-1] if fine_grained else RESULT_TYPES
    order = rng.sample(range(count), count)
    pairs = [(order[i], order[j]) for j in range(count) for i in range(j)]
    chosen = rng.sample(pairs, min(len(pairs), rng.randint(count - 2, count + 3)))
    if rng.random() < 0.15:
        chosen.append(chosen[0])
    return [
        {
            "source": source,
            "target": target,
            "pattern": rng.choice(PATTERNS),
            "type": rng.choice(types),
        }
        for source, target in chosen
    ]


def _stub(jvm: Jvm, interface: str) -> Any:
    """Return an object of a one-method interface of the runtime, which does nothing."""
    java_class = jvm.java_class(RUNTIME + interface)
    abstract = jvm.view.java.lang.reflect.Modifier.isAbstract
    method = next(m for m in java_class.getMethods() if abstract(m.getModifiers()))
    invoke = jvm.view.java.lang.invoke
    types = invoke.MethodType.methodType(method.getReturnType(), method.getParameterTypes())
    return invoke.MethodHandleProxies.asInterfaceInstance(java_class, invoke.MethodHandles.empty(types))


def execution_graph(jvm: Jvm, job_graph: Any, configuration: Any) -> Any:
    """Build the execution graph of a job graph as the default scheduler does, without checkpoints.

    With it Flink gives every group that has resources its network memory.
    """
    view, runtime = jvm.view, jvm.view.org.apache.flink.runtime
    executors = view.org.apache.flink.util.concurrent.Executors
    executiongraph, scheduler = runtime.executiongraph, runtime.scheduler
    shuffle_master = runtime.shuffle.NettyShuffleMaster(
        runtime.shuffle.ShuffleMasterContextImpl(configuration, _stub(jvm, "rpc.FatalErrorHandler"))
    )
    location = jvm.java_class(
        RUNTIME + "deployment.TaskDeploymentDescriptorFactory$PartitionLocationConstraint"
    )
    build = next(
        method
        for method in jvm.java_class(RUNTIME + "executiongraph.DefaultExecutionGraphBuilder").getMethods()
        if method.getName() == "buildGraph"
    )
    kinds = [kind.getName() for kind in build.getParameterTypes()]
    second = view.java.time.Duration.ofSeconds(1)
    if "java.time.Duration" not in kinds:  # before Flink 2.0
        second = view.org.apache.flink.api.common.time.Time.seconds(1)
    arguments = [
        job_graph,
        configuration,
        view.java.util.concurrent.Executors.newSingleThreadScheduledExecutor(),
        executors.directExecutor(),
        view.java.lang.Thread.currentThread().getContextClassLoader(),
        None,
        None,
        None,
        second,
        runtime.blob.VoidBlobWriter.getInstance(),
        view.org.slf4j.LoggerFactory.getLogger("oracle"),
        shuffle_master,
        runtime.io.network.partition.JobMasterPartitionTrackerImpl(
            job_graph.getJobID(),
            shuffle_master,
            _stub(jvm, "io.network.partition.PartitionTrackerFactory$TaskExecutorGatewayLookup"),
        ),
        location.getEnumConstants()[0],
        executiongraph.NoOpExecutionDeploymentListener.get(),
        _stub(jvm, "executiongraph.ExecutionStateUpdateListener"),
        0,
        executiongraph.DefaultVertexAttemptNumberStore(),
        scheduler.SchedulerBase.computeVertexParallelismStore(job_graph),
        None,
        False,
        executiongraph.ExecutionJobVertex.Factory(),
        _stub(jvm, "executiongraph.MarkPartitionFinishedStrategy"),
        False,
        None,
    ]
    if len(arguments) < len(kinds):
        arguments.append(scheduler.adaptivebatch.NonAdaptiveExecutionPlanSchedulingContext.INSTANCE)
    return executiongraph.DefaultExecutionGraphBuilder.buildGraph(*arguments)


class Topology:
    """The execution graph that Flink builds for one case, and Flink's answers about it."""

    def __init__(self, jvm: Jvm, case: dict[str, Any]) -> None:
        self.jvm = jvm
        self.case = case
        self.runtime = jvm.view.org.apache.flink.runtime
        self.index = {vertex["id"]: i for i, vertex in enumerate(case["vertices"])}
        configuration = jvm.view.org.apache.flink.configuration.Configuration.fromMap(case["config"])
        self.groups = {name: self._group(profile) for name, profile in case["slot_sharing_groups"].items()}
        self.vertices = [self._vertex(vertex) for vertex in case["vertices"]]
        self._co_locate()
        self.job_graph = self._job_graph()
        self.producer = {
            data_set.getId().toString(): index
            for index, vertex in enumerate(self.vertices)
            for data_set in vertex.getProducedDataSets()
        }
        self.graph = execution_graph(jvm, self.job_graph, configuration)
        self.topology = self.graph.getSchedulingTopology()

    def _group(self, profile: dict[str, float] | None) -> Any:
        group = self.runtime.jobmanager.scheduler.SlotSharingGroup()
        if profile is not None:
            builder = self.runtime.clusterframework.types.ResourceProfile.newBuilder()
            builder = builder.setCpuCores(profile["cpu"])
            group.setResourceProfile(builder.setTaskHeapMemoryMB(profile["task_heap_mb"]).build())
        return group

    def _vertex(self, vertex: dict[str, Any]) -> Any:
        jobgraph = self.runtime.jobgraph
        identifier = jobgraph.JobVertexID.fromHexString(vertex["id"])
        result = jobgraph.JobVertex(vertex["id"], identifier)
        result.setParallelism(vertex["parallelism"])
        result.setSlotSharingGroup(self.groups[vertex["ssg"]])
        invokable = "org.apache.flink.streaming.runtime.tasks.OneInputStreamTask"
        result.setInvokableClass(self.jvm.java_class(invokable))
        return result

    def _co_locate(self) -> None:
        groups: dict[str, Any] = {}
        for vertex, real in zip(self.case["vertices"], self.vertices, strict=True):
            if (key := vertex.get("together")) is not None:
                none = self.jvm.array(self.runtime.jobgraph.JobVertex, [])
                group = groups.setdefault(key, self.runtime.jobmanager.scheduler.CoLocationGroupImpl(none))
                group.addVertex(real)
                real.updateCoLocationGroup(group)

    def _job_graph(self) -> Any:
        jobgraph = self.runtime.jobgraph
        graph = jobgraph.JobGraph("random")
        for vertex in self.vertices:
            graph.addVertex(vertex)
        types = self.runtime.io.network.partition.ResultPartitionType
        flags = [False] * (1 if self.case["version"].startswith("1.") else 2)  # broadcast, forward
        for edge in self.case["edges"]:
            self.vertices[edge["target"]].connectNewDataSetAsInput(
                self.vertices[edge["source"]],
                jobgraph.DistributionPattern.valueOf(edge["pattern"]),
                types.valueOf(edge["type"]),
                jobgraph.IntermediateDataSetID(),
                *flags,
            )
        return graph

    def expected(self) -> dict[str, Any]:
        """Return every answer about this case."""
        self.regions = self._regions()
        strategy = "scheduler.{}PreferredSlotSharingStrategy"
        balanced = {"balanced_essgs": strategy.format("TaskBalanced")}
        if self.case["version"].startswith("1."):
            balanced = {}  # the strategy came later
        return {
            "topo": [self.index[vertex.getID().toString()] for vertex in self._sorted_vertices()],
            "consumed": self._consumed(),
            "subpartitions": self._subpartitions(),
            "regions": sorted(self.regions),
            "local_input_essgs": self._sharing_groups(strategy.format("LocalInput")),
            **{name: self._sharing_groups(kind) for name, kind in balanced.items()},
            "network_bytes": {name: self._network(group) for name, group in self.groups.items()},
            "restart": self._restart(),
        }

    def _sorted_vertices(self) -> Iterable[Any]:
        vertices: Iterable[Any] = self.job_graph.getVerticesSortedTopologicallyFromSources()
        return vertices

    def _subtasks(self, text: str) -> list[str]:
        """Return the subtasks that a Java collection of their ids prints, in order."""
        found = re.findall(r"([0-9a-f]{32})_(\d+)", text)
        return [f"{self.index[vertex]}:{subtask}" for vertex, subtask in found]

    def _consumed(self) -> dict[str, list[list[str]]]:
        """Return the groups of partitions that each subtask reads."""
        identity = self.jvm.view.java.lang.System.identityHashCode
        known: dict[int, list[str]] = {}
        consumed = {}
        for vertex in each(self.topology.getVertices()):
            groups = []
            for group in vertex.getConsumedPartitionGroups():
                if (key := identity(group)) not in known:
                    known[key] = self._partitions(group)
                groups.append(known[key])
            consumed[self._subtasks(vertex.getId().toString())[0]] = groups
        return consumed

    def _partitions(self, group: Any) -> list[str]:
        return [
            f"{self.producer[partition.getIntermediateDataSetID().toString()]}:"
            f"{partition.getPartitionNumber()}"
            for partition in each(group)
        ]

    def _subpartitions(self) -> dict[str, list[int]]:
        """Return how many subpartitions each partition of each data set has."""
        return {
            f"{index}/{place}": [partition.getNumberOfSubpartitions() for partition in result.getPartitions()]
            for index, vertex in enumerate(self.vertices)
            for place, result in enumerate(self.graph.getJobVertex(vertex.getID()).getProducedDataSets())
        }

    def _regions(self) -> list[list[str]]:
        return [self._members(region) for region in each(self.topology.getAllPipelinedRegions())]

    def _members(self, region: Any) -> list[str]:
        vertices = each(region.getVertices())
        return sorted(self._subtasks(" ".join(vertex.getId().toString() for vertex in vertices)))

    def _sharing_groups(self, strategy: str) -> list[list[str]]:
        """Return the subtasks that the strategy puts into one slot each."""
        instance = self._construct(
            strategy,
            self.topology,
            self.job_graph.getSlotSharingGroups(),
            self.job_graph.getCoLocationGroups(),
        )
        groups = self._call("getExecutionSlotSharingGroups", instance)
        texts = (group.getExecutionVertexIds().toString() for group in each(groups))
        return sorted(sorted(self._subtasks(text)) for text in texts)

    def _network(self, group: Any) -> int | None:
        """Return the network memory that Flink adds to a group with a resource profile."""
        profile = group.getResourceProfile()
        if profile.equals(self.runtime.clusterframework.types.ResourceProfile.UNKNOWN):
            return None
        return int(profile.getNetworkMemory().getBytes())

    def _restart(self) -> dict[str, list[str]]:
        """Return what restarts with each region, before Flink skips what never ran."""
        strategy = self.runtime.executiongraph.failover.RestartPipelinedRegionFailoverStrategy(
            self.topology, self._availability()
        )
        restart = {}
        for region in each(self.topology.getAllPipelinedRegions()):
            restarted = self._call("getRegionsToRestart", strategy, region)
            members = [member for other in each(restarted) for member in self._members(other)]
            restart[self._members(region)[0]] = sorted(members)
        return dict(sorted(restart.items()))

    def _availability(self) -> Any:
        """Return the checker of partitions: membership in the set of those not lost."""
        available = self.jvm.view.java.util.HashSet()
        lost = set(self.case["unavailable_partitions"])
        for index, vertex in enumerate(self.vertices):
            for data_set in vertex.getProducedDataSets():
                for place in range(vertex.getParallelism()):
                    if f"{index}:{place}" not in lost:
                        available.add(
                            self.runtime.jobgraph.IntermediateResultPartitionID(data_set.getId(), place)
                        )
        invoke, lang = self.jvm.view.java.lang.invoke, self.jvm.view.java.lang
        types = invoke.MethodType.methodType(lang.Boolean.TYPE, self.jvm.java_class("java.lang.Object"))
        contains = invoke.MethodHandles.publicLookup().bind(available, "contains", types)
        checker = "executiongraph.failover.ResultPartitionAvailabilityChecker"
        return invoke.MethodHandleProxies.asInterfaceInstance(
            self.jvm.java_class(RUNTIME + checker), contains
        )

    def _construct(self, name: str, *arguments: Any) -> Any:
        """Call the only constructor of a class of the runtime, even if it is not public."""
        constructor = self.jvm.java_class(RUNTIME + name).getDeclaredConstructors()[0]
        constructor.setAccessible(True)
        return constructor.newInstance(self.jvm.array(self.jvm.view.java.lang.Object, arguments))

    def _call(self, method: str, target: Any, *arguments: Any) -> Any:
        """Call a method of an object of the runtime, even if neither it nor its class is public."""
        kind, found = target.getClass(), None
        while found is None:
            found = next((one for one in kind.getDeclaredMethods() if one.getName() == method), None)
            kind = kind.getSuperclass()
        found.setAccessible(True)
        return found.invoke(target, self.jvm.array(self.jvm.view.java.lang.Object, arguments))


def each(iterable: Any) -> Iterator[Any]:
    """Yield what a ``java.lang.Iterable`` holds."""
    iterator = iterable.iterator()
    while iterator.hasNext():
        yield iterator.next()


def answer(jvm: Jvm, case: dict[str, Any]) -> dict[str, Any]:
    """Return the case with Flink's answers about it in ``expected``.

    Co-location that Flink refuses, because of pipelined regions, is left out.
    """
    try:
        return {**case, "expected": Topology(jvm, case).expected()}
    except Py4JJavaError as error:
        if "same pipelined region" not in error.java_exception.toString():
            raise
        alone = [{k: v for k, v in vertex.items() if k != "together"} for vertex in case["vertices"]]
        return answer(jvm, {**case, "vertices": alone})


def generate(jvm: Jvm, count: int, seed: int) -> list[dict[str, Any]]:
    """Return ``count`` cases; the same seed and Flink version give the same cases."""
    rng = random.Random(seed)
    version = flink_version(jvm)
    return [answer(jvm, random_case(rng, version)) for _ in range(count)]


def write_cases(path: Path, cases: Sequence[dict[str, Any]]) -> None:
    """Write the cases, one per line."""
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    path.write_text(f'{{"about":{json.dumps(ABOUT)},"cases":[\n{lines}\n]}}\n', encoding="utf-8")


def main() -> None:
    """Write the file of cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("topologies.json"))
    arguments = parser.parse_args()
    with start_jvm() as jvm:
        write_cases(arguments.output, generate(jvm, arguments.count, arguments.seed))


if __name__ == "__main__":
    main()
