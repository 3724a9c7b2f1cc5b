"""Rules over operators, edges and slot sharing groups as they are declared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from planner.documents.finding import Severity
from planner.documents.job import DEFAULT_GROUP
from planner.documents.profile import ResourceProfile, unknown_fields
from planner.graph.kinds import find_kind, suggest_kind
from planner.rules.base import JobRule, Match, Subject

MANY = 500
"""Above so many names no similar one is looked for, which would take too long."""


def _similar(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(name[:60], names, 1) if len(names) <= MANY else []
    return f", did you mean {close[0]!r}?" if close else ""


class DuplicateOperator(JobRule):
    code, name, severity, structural = "JOB201", "duplicate-operator", Severity.ERROR, True
    summary = "Two operators have the same id."
    why = "Edges name operators by their id, so it has to be unique within the job."
    hint = "rename one of them and the inputs that mean it"
    source = "planner's document format"

    def check(self, subject: Subject) -> Iterator[Match]:
        seen: set[str] = set()
        for operator in subject.operators:
            if operator.id in seen:
                yield Match(operator.at("id"), f"operator id {operator.id!r} is used twice")
            seen.add(operator.id)


class DanglingEdge(JobRule):
    code, name, severity, structural = "JOB202", "dangling-edge", Severity.ERROR, True
    summary = "An edge begins or ends at an operator that is not there."
    why = "Flink cannot connect an operator to nothing; most often the id is misspelled."
    hint = "name an operator of this job"
    source = "planner's document format"

    def check(self, subject: Subject) -> Iterator[Match]:
        known = {operator.id for operator in subject.operators}
        for operator in subject.operators:
            for entry in operator.inputs:
                if entry.producer not in known:
                    message = (
                        f"{operator.id!r} reads from {entry.producer!r}, which is no operator of this job"
                    )
                    yield Match(entry.path, message + _similar(entry.producer, known))
        if isinstance(subject.document, ResourceProfile):
            for index, edge in enumerate(subject.document.edges):
                if str(edge.target) not in known and edge.target not in {
                    n.id for n in subject.document.nodes
                }:
                    yield Match(
                        ("edges", index, "target"),
                        f"the edge ends at node {edge.target}, which is not there",
                    )


class Cycle(JobRule):
    code, name, severity, structural = "JOB203", "cycle", Severity.ERROR, True
    summary = "Operators form a cycle."
    why = "A Flink job is a directed graph without cycles; the iteration API was removed in Flink 2.0."
    hint = "remove one of the edges, or feed the data back through an external queue"
    source = "Flink's StreamGraphGenerator; FLINK-35221 (removal of DataStream iterations)"

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
    summary = "An operator has inputs that its kind cannot have, or lacks those it needs."
    why = "Only sources begin a job, and an operator of two inputs needs both."
    hint = "add or remove inputs, or choose another kind"
    source = "Flink's StreamGraph: only sources have no in-edges"

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
                message = f"{operator.id!r} has no inputs, but its kind {operator.kind!r} is no source"
                yield Match(
                    operator.at("id"),
                    message,
                    "add inputs:, or write kind: source for where the job begins",
                )
            elif kind.inputs > 1 and len(operator.inputs) < kind.inputs:
                yield Match(
                    operator.at("inputs"),
                    f"{operator.id!r} is a {operator.kind} and needs {kind.inputs} inputs",
                )


class UnknownKind(JobRule):
    code, name, severity, structural = "JOB205", "unknown-kind", Severity.ERROR, True
    summary = "An operator is of a kind that planner does not know."
    why = "The kind decides about chaining, managed memory and direct memory, so a guess would be wrong somewhere."
    hint = "use a known kind, or operator, source or sink in general; see planner explain JOB205"
    source = "planner/graph/kinds.py"

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
    summary = "An operator names a slot sharing group that the document does not declare."
    why = (
        "With declared groups, a name that is not among them is most often misspelled; Flink would"
        " silently make a new group with slots of its own."
    )
    hint = "declare the group under slotSharingGroups (ssgProfiles in a profile), or correct the name"
    source = "Flink's StreamGraphGenerator.determineSlotSharingGroup"

    def check(self, subject: Subject) -> Iterator[Match]:
        declared = {group.name for group in subject.groups} | {DEFAULT_GROUP}
        if not subject.groups:
            return
        for operator in subject.operators:
            if operator.group is not None and operator.group not in declared:
                message = f"operator {operator.id!r} is in group {operator.group!r}, which is not declared"
                yield Match(operator.at("group"), message + _similar(operator.group, declared))


class TwoSpecs(JobRule):
    code, name, severity, structural = "JOB207", "two-specs", Severity.ERROR, True
    summary = "One slot sharing group is declared twice."
    why = 'Flink refuses a group "configured with two different resource spec".'
    hint = "keep one declaration"
    source = "Flink's StreamGraphGenerator (IllegalArgumentException)"

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
    why = "Its resources go nowhere; most often an operator was meant to be in it."
    hint = "name the group in an operator, or remove it"
    source = "planner's document format"

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
    why = "The uid becomes the operator's id; Flink fails with a hash collision when two are the same."
    hint = "give every operator a uid of its own"
    source = "Flink's StreamGraphHasherV2 (Hash collision on user-specified ID)"

    def check(self, subject: Subject) -> Iterator[Match]:
        seen: dict[str, str] = {}
        for operator in subject.operators:
            if operator.uid is None:
                continue
            if operator.uid in seen:
                yield Match(
                    operator.at("uid"),
                    f"uid {operator.uid!r} of {operator.id!r} is also that of {seen[operator.uid]!r}",
                )
            seen.setdefault(operator.uid, operator.id)


class IncompleteResources(JobRule):
    code, name, severity = "JOB210", "incomplete-resources", Severity.ERROR
    summary = "A slot sharing group has resources without cpu and heap."
    why = "Flink takes a group's resources only with cpu and task heap given together."
    hint = "give cpu and heap, or leave resources out so that planner derives all of them"
    source = 'Flink\'s SlotSharingGroup ("The cpu cores and task heap memory are required")'

    def check(self, subject: Subject) -> Iterator[Match]:
        for group in subject.groups:
            missing = [name for name in ("cpu", "heap") if name not in group.given]
            if group.given and missing:
                yield Match(
                    group.path,
                    f"slot sharing group {group.name!r} has resources but no {' and no '.join(missing)}",
                )


class DuplicateNode(JobRule):
    code, name, severity, structural = "PRF901", "duplicate-node", Severity.ERROR, True
    summary = "Two nodes of a profile have the same number."
    why = "Edges and vertices name nodes by their number, so it has to be unique."
    hint = "number the nodes from 1"
    source = "the public expert-mode document"

    def check(self, subject: Subject) -> Iterator[Match]:
        if not isinstance(subject.document, ResourceProfile):
            return
        seen: set[int] = set()
        for index, node in enumerate(subject.document.nodes):
            if node.id in seen:
                yield Match(("nodes", index, "id"), f"node number {node.id} is used twice")
            seen.add(node.id)


class UnknownProfileField(JobRule):
    code, name, severity = "PRF902", "unknown-profile-field", Severity.WARNING
    summary = "A profile has a field that planner does not know."
    why = "Others write this format too, so the field is kept, but planner does nothing with it; it may be misspelled."
    hint = "correct the name; planner's own fields stand under planner:"
    source = "the public expert-mode document"

    def check(self, subject: Subject) -> Iterator[Match]:
        if isinstance(subject.document, ResourceProfile):
            for path, known in unknown_fields(subject.document):
                yield Match(
                    path,
                    f"field {path[-1]!r} is not known to planner" + _similar(str(path[-1]), known),
                    key=True,
                )


class StaleVertices(JobRule):
    code, name, severity = "PRF903", "stale-vertices", Severity.WARNING
    summary = "The vertices of a profile are not those that Flink will compile."
    why = "Vertices follow from nodes and edges; after an edit of the nodes they are out of date, and edits to them change nothing."
    hint = "write the profile again: planner compile FILE -o FILE"
    source = "Flink's StreamingJobGraphGenerator"

    def check(self, subject: Subject) -> Iterator[Match]:
        profile, job = subject.document, subject.job_graph
        if not isinstance(profile, ResourceProfile) or job is None or not profile.vertices:
            return
        derived = {vertex.id: sorted(vertex.nodes) for vertex in job.vertices}
        if derived != {key: sorted(nodes) for key, nodes in profile.vertices.items()}:
            changed = sorted(set(derived) ^ set(profile.vertices)) or sorted(
                k for k in derived if derived[k] != sorted(profile.vertices[k])
            )
            yield Match(("vertices",), f"vertices are out of date, first at {changed[0]}", key=True)
