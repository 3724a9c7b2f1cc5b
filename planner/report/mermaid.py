"""The job graph as a Mermaid flowchart: groups hold chains, chains hold operators."""

from __future__ import annotations

from collections import defaultdict

from planner.documents.profile import ResourceProfile
from planner.graph.job_graph import JobGraph


def _label(text: str) -> str:
    """Escape what Mermaid would read as syntax inside a quoted label."""
    for char, code in (("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("\n", " ")):
        text = text.replace(char, code)
    return text


def flowchart(profile: ResourceProfile, job: JobGraph) -> str:
    """Return the graph left to right, as Flink's own UI draws it; edges carry the ship strategy."""
    names = {node.id: node.desc or str(node.id) for node in profile.nodes}
    groups: dict[str, list[int]] = defaultdict(list)
    for index in job.order:
        groups[job.vertices[index].group].append(index)
    lines = ["flowchart LR"]
    for number, (group, members) in enumerate(groups.items()):
        lines.append(f'  subgraph g{number}["{_label(group)}"]')
        for index in members:
            vertex = job.vertices[index]
            chain = "<br/>".join(_label(names[node]) for node in vertex.nodes)
            lines.append(f'    v{index}["{chain}<br/>parallelism {vertex.parallelism}"]')
        lines.append("  end")
    for edge in job.edges:
        arrow = "-->" if edge.type.must_be_pipelined else "-.->"
        lines.append(f"  v{edge.source} {arrow}|{edge.ship}| v{edge.target}")
    return "\n".join(lines) + "\n"
