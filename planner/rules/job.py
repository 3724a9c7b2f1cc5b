"""JOB: the operators, edges and slot sharing groups of a job as they are declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from planner.documents.finding import Severity
from planner.documents.job import DEFAULT_GROUP
from planner.documents.profile import ResourceProfile
from planner.graph.kinds import find_kind, suggest_kind
from planner.rules.base import FLINK_CODE, FLINK_DOCS, JobRule, Match, Subject, similar


class DuplicateOperator(JobRule):
    code, name, severity, structural = "JOB201", "duplicate-operator", Severity.ERROR, True
    summary = "Two operators have the same id."
    why = "Inputs refer to operators by id, so ids have to be unique within the job."
    hint = "rename one of them, and the inputs that refer to it"
    source = (
        "planner's document format; the ids become the nodes of Flink's StreamGraph, which refuses duplicates"
    )
    source_url = (
        f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/streaming/api/graph/StreamGraph.java"
    )

    def check(self, subject: Subject) -> Iterator[Match]:
        seen: set[str] = set()
        for operator in subject.operators:
            if operator.id in seen:
                yield Match(operator.at("id"), f"operator id {operator.id!r} is used twice")
            seen.add(operator.id)


class DanglingEdge(JobRule):
    code, name, severity, structural = "JOB202", "dangling-edge", Severity.ERROR, True
    summary = "An edge starts or ends at an operator that does not exist."
    why = "Flink cannot connect an operator to nothing. Most often the id is misspelled."
    hint = "use the id of an operator of this job"
    source = "planner's document format; its edges become those of Flink's StreamGraph"
    source_url = (
        f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/streaming/api/graph/StreamGraph.java"
    )

    def check(self, subject: Subject) -> Iterator[Match]:
        known = {operator.id for operator in subject.operators}
        for operator in subject.operators:
            for entry in operator.inputs:
                if entry.producer not in known:
                    message = (
                        f"{operator.id!r} reads from {entry.producer!r}, which is not an operator of this job"
                    )
                    yield Match(entry.path, message + similar(entry.producer, known))
        if isinstance(subject.document, ResourceProfile):
            for index, edge in enumerate(subject.document.edges):
                if str(edge.target) not in known and edge.target not in {
                    n.id for n in subject.document.nodes
                }:
                    yield Match(
                        ("edges", index, "target"),
                        f"the edge ends at node {edge.target}, which does not exist",
                    )


class Cycle(JobRule):
    code, name, severity, structural = "JOB203", "cycle", Severity.ERROR, True
    summary = "The operators form a cycle."
    why = "A Flink job is a directed graph without cycles; the iteration API was removed in Flink 2.0."
    hint = "remove one of the edges, or feed the data back through an external queue"
    source = "FLINK-36355 (removal of iterative streams)"
    source_url = "https://github.com/apache/flink/pull/25392"

    def check(self, subject: Subject) -> Iterator[Match]:
        by_id = {operator.id: operator for operator in subject.operators}
        waiting = {o.id: {i.producer for i in o.inputs if i.producer in by_id} for o in subject.operators}
        readers: dict[str, list[str]] = {name: [] for name in by_id}
        for name, producers in waiting.items():
            for producer in producers:
                readers[producer].append(name)
        ready = [name for name, producers in waiting.items() if not producers]
        while ready:
            done = ready.pop()
            waiting.pop(done, None)
            for name in readers[done]:
                waiting[name].discard(done)
                if not waiting[name]:
                    ready.append(name)
        if waiting:
            circle = _walk_circle(waiting)
            shown = circle if len(circle) <= 8 else [*circle[:7], f"... {len(circle) - 7} more ..."]
            yield Match(by_id[circle[0]].path, f"operators form a cycle: {' <- '.join([*shown, circle[0]])}")


def _walk_circle(waiting: dict[str, set[str]]) -> list[str]:
    """Return one cycle: follow producers that are themselves waiting until one comes again."""
    path = [next(iter(waiting))]
    place = {path[0]: 0}
    while True:
        following = min(producer for producer in waiting[path[-1]] if producer in waiting)
        if following in place:
            return path[place[following] :]
        place[following] = len(path)
        path.append(following)


class WrongInputs(JobRule):
    code, name, severity, structural = "JOB204", "wrong-inputs", Severity.ERROR, True
    summary = "An operator has inputs that its kind cannot have, or it lacks inputs that its kind needs."
    why = "Only a source can be without inputs, and an operator with two inputs needs both of them."
    hint = "add or remove inputs, or choose another kind"
    source = "Flink's StreamGraph: only sources have no in-edges"
    source_url = (
        f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/streaming/api/graph/StreamGraph.java"
    )

    def check(self, subject: Subject) -> Iterator[Match]:
        for operator in subject.operators:
            kind = find_kind(operator.kind)
            if kind is None:
                continue
            if kind.source and operator.inputs:
                yield Match(
                    operator.at("inputs"),
                    f"{operator.id!r} is a {operator.kind} and cannot have inputs",
                )
            elif not kind.source and not operator.inputs:
                message = f"{operator.id!r} has no inputs, but its kind {operator.kind!r} is not a source"
                yield Match(
                    operator.at("id"),
                    message,
                    "add inputs:, or write kind: source if the job starts here",
                )
            elif kind.inputs > 1 and len(operator.inputs) < kind.inputs:
                yield Match(
                    operator.at("inputs"),
                    f"{operator.id!r} is a {operator.kind} and needs {kind.inputs} inputs",
                )


class UnknownKind(JobRule):
    code, name, severity, structural = "JOB205", "unknown-kind", Severity.ERROR, True
    summary = "An operator has a kind that planner does not support."
    why = "The kind decides about chaining, managed memory and direct memory, so a guess would give wrong results."
    hint = (
        "use a known kind, or the general kinds operator, source and sink; planner explain JOB205 lists them"
    )
    source = "Flink's operators, as planner/graph/kinds.py lists them"
    source_url = f"{FLINK_DOCS}dev/datastream/operators/overview/"

    def check(self, subject: Subject) -> Iterator[Match]:
        for operator in subject.operators:
            if find_kind(operator.kind) is None:
                close = suggest_kind(operator.kind)
                also = f", did you mean {close!r}?" if close else ""
                yield Match(
                    operator.at("kind"),
                    f"unknown kind {operator.kind!r} of operator {operator.id!r}{also}",
                )


class UnknownGroup(JobRule):
    code, name, severity = "JOB206", "unknown-group", Severity.ERROR
    summary = "An operator is in a slot sharing group that the document does not declare."
    why = "When groups are declared, a name that is not among them is most often misspelled. Flink would silently create a new group with slots of its own."
    hint = "declare the group under slotSharingGroups (ssgProfiles in a profile), or correct the name"
    source = "Flink's StreamGraphGenerator.determineSlotSharingGroup"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/streaming/api/graph/StreamGraphGenerator.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        declared = {group.name for group in subject.groups} | {DEFAULT_GROUP}
        if not subject.groups:
            return
        for operator in subject.operators:
            if operator.group is not None and operator.group not in declared:
                message = f"operator {operator.id!r} is in group {operator.group!r}, which is not declared"
                yield Match(operator.at("group"), message + similar(operator.group, declared))


class TwoSpecs(JobRule):
    code, name, severity, structural = "JOB207", "two-specs", Severity.ERROR, True
    summary = "A slot sharing group is declared twice."
    why = 'Flink refuses a group that is "configured with two different resource spec".'
    hint = "keep one declaration"
    source = "Flink's StreamGraphGenerator (IllegalArgumentException)"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/streaming/api/graph/StreamGraphGenerator.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        counts = Counter(group.name for group in subject.groups)
        seen: set[str] = set()
        for group in subject.groups:
            if counts[group.name] > 1 and group.name in seen:
                yield Match(group.at("name"), f"slot sharing group {group.name!r} is declared twice")
            seen.add(group.name)


class UnusedGroup(JobRule):
    code, name, severity = "JOB208", "unused-group", Severity.WARNING
    summary = "A declared slot sharing group has no operators."
    why = "Its resources are not used. Most often an operator was meant to be in it."
    hint = "put an operator into the group, or remove the group"
    source = "planner's document format; Flink's fine-grained resource management"
    source_url = f"{FLINK_DOCS}deployment/finegrained_resource/"

    def check(self, subject: Subject) -> Iterator[Match]:
        if subject.graph is None:
            return
        used = {node.group for node in subject.graph.nodes}
        for group in subject.groups:
            if group.name not in used:
                yield Match(group.at("name"), f"slot sharing group {group.name!r} has no operators")


class DuplicateUid(JobRule):
    code, name, severity, structural = "JOB209", "duplicate-uid", Severity.ERROR, True
    summary = "Two operators have the same uid."
    why = "Flink derives the operator ID from the uid, and refuses the job with a hash collision when two are the same."
    hint = "give every operator its own uid"
    source = "Flink's StreamGraphHasherV2 (Hash collision on user-specified ID)"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/streaming/api/graph/StreamGraphHasherV2.java"

    def check(self, subject: Subject) -> Iterator[Match]:
        seen: dict[str, str] = {}
        for operator in subject.operators:
            if operator.uid is None:
                continue
            if operator.uid in seen:
                yield Match(
                    operator.at("uid"),
                    f"uid {operator.uid!r} of {operator.id!r} is also the uid of {seen[operator.uid]!r}",
                )
            seen.setdefault(operator.uid, operator.id)


class IncompleteResources(JobRule):
    code, name, severity = "JOB210", "incomplete-resources", Severity.ERROR
    summary = "A slot sharing group has resources, but not both cpu and heap."
    why = "Flink accepts the resources of a group only if cpu and task heap are both given."
    hint = "set cpu and heap, or remove resources so that planner derives all of them"
    source = 'Flink\'s SlotSharingGroup ("The cpu cores and task heap memory are required")'
    source_url = (
        f"{FLINK_CODE}flink-core/src/main/java/org/apache/flink/api/common/operators/SlotSharingGroup.java"
    )

    def check(self, subject: Subject) -> Iterator[Match]:
        for group in subject.groups:
            missing = [name for name in ("cpu", "heap") if name not in group.given]
            if group.given and missing:
                yield Match(
                    group.path,
                    f"slot sharing group {group.name!r} has resources but no {' and no '.join(missing)}",
                )


class UnequalSamples(JobRule):
    code, name, severity, structural = "JOB211", "unequal-samples", Severity.ERROR, True
    summary = "Operators have different numbers of samples of their load."
    why = "The samples of all operators are taken at the same times, hours of a day for example: planner adds up the first of each, the second of each, and so on."
    hint = "give each operator as many samples, or one figure as cpu where its load is the same all the time"
    source = "planner's document format; Flink reports the time that a subtask was busy (busyTimeMsPerSecond)"
    source_url = f"{FLINK_DOCS}ops/metrics/"

    def check(self, subject: Subject) -> Iterator[Match]:
        sampled = [operator for operator in subject.operators if (operator.samples or 1) > 1]
        numbers = Counter(operator.samples for operator in sampled)
        if len(numbers) < 2:
            return
        usual = numbers.most_common(1)[0][0]
        other = next(operator.id for operator in sampled if operator.samples == usual)
        for operator in sampled:
            if operator.samples != usual:
                message = f"{operator.id!r} has {operator.samples} samples of its load, {other!r} has {usual}"
                yield Match(operator.at("cpuSamples"), message)
