"""PRF: profiles, that is documents of kind ResourceProfile."""

from __future__ import annotations

from collections.abc import Iterator

from planner.documents.base import unknown_fields
from planner.documents.finding import Severity
from planner.documents.profile import ResourceProfile
from planner.rules.base import FLINK_CODE, JobRule, Match, Subject, similar


class DuplicateNode(JobRule):
    code, name, severity, structural = "PRF901", "duplicate-node", Severity.ERROR, True
    summary = "Two nodes of a profile have the same id."
    why = "Edges and vertices refer to nodes by id, so ids have to be unique."
    hint = "number the nodes from 1"
    source = "the expert-mode resource plan of Realtime Compute for Apache Flink"
    source_url = "https://www.alibabacloud.com/help/en/flink/realtime-flink/developer-reference/api-ververica-2022-07-18-struct-expertresourcesetting"

    def check(self, subject: Subject) -> Iterator[Match]:
        if not isinstance(subject.document, ResourceProfile):
            return
        seen: set[int] = set()
        for index, node in enumerate(subject.document.nodes):
            if node.id in seen:
                yield Match(("nodes", index, "id"), f"node id {node.id} is used twice")
            seen.add(node.id)


class UnknownProfileField(JobRule):
    code, name, severity = "PRF902", "unknown-profile-field", Severity.WARNING
    summary = "A profile has a field that planner does not support."
    why = "Other tools write this format too, so planner keeps the field, but it has no effect in planner. It may be misspelled."
    hint = "correct the name; planner's own fields are under planner:"
    source = "the expert-mode resource plan of Realtime Compute for Apache Flink"
    source_url = "https://www.alibabacloud.com/help/en/flink/realtime-flink/developer-reference/api-ververica-2022-07-18-struct-expertresourcesetting"

    def check(self, subject: Subject) -> Iterator[Match]:
        if isinstance(subject.document, ResourceProfile):
            for path, known in unknown_fields(subject.document):
                yield Match(
                    path,
                    f"planner does not support the field {path[-1]!r}" + similar(str(path[-1]), known),
                    key=True,
                )


class StaleVertices(JobRule):
    code, name, severity = "PRF903", "stale-vertices", Severity.WARNING
    summary = "The vertices of a profile are not those that Flink will compile."
    why = "Vertices are derived from nodes and edges. After an edit of the nodes they are out of date, and edits of the vertices have no effect."
    hint = "write the profile again: planner compile FILE -o FILE"
    source = "Flink's StreamingJobGraphGenerator"
    source_url = f"{FLINK_CODE}flink-runtime/src/main/java/org/apache/flink/streaming/api/graph/StreamingJobGraphGenerator.java"

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
