"""The job graph in the language of Graphviz: groups hold chains, chains hold operators."""

from __future__ import annotations

from collections import defaultdict

from planner.documents.profile import ResourceProfile
from planner.graph.job_graph import JobGraph
from planner.report.printable import printable


def _quoted(*lines: str) -> str:
    """Return lines as one quoted string, in which a backslash escapes."""
    escaped = (printable(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'


def digraph(profile: ResourceProfile, job: JobGraph) -> str:
    """Return the graph left to right; what is read only when it is complete is dashed."""
    names = {node.id: node.desc or str(node.id) for node in profile.nodes}
    groups: dict[str, list[int]] = defaultdict(list)
    for index in job.order:
        groups[job.vertices[index].group].append(index)
    lines = ["digraph job {", "  rankdir=LR", "  node [shape=box]"]
    for number, (group, members) in enumerate(groups.items()):
        lines += [f"  subgraph cluster_{number} {{", f"    label={_quoted(group)}"]
        for index in members:
            vertex = job.vertices[index]
            label = _quoted(*(names[node] for node in vertex.nodes), f"parallelism {vertex.parallelism}")
            lines.append(f"    v{index} [label={label}]")
        lines.append("  }")
    for edge in job.edges:
        style = "" if edge.type.must_be_pipelined else ", style=dashed"
        lines.append(f"  v{edge.source} -> v{edge.target} [label={_quoted(edge.ship)}{style}]")
    return "\n".join([*lines, "}"]) + "\n"
