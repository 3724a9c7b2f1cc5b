"""Answers of real Flink about random DataStream programs.

Run ``python tests/oracles/make_graphs.py`` to write ``graphs.json`` next to this file: one case
per line, each with the stream graph as it was before compilation and the job graph that Flink
compiled from it. Two values are random in Flink and are replaced by stable ones here: the id of
a data set (numbered in the order of export) and the id of the job in ``plan_json`` (zeros).
``nodes`` of a job vertex names the stream nodes of its chain: first those of ``operatorIDs`` in
that order, then the sources chained in front of a multiple-input operator, which have no entry
there. Stream nodes, source ids and job vertices come in the order in which Flink holds them.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError

from planner.flink.jvm import Jvm, flink_jars, start_jvm
from planner.flink.program import has_method
from planner.flink.stream_graph import flink_version, yielding_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PARTITIONERS = ("rebalance", "rescale", "shuffle", "broadcast", "global", "forward")
SHUFFLE_MODES = (
    "ALL_EXCHANGES_BLOCKING",
    "ALL_EXCHANGES_PIPELINED",
    "ALL_EXCHANGES_HYBRID_FULL",
    "ALL_EXCHANGES_HYBRID_SELECTIVE",
)
FUNCTIONS = Path(__file__).parent.parent / "flink/jobs/test-job.jar"
"""Functions for what Flink's own jars have none for; they have to be on the class path."""
FRACTION_PREFIX = "managedMemFraction."


def random_conf(rng: random.Random) -> dict[str, str]:
    """Draw the job's configuration."""
    conf = {"parallelism.default": str(rng.choice((1, 2, 2, 3, 4)))}
    rare = {
        "pipeline.operator-chaining.enabled": ("false", 0.06),
        "pipeline.operator-chaining.chain-operators-with-different-max-parallelism": ("false", 0.2),
        "pipeline.vertex-name-include-index-prefix": ("true", 0.15),
        "pipeline.vertex-description-mode": ("CASCADING", 0.25),
        "pipeline.max-parallelism": (rng.choice(("64", "360")), 0.12),
    }
    conf |= {key: value for key, (value, chance) in rare.items() if rng.random() < chance}
    if rng.random() < 0.35:
        conf["execution.runtime-mode"] = "BATCH"
        if rng.random() < 0.55:
            conf["jobmanager.scheduler"] = "Default"
        if rng.random() < 0.8:
            conf["execution.batch-shuffle-mode"] = rng.choice(SHUFFLE_MODES)
        if rng.random() < 0.5:
            conf["fine-grained.shuffle-mode.all-blocking"] = "true"
    return conf


class Program:
    """One random DataStream program, built inside the JVM; every stream carries longs."""

    def __init__(self, jvm: Jvm, rng: random.Random, conf: dict[str, str]) -> None:
        self.jvm = jvm
        self.rng = rng
        self.flink = jvm.view.org.apache.flink
        self.api = self.flink.streaming.api
        self.long = self.flink.api.common.typeinfo.Types.LONG
        self.batch = "execution.runtime-mode" in conf
        self.conf = dict(conf)
        configuration = self.flink.configuration.Configuration.fromMap(conf)
        self.env = self.api.environment.StreamExecutionEnvironment(configuration)
        hybrid = "HYBRID" in conf.get("execution.batch-shuffle-mode", "")
        self.groups = self._slot_sharing_groups(only_default=hybrid and rng.random() < 0.8)
        self.open: list[Any] = []
        self.used: list[Any] = []
        self.serial = 0
        self.tables: Any = None

    def build(self) -> None:
        """Add 1-12 operators and then sinks, so that most streams end in one."""
        if self.rng.random() < 0.3:
            self._contradict()
        for _ in range(self.rng.choice((1, 1, 1, 1, 2, 2, 3))):
            self.source()
        steps: dict[Callable[[], None], int] = {
            self.one_input: 28,
            self.two_inputs: 6,
            self.many_inputs: 4,
            self.broadcast_state: 3,
            self.cache: 2,
            self.table: 2,
        }
        for _ in range(self.rng.randint(0, 5)):
            self.rng.choices(list(steps), weights=list(steps.values()))[0]()
        if not self.used or self.rng.random() < 0.1:
            self.sink(self.open[0])
        for stream in list(self.open):
            if self.rng.random() < 0.75:
                self.sink(stream)
        if self.rng.random() < 0.2:
            self.sink(self.rng.choice(self.open + self.used))

    def _contradict(self) -> None:
        """Let the program set options otherwise than they were given beside it."""
        rng = self.rng
        parallelism = rng.choice((1, 2, 3))
        self.env.setParallelism(parallelism)
        self.conf["parallelism.default"] = str(parallelism)
        if rng.random() < 0.2:
            self.env.disableOperatorChaining()
            self.conf["pipeline.operator-chaining.enabled"] = "false"
        own = {
            "pipeline.operator-chaining.chain-operators-with-different-max-parallelism": ("true", "false"),
            "pipeline.vertex-name-include-index-prefix": ("true", "false"),
            "execution.state-recovery.approximate-local-recovery": ("true", "false"),
            **({"execution.batch-shuffle-mode": SHUFFLE_MODES[:2]} if self.batch else {}),
        }
        chosen = {key: rng.choice(values) for key, values in own.items() if rng.random() < 0.3}
        self.env.configure(self.flink.configuration.Configuration.fromMap(chosen))
        self.conf |= chosen

    def source(self) -> Any:
        """Add a source: new style, legacy parallel, legacy serial or an input format."""
        kind = self.rng.choices(("new", "legacy", "serial", "format"), weights=(10, 2, 2, 1))[0]
        name = self._name(kind)
        if kind == "new":
            numbers = self.flink.api.connector.source.lib.NumberSequenceSource(1, 9)
            stream = self.env.fromSource(numbers, self._no_watermarks(), name)
        else:
            stream = self._legacy_source(self._source_function(kind), name)
        stream = self._adorn(stream, serial=kind == "serial", plain=True)
        self.open.append(stream)
        return stream

    def _source_function(self, kind: str) -> Any:
        before_2 = flink_version(self.jvm).startswith("1.")
        legacy = self.api.functions.source if before_2 else self.api.functions.source.legacy
        if kind == "legacy":
            return legacy.StatefulSequenceSource(1, 9)
        serializer = self.flink.api.common.typeutils.base.LongSerializer.INSTANCE
        if kind == "serial":
            elements = self.jvm.array(self.jvm.view.java.lang.Object, [])
            return legacy.FromElementsFunction(elements)
        formats = self.flink.api.java.io if before_2 else self.api.legacy.io
        inputs = formats.CollectionInputFormat(self.jvm.view.java.util.ArrayList(), serializer)
        return legacy.InputFormatSourceFunction(inputs, self.long)

    def _legacy_source(self, function: Any, name: str) -> Any:
        """Add a legacy source; only a private method can say that it is bounded."""
        if not self.batch:
            return self.env.addSource(function, name, self.long)
        bounded = self.flink.api.connector.source.Boundedness.BOUNDED
        method = next(
            method
            for method in self.env.getClass().getDeclaredMethods()
            if method.getName() == "addSource" and method.getParameterCount() == 4
        )
        method.setAccessible(True)
        arguments = self.jvm.array(self.jvm.view.java.lang.Object, [function, name, self.long, bounded])
        return method.invoke(self.env, arguments)

    def one_input(self) -> None:
        """Add a one-input operator of a random kind behind a random exchange."""
        kinds: dict[str, tuple[Callable[[Any, str], Any], int]] = {
            "map": (self._map, 8),
            "filter": (self._filter, 4),
            "watermarks": (lambda s, _: s.assignTimestampsAndWatermarks(self._no_watermarks()), 2),
            "async": (self._async, 2),
            "sum": (lambda s, _: self._keyed(s).sum(0), 4),
            "window": (lambda s, name: self._sum_window(self._keyed(s).window, name), 2),
            "windowAll": (lambda s, name: self._sum_window(s.windowAll, name), 1),
            "sort": (self._sort_partition, 1),
            "partition": (lambda s, _: s.fullWindowPartition().reduce(self._reducer()), 1),
        }
        kind = self.rng.choices(list(kinds), weights=[weight for _, weight in kinds.values()])[0]
        stream = self._exchange(self._union(self._take()))
        result = kinds[kind][0](stream, self._name(kind))
        plain = kind in ("map", "filter", "watermarks", "async")
        self.open.append(self._adorn(result, [stream], serial=kind == "windowAll", plain=plain))

    def two_inputs(self) -> None:
        """Connect two streams, sometimes both keyed, with a two-input operator."""
        first, second = self._exchange(self._take()), self._exchange(self._take())
        if keyed := self.rng.random() < 0.4:
            first, second = self._keyed(first), self._keyed(second)
        elif self.rng.random() < 0.3:
            second = second.broadcast()
        temporal = self.flink.table.runtime.operators.join.temporal
        operator = temporal.TemporalProcessTimeJoinOperator(None, None, 0, 0, False)
        name = self._name("join" if keyed else "connect")
        result = first.connect(second).transform(name, self.long, operator)
        self.open.append(self._adorn(result, [first, second]))

    def broadcast_state(self) -> None:
        """Connect a stream, keyed or not, with another one whose records all subtasks keep."""
        first, second = self._exchange(self._take()), self._take()
        state = self.flink.api.common.state.MapStateDescriptor("state", self.long, self.long)
        descriptors = self.jvm.array(self.flink.api.common.state.MapStateDescriptor, [state])
        broadcast = second.broadcast(descriptors)
        if self.rng.random() < 0.5:
            connected, function = self._keyed(first).connect(broadcast), "KeyedBroadcast"
        else:
            connected, function = first.connect(broadcast), "Broadcast"
        result = connected.process(self._function(function), self.long).name(self._name("rules"))
        self.open.append(self._adorn(result, [first, second]))

    def cache(self) -> None:
        """Keep a result for later jobs; what reads the stream reads the operator itself."""
        stream = self._take()
        if has_method(stream, "cache"):
            self.open.append(stream.cache())

    def table(self) -> None:
        """Go through the Table API: a projection, a join, or an aggregate that ends in a sink."""
        if self.tables is None:
            bridge = self.flink.table.api.bridge.java.StreamTableEnvironment
            self.tables = bridge.create(self.env)
        kind = self.rng.choice(("project", "join", "aggregate"))
        table = self.tables.fromDataStream(self._take())
        if kind == "aggregate":
            query = f"SELECT f0, COUNT(*) FROM {table} GROUP BY f0"
            rows = self.tables.toChangelogStream(self.tables.sqlQuery(query))
            rows.sinkTo(self.api.functions.sink.v2.DiscardingSink())
            return
        query = f"SELECT f0 FROM {table} WHERE f0 > 3"
        if kind == "join":
            other = self.tables.fromDataStream(self._take())
            query = f"SELECT a.f0 FROM {table} a JOIN {other} b ON a.f0 = b.f0"
        kept = self.jvm.java_class("java.lang.Long")
        back = self.tables.toDataStream(self.tables.sqlQuery(query), kept)
        self.open.append(self._map(back, self._name("back")))

    def _function(self, name: str) -> Any:
        """Return a function of the test programs."""
        return (
            self.jvm.java_class(f"Functions${name}")
            .getDeclaredConstructors()[0]
            .newInstance(self.jvm.array(self.jvm.view.java.lang.Object, []))
        )

    def many_inputs(self) -> None:
        """Add a multiple-input operator, often one that chains fresh sources in front of it."""
        table = self.flink.table.runtime.operators.multipleinput
        factory = table.BatchMultipleInputStreamOperatorFactory([], [], None)
        chained = self.rng.random() < 0.7
        count = self.rng.randint(2, 3)
        inputs = [self._source_input() if chained else self._take() for _ in range(count)]
        operator = self.api.transformations.MultipleInputTransformation(
            self._name("multi"), factory, self.long, inputs[0].getParallelism()
        )
        inputs = [self._exchange(stream, 0.15) for stream in inputs]
        for stream in inputs:
            operator.addInput(stream.getTransformation())
        if chained:
            heads = self.api.operators.ChainingStrategy.HEAD_WITH_SOURCES
            operator.setChainingStrategy(heads)
        self.env.addOperator(operator)
        connected = self.api.datastream.MultipleConnectedStreams(self.env)
        self.open.append(self._adorn(connected.transform(operator), inputs))

    def _source_input(self) -> Any:
        stream = self.source()
        self.open.remove(stream)
        self.used.append(stream)
        return stream

    def sink(self, stream: Any) -> None:
        """End a stream in a sink of a random kind."""
        kind = self.rng.choice(("discard", "discard", "print", "legacyPrint", "file", "compact"))
        stream = self._exchange(stream, 0.25)
        if kind == "discard":
            sink = stream.sinkTo(self.api.functions.sink.v2.DiscardingSink())
        elif kind == "print":
            sink = stream.sinkTo(self.api.functions.sink.PrintSink("out"))
        elif kind == "legacyPrint":
            sink = stream.print()
        else:
            sink = stream.sinkTo(self._file_sink(compact=kind == "compact"))
        if self.rng.random() < 0.5:
            sink = sink.name(self._name(kind))
        if kind == "compact":  # its own operators have uids, so it needs one
            sink = sink.uid(self._name("uid"))
        self._adorn(sink, [stream])

    def _file_sink(self, compact: bool) -> Any:
        """Return a sink with a committer behind its writer, and operators of its own between them."""
        encoder = self.flink.api.common.serialization.SimpleStringEncoder()
        path = self.flink.core.fs.Path("out")
        sink = self.flink.connector.file.sink
        builder = sink.FileSink.forRowFormat(path, encoder)
        if compact:
            strategy = sink.compactor.FileCompactStrategy.Builder.newBuilder().setSizeThreshold(1024)
            builder = builder.enableCompact(strategy.build(), sink.compactor.ConcatFileCompactor())
        return builder.build()

    def _map(self, stream: Any, name: str) -> Any:
        function = self.flink.runtime.operators.udf.RemoveRangeIndex()
        return stream.transform(name, self.long, self.api.operators.StreamMap(function))

    def _filter(self, stream: Any, name: str) -> Any:
        function = self.flink.table.runtime.operators.misc.DropUpdateBeforeFunction()
        return stream.transform(name, self.long, self.api.operators.StreamFilter(function))

    def _async(self, stream: Any, name: str) -> Any:
        """Add an operator that yields to the mailbox, which may not follow a legacy source."""
        mode = self.jvm.java_class(
            "org.apache.flink.streaming.api.datastream.AsyncDataStream$OutputMode"
        ).getEnumConstants()[0]
        factory = getattr(self.api.operators, "async").AsyncWaitOperatorFactory(None, 100, 10, mode)
        return stream.transform(name, self.long, factory)

    def _sort_partition(self, stream: Any, _name: str) -> Any:
        order = self.flink.api.common.operators.Order.ASCENDING
        return stream.fullWindowPartition().sortPartition(self._key_selector(), order)

    def _keyed(self, stream: Any) -> Any:
        return stream.keyBy(self._key_selector())

    def _key_selector(self) -> Any:
        return self.flink.api.java.functions.NullByteKeySelector()

    def _reducer(self) -> Any:
        aggregation = self.api.functions.aggregation
        return aggregation.SumAggregator(0, self.long, self.env.getConfig())

    def _sum_window(self, window: Callable[[Any], Any], description: str) -> Any:
        """Add a window operator; its own description would hold an address of the JVM."""
        length = self.jvm.view.java.time.Duration.ofSeconds(5)
        assigner = self.api.windowing.assigners.TumblingProcessingTimeWindows.of(length)
        return window(assigner).sum(0).setDescription(description)

    def _no_watermarks(self) -> Any:
        return self.flink.api.common.eventtime.WatermarkStrategy.noWatermarks()

    def _name(self, kind: str) -> str:
        self.serial += 1
        return f"{kind}{self.serial}"

    def _take(self) -> Any:
        """Return a stream to read: mostly one that nobody reads yet, sometimes a side output of it."""
        stream = self._main_output()
        if self.rng.random() < 0.2 and has_method(stream, "getSideOutput"):
            tag = self.flink.util.OutputTag(self.rng.choice(("late", "odd")), self.long)
            return stream.getSideOutput(tag)
        return stream

    def _main_output(self) -> Any:
        if self.used and (not self.open or self.rng.random() < 0.25):
            return self.rng.choice(self.used)
        if not self.open:
            return self._source_input()
        stream = self.open.pop(self.rng.randrange(len(self.open)))
        self.used.append(stream)
        return stream

    def _union(self, stream: Any) -> Any:
        """Sometimes join the stream with another one, which may be the same."""
        if self.rng.random() > 0.12:
            return stream
        other = stream if self.rng.random() < 0.3 else self._take()
        return stream.union(self.jvm.array(self.api.datastream.DataStream, [other]))

    def _exchange(self, stream: Any, chance: float = 0.3) -> Any:
        """Sometimes put an explicit partitioner behind the stream."""
        if self.rng.random() > chance:
            return stream
        if self.rng.random() < 0.15:
            return stream.partitionCustom(self._function("First"), self._key_selector())
        return getattr(stream, self.rng.choice(PARTITIONERS))()

    def _is_forward(self, stream: Any) -> bool:
        """Tell whether the stream was drawn with ``forward``, which ties the parallelisms."""
        transformation = stream.getTransformation()
        if transformation.getClass().getSimpleName() != "PartitionTransformation":
            return False
        return bool(transformation.getPartitioner().toString() == "FORWARD")

    def _adorn(
        self, stream: Any, inputs: Sequence[Any] = (), serial: bool = False, plain: bool = False
    ) -> Any:
        """Draw parallelisms, chaining, texts, slot sharing group and managed memory.

        A ``serial`` operator has parallelism 1 for ever; a ``plain`` one needs no managed memory
        by itself.
        """
        rng = self.rng
        tied = [other.getParallelism() for other in inputs if self._is_forward(other)]
        if not serial and tied and rng.random() < 0.97:
            stream.setParallelism(tied[0])
        elif not serial and rng.random() < 0.3:
            stream.setParallelism(rng.choice((1, 2, 3, 4, 6)))
        if not serial and rng.random() < 0.12:
            stream.setMaxParallelism(rng.choice((16, 128)))
        if rng.random() < 0.12:
            stream.disableChaining()
        if rng.random() < 0.06:
            self._start_new_chain(stream)
        if rng.random() < 0.08:
            stream.setDescription(self._name("description"))
        if rng.random() < 0.15:
            stream.uid(self._name("uid"))
        if rng.random() < 0.2:
            stream.slotSharingGroup(rng.choice(self.groups))
        if rng.random() < 0.08:
            stream.getTransformation().setCoLocationGroupKey(rng.choice(("pair", "ring")))
        if rng.random() < 0.12:
            self._declare_memory(stream.getTransformation(), plain)
        return stream

    def _start_new_chain(self, stream: Any) -> None:
        """Start a new chain at the stream's operator, unless it is a sink (it has no such call)."""
        if not stream.getClass().getSimpleName().endswith("Sink"):
            stream.startNewChain()

    def _declare_memory(self, transformation: Any, plain: bool) -> None:
        uses = self.flink.core.memory.ManagedMemoryUseCase
        if plain and self.rng.random() < 0.6:
            weight = self.rng.choice((1, 2, 5))
            transformation.declareManagedMemoryUseCaseAtOperatorScope(uses.OPERATOR, weight)
        else:
            use = self.rng.choice((uses.PYTHON, uses.STATE_BACKEND))
            transformation.declareManagedMemoryUseCaseAtSlotScope(use)

    def _slot_sharing_groups(self, only_default: bool) -> list[Any]:
        """Return the program's groups: only names, or groups with resources as well."""
        if only_default:  # hybrid shuffles allow no other one
            return ["default"]
        if self.rng.random() < 0.65:
            return ["default", "left", "right"]
        names = ("heavy", "heavy" if self.rng.random() < 0.15 else "light")  # twice is an error
        groups: list[Any] = [self._resource_group(name) for name in names]
        if self.rng.random() < 0.6:
            self.env.registerSlotSharingGroup(self._resource_group("default"))
        return [*groups, self.rng.choice(("heavy", "plain", "default"))]

    def _resource_group(self, name: str) -> Any:
        builder = self.flink.api.common.operators.SlotSharingGroup.newBuilder(name)
        builder = builder.setCpuCores(self.rng.choice((0.5, 1.0, 2.25)))
        builder = builder.setTaskHeapMemoryMB(self.rng.choice((64, 100, 512)))
        if self.rng.random() < 0.5:
            builder = builder.setManagedMemoryMB(self.rng.choice((32, 256)))
        if self.rng.random() < 0.3:
            builder = builder.setTaskOffHeapMemoryMB(16)
        if self.rng.random() < 0.5:
            builder = builder.setExternalResource("gpu", 1.0)
        return builder.build()


class Exporter:
    """Reads a stream graph and the job graph compiled from it out of the JVM."""

    def __init__(self, jvm: Jvm, stream_graph: Any) -> None:
        self.jvm = jvm
        self.flink = jvm.view.org.apache.flink
        self.stream_graph = stream_graph
        self.loader = jvm.view.java.lang.Thread.currentThread().getContextClassLoader()
        package = "org.apache.flink.streaming."
        self.source_factory = jvm.java_class(package + "api.operators.SourceOperatorFactory")
        self.yielding = jvm.java_class(yielding_class(jvm))
        node_class = jvm.java_class("org.apache.flink.streaming.api.graph.StreamNode")
        nothing = jvm.array(jvm.view.java.lang.Class, [])
        self.configured = node_class.getDeclaredMethod("isParallelismConfigured", nothing)
        self.configured.setAccessible(True)
        self.no_arguments = jvm.array(jvm.view.java.lang.Object, [])
        self.data_sets: dict[str, str] = {}

    def stream_part(self) -> dict[str, Any]:
        """Export the stream graph, which compilation changes afterwards."""
        graph = self.stream_graph
        sources = list(graph.getSourceIDs())
        hasher = self.flink.streaming.api.graph.StreamGraphHasherV2()
        hashes = hasher.traverseStreamGraphAndGenerateHashes(graph)
        self.node_of = {bytes(hashes[node]).hex(): node for node in hashes}
        same = graph.isAllVerticesInSameSlotSharingGroupByDefault()
        return {
            "dynamic": graph.isDynamic(),
            "globalExchangeMode": graph.getGlobalStreamExchangeMode().name(),
            "allVerticesInSameSlotSharingGroupByDefault": same,
            "sourceIds": sources,
            "stream_nodes": [self._node(node, sources) for node in each(graph.getStreamNodes())],
        }

    def _node(self, node: Any, sources: list[int]) -> dict[str, Any]:
        factory = node.getOperatorFactory()
        weights = node.getManagedMemoryOperatorScopeUseCaseWeights()
        return {
            "id": node.getId(),
            "name": node.getOperatorName(),
            "description": node.getOperatorDescription(),
            "parallelism": node.getParallelism(),
            "maxParallelism": node.getMaxParallelism(),
            "slotSharingGroup": node.getSlotSharingGroup(),
            "coLocation": node.getCoLocationGroup(),
            "chaining": factory.getChainingStrategy().name(),
            "uid": node.getTransformationUID(),
            "source": node.getId() in sources,
            "sourceFactory": self.source_factory.isInstance(factory),
            "legacySource": factory.isLegacySource(),
            "yielding": self.yielding.isInstance(factory),
            "operatorFactory": factory.getClass().getSimpleName(),
            "managedOperatorWeights": {use.name(): weights[use] for use in weights},
            "managedSlotUseCases": sorted(use.name() for use in node.getManagedMemorySlotScopeUseCases()),
            "parallelismConfigured": self.configured.invoke(node, self.no_arguments),
            "outputOnlyAfterEndOfStream": node.isOutputOnlyAfterEndOfStream(),
            "in": [self._edge(edge) for edge in node.getInEdges()],
            "out": [edge.getTargetId() for edge in node.getOutEdges()],
        }

    def _edge(self, edge: Any) -> dict[str, Any]:
        partitioner, tag = edge.getPartitioner(), edge.getOutputTag()
        siblings = self.stream_graph.getStreamNode(edge.getSourceId()).getOutEdges()
        equal = (n for n, other in enumerate(siblings) if partitioner.equals(other.getPartitioner()))
        return {
            "source": edge.getSourceId(),
            "partitioner": partitioner.toString(),
            "partitionerClass": partitioner.getClass().getSimpleName(),
            "exchange": edge.getExchangeMode().name(),
            "typeNumber": edge.getTypeNumber(),
            "equalTo": next(equal),
            "outputTag": None if tag is None else tag.getId(),
            "cached": edge.getIntermediateDatasetIdToProduce() is not None,
        }

    def job_part(self, job_graph: Any) -> dict[str, Any]:
        """Export the job graph, its plan and its pipelined regions."""
        self.vertices = list(job_graph.getVerticesSortedTopologicallyFromSources())
        self.groups: list[str] = []
        jobgraph = self.flink.runtime.jobgraph
        plan = jobgraph.jsonplan.JsonPlanGenerator.generatePlan(job_graph)
        if not isinstance(plan, str):
            mapper = self.flink.runtime.rest.util.RestMapperUtils.getStrictObjectMapper()
            plan = mapper.writeValueAsString(plan)
        topology = jobgraph.topology.DefaultLogicalTopology.fromJobGraph(job_graph)
        return {
            "jobType": job_graph.getJobType().name(),
            "job_vertices": [self._vertex(vertex) for vertex in self.vertices],
            "jobgraph_vertex_order": ",".join(v.getName() for v in each(job_graph.getVertices())),
            "plan_json": {**json.loads(plan), "jid": "0" * 32},
            "logical_regions": self._regions(topology),
        }

    def _regions(self, topology: Any) -> list[list[str]]:
        """Return the pipelined regions, all in topological order."""
        order = {vertex.getID().toString(): i for i, vertex in enumerate(self.vertices)}
        regions = [
            sorted(
                (vertex.getId().toString() for vertex in each(region.getVertices())),
                key=order.__getitem__,
            )
            for region in each(topology.getAllPipelinedRegions())
        ]
        return sorted(regions, key=lambda region: order[region[0]])

    def _vertex(self, vertex: Any) -> dict[str, Any]:
        group, co_location = vertex.getSlotSharingGroup(), vertex.getCoLocationGroup()
        group_id = group.getSlotSharingGroupId().toString()
        if group_id not in self.groups:
            self.groups.append(group_id)
        pairs = list(vertex.getOperatorIDs())
        settings = vertex.getConfiguration().toMap()
        chain = self._chain(vertex.getConfiguration())
        nodes = [self.node_of[pair.getGeneratedOperatorID().toString()] for pair in pairs]
        return {
            "id": vertex.getID().toString(),
            "name": vertex.getName(),
            "prettyName": vertex.getOperatorPrettyName(),
            "parallelism": vertex.getParallelism(),
            "maxParallelism": vertex.getMaxParallelism(),
            "ssg": f"ssg{self.groups.index(group_id)}",
            "ssgResource": group.getResourceProfile().toString(),
            "coLocation": None if co_location is None else co_location.getId().toString(),
            "minResources": vertex.getMinResources().toString(),
            "operatorIDs": [self._operator_id(pair) for pair in pairs],
            "nodes": [*nodes, *sorted(set(chain) - set(nodes))],
            "inputs": [self._input(edge) for edge in vertex.getInputs()],
            "produced": [self._produced(data_set) for data_set in vertex.getProducedDataSets()],
            "managedMem": _fractions(settings, FRACTION_PREFIX),
            "managed_fractions": {
                str(node): {use: float(value) for use, value in fractions.items()}
                for node, fractions in chain.items()
                if fractions
            },
        }

    def _operator_id(self, pair: Any) -> str:
        if not has_method(pair, "getUserDefinedOperatorUid"):  # before Flink 2.0
            return str(pair.getGeneratedOperatorID().toString())
        uid = pair.getUserDefinedOperatorUid()
        name = pair.getUserDefinedOperatorName()
        return f"{pair.getGeneratedOperatorID().toString()}|{name}|{uid or 'null'}"

    def _chain(self, configuration: Any) -> dict[int, dict[str, str]]:
        """Return the managed memory fractions of every operator of the chain, by node id."""
        config = self.flink.streaming.api.graph.StreamConfig(configuration)
        chain = config.getTransitiveChainedTaskConfigsWithSelf(self.loader)
        return {node: _fractions(chain[node].getConfiguration().toMap()) for node in sorted(chain)}

    def _input(self, edge: Any) -> dict[str, Any]:
        data_set = edge.getSource()
        return {
            "source": data_set.getProducer().getID().toString(),
            "pattern": edge.getDistributionPattern().name(),
            "type": data_set.getResultType().name(),
            "ship": edge.getShipStrategyName(),
            "forward": edge.isForward(),
            "broadcast": edge.isBroadcast(),
        }

    def _produced(self, data_set: Any) -> dict[str, Any]:
        known = data_set.getId().toString()
        return {
            "id": self.data_sets.setdefault(known, f"{len(self.data_sets):032x}"),
            "type": data_set.getResultType().name(),
            "consumers": [e.getTarget().getID().toString() for e in data_set.getConsumers()],
        }


def each(iterable: Any) -> Iterator[Any]:
    """Yield what a ``java.lang.Iterable`` that is no list holds."""
    iterator = iterable.iterator()
    while iterator.hasNext():
        yield iterator.next()


def _fractions(settings: Any, prefix: str = "") -> dict[str, str]:
    """Return the managed memory fractions among a vertex's settings."""
    keys = sorted(key for key in settings if key.startswith(FRACTION_PREFIX))
    return {prefix + key.removeprefix(FRACTION_PREFIX): settings[key] for key in keys}


def reset_ids(jvm: Jvm) -> None:
    """Start the ids of transformations at 1 again: the counter belongs to the whole JVM.

    The counter is a ``Number``, which py4j would hand over as a plain ``int``; so a method
    handle fetches and sets it without leaving the JVM.
    """
    transformation = jvm.java_class("org.apache.flink.api.dag.Transformation")
    field = transformation.getDeclaredField("ID_COUNTER")
    field.setAccessible(True)
    handles = jvm.view.java.lang.invoke.MethodHandles
    to_void = jvm.view.java.lang.invoke.MethodType.methodType(
        jvm.view.java.lang.Void.TYPE, jvm.view.java.lang.Integer.TYPE
    )
    lookup = handles.publicLookup()
    setter = lookup.findVirtual(field.getType(), "set", to_void)
    handles.foldArguments(setter, lookup.unreflectGetter(field)).invokeWithArguments([0])


def compile_case(jvm: Jvm, name: str, rng: random.Random) -> dict[str, Any]:
    """Build one random program, let Flink compile it, and export both graphs or the error."""
    conf = random_conf(rng)
    case: dict[str, Any] = {"name": name, "conf": conf}
    reset_ids(jvm)
    program = Program(jvm, rng, conf)
    program.build()
    case |= {"conf": program.conf, "version": flink_version(jvm)}
    try:
        stream_graph = program.env.getStreamGraph()
    except Py4JJavaError as error:
        return case | {"error": error.java_exception.toString()}
    exporter = Exporter(jvm, stream_graph)
    case |= exporter.stream_part()
    try:
        job_graph = stream_graph.getJobGraph()
    except Py4JJavaError as error:
        return case | {"error": error.java_exception.toString()}
    return case | exporter.job_part(job_graph)


def generate(jvm: Jvm, count: int, seed: int) -> list[dict[str, Any]]:
    """Return ``count`` cases; the same seed and Flink version give the same cases."""
    rng = random.Random(seed)
    return [
        compile_case(jvm, f"random-{seed}-{index}", random.Random(rng.getrandbits(64)))
        for index in range(count)
    ]


def write_cases(path: Path, cases: Sequence[dict[str, Any]]) -> None:
    """Write the cases as a JSON list with one case per line."""
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main() -> None:
    """Write the file of cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("graphs.json"))
    arguments = parser.parse_args()
    with start_jvm([*flink_jars(), FUNCTIONS]) as jvm:
        write_cases(arguments.output, generate(jvm, arguments.count, arguments.seed))


if __name__ == "__main__":
    main()
