"""The complete ResourceProfile: declared parts, slot resources, and the job graph Flink will compile."""

from __future__ import annotations

from planner.documents.profile import ResourceProfile, VertexFields, VertexInput
from planner.graph.from_profile import planner_fields, sample_count, stream_graph
from planner.graph.job_graph import JobGraph, build_job_graph
from planner.memory.off_heap import Catalogue
from planner.memory.slot_resources import complete


def complete_profile(
    profile: ResourceProfile, catalogue: Catalogue | None = None
) -> tuple[ResourceProfile, JobGraph]:
    """Return ``profile`` with everything that follows from it, and its job graph.

    What a person may edit stays; what is derived is derived anew.

    Raises:
        ValueError: when the operators form a cycle, an option cannot be read, or loads have different numbers
            of samples.

    """
    sample_count(profile)
    job = build_job_graph(stream_graph(profile))
    full = complete(profile, job, catalogue)
    own = planner_fields(full).model_copy(update={"vertices": _vertices(job)})
    vertices = {job.vertices[index].id: list(job.vertices[index].nodes) for index in job.order}
    return full.model_copy(update={"planner": own, "vertices": vertices}), job


def _vertices(job: JobGraph) -> list[VertexFields]:
    region_of = {index: number for number, region in enumerate(job.logical_regions) for index in region}
    return [
        VertexFields(
            id=vertex.id,
            name=vertex.name,
            nodes=list(vertex.nodes),
            group=vertex.group,
            parallelism=vertex.parallelism,
            max_parallelism=vertex.max_parallelism,
            region=region_of[vertex.index],
            inputs=[
                VertexInput(
                    vertex=job.vertices[edge.source].id,
                    ship=edge.ship,
                    pattern="POINTWISE" if edge.pointwise else "ALL_TO_ALL",
                    type=edge.type,
                )
                for edge in job.inputs[vertex.index]
            ],
        )
        for vertex in (job.vertices[index] for index in job.order)
    ]
