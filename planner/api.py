"""The verbs as functions: documents in, documents out; what goes wrong is a `PlannerError`.

The command line calls these, and so can you (docs/library.md). Solvers, Flink and clusters load when a
function that needs them is called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from planner.cluster import standalone
from planner.cluster.callbacks import CALLBACKS
from planner.cluster.errors import (
    CallbackFailed,
    CheckpointFailed,
    ClusterBusy,
    ClusterFailed,
    ClusterFolderError,
    KubernetesError,
    MigrationUnfinished,
    NoAnswer,
    RestError,
    SlotsTaken,
)
from planner.cluster.launches import Launch, launches, stock_launches, too_large
from planner.cluster.measure import Measured, measured_profile
from planner.cluster.migrate import journal_of
from planner.cluster.migrate import migrate as run_migration
from planner.cluster.migrate import resume as go_on
from planner.cluster.migrate_pods import migrate_pods, resume_pods, workload
from planner.cluster.migrate_pods import unfinished as unfinished_pods
from planner.cluster.migration import Journal, Migrated
from planner.cluster.read_job import cluster_document, job_profile
from planner.cluster.rescale import ADAPTIVE, require_vertices, stop_with_savepoint
from planner.cluster.rescale import set_parallelism as rescale_running
from planner.cluster.rest import ENDED, Rest, jobs, only_job
from planner.cluster.restarts import restart_times
from planner.cluster.run import Plan, Run, execute, run_program
from planner.cluster.run import verify as verify_cluster
from planner.cluster.standalone import Standalone
from planner.cluster.supervise import PROGRAM, SHELL_PROGRAM, Supervision, in_container, in_folder
from planner.cluster.supervise import become as become_supervisor
from planner.cluster.verify import Deviation, NotAsPlanned
from planner.documents.cluster import Cluster
from planner.documents.crd import OPERATOR_VERSIONS
from planner.documents.difference import Difference, differences
from planner.documents.errors import DocumentError, PlacementMismatch
from planner.documents.finding import CheckProfile, Finding, Severity
from planner.documents.foreign.base import ForeignDocument
from planner.documents.foreign.configuration import FlinkConfiguration
from planner.documents.foreign.deployment import FlinkDeployment
from planner.documents.foreign.nodes import Room, nodes_of, quota_of
from planner.documents.foreign.program import program_of as program_of_deployment
from planner.documents.foreign.session_job import FlinkSessionJob
from planner.documents.foreign.task_managers import DeploymentError, ManifestCluster, cluster_of
from planner.documents.job import Job
from planner.documents.load import KINDS, Document, Loaded, load
from planner.documents.multiply import AboveMaxParallelism, multiplied
from planner.documents.option_tables import of_operator, option_table, without_table
from planner.documents.placement import Placement
from planner.documents.profile import Program, ResourceProfile
from planner.documents.recovery import RecoveryInputs, RecoveryPlan, RestartStrategy
from planner.documents.schema import json_schema
from planner.documents.sensitive import is_sensitive, masked_arguments
from planner.documents.source import Source, read_sources
from planner.documents.write import as_written, digest, to_data, to_json, to_yaml
from planner.errors import PlannerError, TimedOut
from planner.files import legible, real, write_atomically, write_folder
from planner.flink.errors import FlinkMissing, NoFlinkHome, OptionRefused, ProgramError
from planner.flink.program import COMPILE_SECONDS, Toolchain, as_compiled, require_compilable, stream_graph
from planner.flink.stream_graph import flink_version, profile_of, secret_options
from planner.graph.edits import Drift, edits, keep_edits
from planner.graph.from_job import declare
from planner.graph.from_profile import planner_fields
from planner.graph.from_profile import stream_graph as graph_of
from planner.graph.job_graph import JobGraph
from planner.graph.regions import pipelined_regions
from planner.memory.breakdown import Process, ProcessMemory, process_memory
from planner.memory.complete import complete_profile
from planner.memory.jobmanager import derive_jobmanager
from planner.memory.off_heap import Catalogue, OffHeapUse, job_catalogue
from planner.memory.process import MemoryConfigurationError, Options
from planner.memory.sizing import NEEDS, exact_options, size_taskmanager
from planner.memory.taskmanager import MIN_NETWORK, PREFIX, derive_taskmanager
from planner.place.check.judge import RefusedError
from planner.place.clock import Clock, Stop, never
from planner.place.infeasible import Explanation, Infeasible
from planner.place.model.constraints import ZONE
from planner.place.model.objective import BALANCE, PACK, Objective, objectives
from planner.place.model.slots import turn_options
from planner.place.model.task_managers import ClusterError, task_manager_ids, task_managers_of
from planner.place.moves.move_list import Point
from planner.place.result import Progress
from planner.place.sizing_plan import (
    NotSizable,
    Sizing,
    SizingPlan,
    TooManyNodes,
    counted,
    of_one_class,
    require_prices,
)
from planner.place.stock.allocation import Mode
from planner.place.stock.prediction import NoRoom
from planner.recover.candidates import Candidate, RestartPart, catch_up, efficient, variants
from planner.recover.diagnosis.diagnose import Diagnosis, Log
from planner.recover.diagnosis.patch import NotPatchable, Patched
from planner.recover.diagnosis.patch import patched as patched_text
from planner.recover.migration import Migration
from planner.recover.migration import migration as plan_migration
from planner.recover.rates import NotScalable, Work, decimal, declared_work, demands, source_named
from planner.recover.rescaling import fixed_nodes, limits, requirements, rescaled_profile
from planner.recover.restart_strategy import restart_strategy
from planner.recover.scaling_plan import ScalingPlan
from planner.recover.settings import recovery_options
from planner.rules import validate as rules
from planner.rules.fix import fixed
from planner.rules.registry import BY_CODE
from planner.rules.subject import of_manifest
from planner.targets.advice import Advice, advice
from planner.targets.errors import NotExportable
from planner.targets.expert_mode import expert_mode
from planner.targets.flink_conf import LOCALHOST, flink_conf
from planner.targets.kubernetes import NAMESPACE, STORAGE, Parameters, for_scripts, kubernetes
from planner.targets.migration_map import migration_map
from planner.targets.operator import OPERATOR, DeploymentMode, lost_in_native, operator
from planner.targets.options import JOBMANAGER_MEMORY, exported_task_managers
from planner.targets.standalone import on_hosts
from planner.targets.yarn import lost_on_yarn, yarn
from planner.units import CORE, parse_cpu
from planner.units import parse_size_lenient as parse_size

CLUSTER_VERSION = rules.CLUSTER_VERSION
"""The Flink version that is meant where none is said."""
if TYPE_CHECKING:
    from planner.place.pods import Pods

DEFAULT_SLACK = 0.02
SCALE_GAP = 0.01
"""How far from proven least the highest CPU of a candidate may be: they are compared, not run."""
SIZED_SHARE = 2 / 3
"""The share of the time for all classes together, where the rest is for each of them alone."""
SIZED_UTILISATION = 0.8
"""The highest CPU utilisation that a cluster is sized for: a fifth is left for what is not known."""
UTILISATION = 0.7
"""The share of the time that a subtask may be busy: the target of the Kubernetes operator's autoscaler."""
FOLDER = Path(".planner")
"""Where a local cluster keeps its state and logs."""
Note = Callable[[str], None]
"""Told in a few words what is being done."""
D = TypeVar("D")

__all__ = [
    "BALANCE",
    "CALLBACKS",
    "COMPILE_SECONDS",
    "DEFAULT_SLACK",
    "FOLDER",
    "PACK",
    "SIZED_UTILISATION",
    "UTILISATION",
    "AboveMaxParallelism",
    "Advice",
    "CallbackFailed",
    "Candidate",
    "Catalogue",
    "CheckProfile",
    "CheckpointFailed",
    "Clock",
    "Cluster",
    "ClusterBusy",
    "ClusterError",
    "ClusterFailed",
    "ClusterFolderError",
    "ClusterStatus",
    "DeploymentError",
    "Deviation",
    "Diagnosis",
    "Difference",
    "Document",
    "DocumentError",
    "Drift",
    "Explanation",
    "Finding",
    "FlinkConfiguration",
    "FlinkDeployment",
    "FlinkMissing",
    "ForeignDocument",
    "Infeasible",
    "Job",
    "JobGraph",
    "Journal",
    "KubernetesError",
    "Loaded",
    "Log",
    "ManifestCluster",
    "Measured",
    "MemoryConfigurationError",
    "Migrated",
    "Migration",
    "MigrationUnfinished",
    "Mode",
    "NoAnswer",
    "NoFlinkHome",
    "NoRoom",
    "NotAsPlanned",
    "NotExportable",
    "NotPatchable",
    "NotScalable",
    "NotSizable",
    "Objective",
    "OptionRefused",
    "Patched",
    "Placement",
    "PlacementMismatch",
    "Plan",
    "PlannerError",
    "Point",
    "Process",
    "ProcessMemory",
    "Program",
    "ProgramError",
    "Progress",
    "RecoveryPlan",
    "RefusedError",
    "ResourceProfile",
    "RestError",
    "RestartPart",
    "Room",
    "Run",
    "ScalingPlan",
    "Severity",
    "SizingPlan",
    "SlotsTaken",
    "Standalone",
    "Stop",
    "Supervision",
    "Target",
    "TimedOut",
    "TooManyNodes",
    "adaptive",
    "advise",
    "as_catalogue",
    "as_planned",
    "as_written",
    "become_supervisor",
    "checked",
    "cluster_of_deployment",
    "compile",
    "compile_job",
    "compile_program",
    "configuration_of",
    "diagnose",
    "diff",
    "down",
    "drain",
    "edits",
    "export",
    "export_flink_conf",
    "export_kubernetes",
    "export_migration_map",
    "export_operator",
    "export_standalone",
    "export_yarn",
    "fix",
    "fixed_in",
    "import_cluster",
    "import_job",
    "import_load",
    "legible",
    "load",
    "load_cluster",
    "load_job",
    "load_nodes",
    "load_placement",
    "load_profile",
    "load_quota",
    "load_recovery_plan",
    "lost_in_native",
    "lost_on_yarn",
    "made_from",
    "memory_for",
    "migrate",
    "migration",
    "multiplied",
    "objectives",
    "operator_labels",
    "options_beside",
    "pareto",
    "parse_size",
    "patched",
    "place",
    "placement_warnings",
    "plan_run",
    "process_memory",
    "program_of_deployment",
    "real",
    "rearrange",
    "recover",
    "report",
    "restart_outline",
    "restart_parts",
    "resume_migration",
    "run",
    "save",
    "scale",
    "schema",
    "set_parallelism",
    "shared",
    "shared_profile",
    "simulate",
    "size",
    "status",
    "stop",
    "supervise",
    "supervise_local",
    "supervisor_program",
    "take_over",
    "to_data",
    "to_json",
    "to_yaml",
    "unfinished_migration",
    "unknown_options",
    "up",
    "validate",
    "verify",
    "write_atomically",
    "write_folder",
    "zones",
]


def load_job(path: str | Path) -> Job | ResourceProfile:
    """Return the job in a file: a Job, or the ResourceProfile that one was compiled to.

    Raises:
        DocumentError: when the file cannot be read, or does not hold exactly one of them.

    """
    kinds: tuple[type[Job | ResourceProfile], ...] = (Job, ResourceProfile)
    return _load(path, kinds)


def load_profile(path: str | Path) -> ResourceProfile:
    """Return the ResourceProfile in a file; see `load_job`."""
    return _load(path, (ResourceProfile,))


def load_cluster(path: str | Path) -> Cluster:
    """Return the Cluster in a file, or the TaskManagers that the FlinkDeployment in it gets; see `load_job`.

    Raises:
        DocumentError: when the file cannot be read, or holds neither.
        DeploymentError: when a FlinkDeployment does not say what TaskManagers it gets.

    """
    loaded = _read(path)
    holds_cluster = any(isinstance(entry.document, Cluster) for entry in loaded)
    found = None if holds_cluster else cluster_of_deployment(*loaded)
    return _only(loaded, path, (Cluster,)) if found is None else found.cluster


def load_placement(path: str | Path) -> Placement:
    """Return the Placement in a file; see `load_job`."""
    return _load(path, (Placement,))


def load_recovery_plan(path: str | Path) -> RecoveryPlan:
    """Return the RecoveryPlan in a file; see `load_job`."""
    return _load(path, (RecoveryPlan,))


def _load(path: str | Path, kinds: tuple[type[D], ...]) -> D:
    return _only(_read(path), path, kinds)


def _read(path: str | Path) -> list[Loaded]:
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        reason = f"cannot be read: {(error.strerror or str(error)).lower()}"
        raise DocumentError([_error("DOC000", reason, "check the path and its permissions", path)]) from None
    return load(raw, str(path))


def _only(loaded: Sequence[Loaded], path: str | Path, kinds: tuple[type[D], ...]) -> D:
    documents: list[D] = [entry.document for entry in loaded if isinstance(entry.document, kinds)]
    if len(documents) == 1:
        return documents[0]
    findings = [finding for entry in loaded for finding in entry.findings]
    wanted = " or ".join(kind.__name__ for kind in kinds)
    how_many = "more than one" if documents else "no"
    raise DocumentError(findings or [_error("DOC009", f"has {how_many} {wanted} in it", "", path)])


def _error(code: str, message: str, hint: str = "", file: str | Path = "") -> Finding:
    return Finding(code, Severity.ERROR, message, hint, str(file))


def save(document: Document, path: str | Path) -> None:
    """Write a document to a file as JSON, atomically.

    Raises:
        OSError: when it cannot be written; an old file is then untouched.

    """
    write_atomically(Path(path), to_json(to_data(document)))


def validate(
    *documents: Document | Loaded,
    fit: bool = True,
    profile: CheckProfile = CheckProfile.CI,
    operator_version: str | None = None,
) -> list[Finding]:
    """Return what is wrong with ``documents``, in stable order.

    A job is also checked against a cluster where exactly one is among them, unless ``fit`` is false.
    Documents that were loaded with `load` have findings with lines and columns. The ``profile`` decides how
    much is asked of a job besides that it runs. Manifests are checked against the definitions of a version of
    the Kubernetes operator, one of `OPERATOR_VERSIONS`; without one, they are to be right for any of these.

    Raises:
        ValueError: when ``operator_version`` is not known.

    """
    if operator_version not in (None, *OPERATOR_VERSIONS):
        raise ValueError(
            f"operator version {operator_version!r} is not one of {', '.join(OPERATOR_VERSIONS)}"
        )
    found = [_as_loaded(document) for document in documents]
    return rules.validate(found, fit=fit, profile=profile, operator=operator_version)


def fix(
    *documents: Loaded,
    fit: bool = True,
    profile: CheckProfile = CheckProfile.CI,
    operator_version: str | None = None,
    ignore: Sequence[str] = (),
) -> dict[str, str]:
    """Return the texts of those files in which findings of `validate` can be put right mechanically, by name.

    Comments, order and layout stay as they are. Findings that can be have a ``fix``; one whose place is
    within the text of another document, as in a ConfigMap, is left, and those whose code begins with one of
    ``ignore``.
    """

    def check(found: Sequence[Loaded]) -> list[Finding]:
        findings = validate(*found, fit=fit, profile=profile, operator_version=operator_version)
        return [finding for finding in findings if not finding.code.startswith(tuple(ignore))]

    return fixed(documents, check)


def checked(
    *documents: Loaded, cluster: Cluster | None = None
) -> tuple[list[Finding], list[ResourceProfile]]:
    """Return findings as `validate` does, and the complete profile of each job.

    The profiles are those of `compile`, where no finding is an error. With a ``cluster``, what of the jobs
    does not fit it is found too, and what is wrong with the cluster itself is not.
    """
    if cluster is None:
        return rules.checked(documents, fit=False)
    place = _as_loaded(cluster)
    findings, profiles = rules.checked([*documents, place])
    return [one for one in findings if one.file != place.source.name], profiles


def placement_warnings(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings of rules that say why a placement would not be followed as it is."""
    return [finding for finding in findings if BY_CODE[finding.code].concerns_placement]


def _as_loaded(document: Document | Loaded) -> Loaded:
    if isinstance(document, Loaded):
        return document
    return Loaded(Source(f"<{document.kind}>", "", as_written(document)), document)


def compile(  # noqa: A001 - the verb's name
    job: Job | ResourceProfile, catalogue: Catalogue | None = None
) -> ResourceProfile:
    """Return the complete profile of a job, or of a profile that was edited.

    ``catalogue`` is off-heap memory by kind of operator, before planner's own; the job's goes before both.

    Raises:
        DocumentError: when the job is not valid.

    """
    return compile_job(job, catalogue)[0]


def compile_job(
    job: Job | ResourceProfile, catalogue: Catalogue | None = None
) -> tuple[ResourceProfile, JobGraph]:
    """Return the complete profile of a job, and the job graph that Flink compiles it to; see `compile`."""
    try:
        if isinstance(job, ResourceProfile):
            return complete_profile(job, catalogue)
        declared = job_catalogue(job.spec.off_heap_catalogue)
        return complete_profile(declare(job), {**(catalogue or {}), **declared})
    except PlannerError:
        raise
    except ValueError as error:
        errors = [finding for finding in validate(job) if finding.severity is Severity.ERROR]
        if not errors:
            raise  # a defect: what keeps a job from compiling is a rule's to find
        raise DocumentError(errors) from error


def as_catalogue(sizes: Mapping[str, str], source: str) -> Catalogue:
    """Return off-heap memory by kind of operator from sizes; ``source`` is what gives them.

    Raises:
        ValueError: when a size cannot be read; the message begins with its kind.

    """
    catalogue = {}
    for kind, size in sizes.items():
        try:
            parsed = parse_size(str(size))
        except ValueError as error:
            raise ValueError(f"{kind}: {error}") from None
        catalogue[kind] = OffHeapUse(parsed, f"as {source} says for {kind}", source, "declared")
    return catalogue


def compile_program(
    program: Program,
    previous: ResourceProfile | None = None,
    *,
    flink_home: Path | None = None,
    python: str = "python3",
    time_limit: float = COMPILE_SECONDS,
    note: Note = lambda _: None,
) -> tuple[ResourceProfile, Drift | None]:
    """Return the profile of a program as Flink itself compiles it, with the edits of a previous one.

    With a ``previous`` profile comes how the program has drifted from it. ``python`` is the interpreter
    that has PyFlink, for a program in Python. The program's main has ``time_limit`` seconds.

    Raises:
        ProgramError: when the program cannot be read or Flink refuses it.
        TimedOut: when the program makes no job in time.
        OptionRefused: when a secret that an option names cannot be had.
        FlinkMissing: when the extra ``flink`` is not installed.
        NoFlinkHome: when ``flink_home`` does not hold a Flink distribution.

    """
    with stream_graph(program, Toolchain(flink_home, python, time_limit), note) as (jvm, graph):
        profile = profile_of(jvm, graph, program, flink_version(jvm))
        require_compilable(graph, program)
    for line in _about_secrets(program):
        note(line)
    return (profile, None) if previous is None else keep_edits(profile, previous)


def _about_secrets(program: Program) -> Iterator[str]:
    """Say which secrets of a program its profile does not hold, and which it does."""
    for key in secret_options(program):
        keep = f"; as -D {key}=@FILE or @env:NAME the profile keeps it" if is_sensitive(key) else ""
        yield f"planner: {key} is a secret, so the profile is without it; planner run needs it again{keep}"
    if masked_arguments(program.arguments) != program.arguments:
        yield (
            "planner: an argument of the program is a secret, and the profile holds it; let the program read"
            " it from a file or the environment"
        )


def place(
    job: Job | ResourceProfile,
    cluster: Cluster,
    *,
    time_limit: float = 10.0,
    gap_limit: float = 0.0,
    seed: int = 1,
    workers: int = 1,
    objective: Sequence[Objective] = BALANCE,
    previous: Placement | None = None,
    slack: float | None = None,
    sized: SizingPlan | None = None,
    progress: Progress = lambda *_: None,
    clock: Clock | None = None,
) -> Placement:
    """Return the placement of a job on a cluster on which each level of ``objective`` is least, in order.

    The search ends with a proof, after ``time_limit`` seconds, or within ``gap_limit`` (a share) of the
    optimum. With one worker the same ``seed`` gives the same placement. With a ``previous`` placement only
    the highest CPU utilisation counts, and among the placements that are within ``slack`` (a share, 2 %
    unless given) of the best one the fewest moves. Without one ``slack`` is how far above the best value the
    highest CPU utilisation may be for the later levels of ``objective``. Where ``sized`` is what the cluster
    comes from, the search begins with the placement that it found. ``progress`` is told each step with the
    best value and the bound. A ``clock`` that runs already takes the place of the limits, seed and
    workers.

    Raises:
        DocumentError: when the job is not valid.
        ClusterError: when the figures of a TaskManager are inconsistent.
        Infeasible: when it is proven that there is no placement; it carries the explanation.
        TimedOut: when no placement was found in time.
        PlacementMismatch: when ``previous`` is of another job, or a simulation.
        ValueError: when a limit or the objective is not possible.
        RefusedError: when planner's checker refuses the placement, which is a defect of planner.

    """
    if tuple(objective) != PACK:
        objectives(",".join(objective))
    if slack is None:
        slack = 0.0 if previous is None else DEFAULT_SLACK
    if slack < 0:
        raise ValueError(f"slack has to be a share of at least 0, not {slack}")
    if slack and previous is None and tuple(objective) == PACK:
        raise ValueError("slack is for the levels after the highest CPU utilisation, and packing has none")
    profile, graph = compile_job(job)
    clock = clock or Clock(Stop(time_limit, gap_limit, seed, workers))
    from planner.place import engine

    placement = engine.place(
        profile,
        graph,
        cluster,
        clock,
        progress,
        objective=objective,
        previous=previous,
        slack=slack,
        start=sized.sizing.solution if sized is not None else None,
    )
    return _with_options(placement, profile)


def as_planned(job: Job | ResourceProfile, placement: Placement) -> tuple[ResourceProfile, JobGraph]:
    """Return the complete profile of a job with what a placement plans for groups whose estimates bent.

    Raises:
        DocumentError: when the job is not valid.

    """
    from planner.place import bend

    profile, graph = compile_job(job)
    return bend.as_planned(profile, placement.planned_groups), graph


def pareto(
    job: Job | ResourceProfile,
    cluster: Cluster,
    previous: Placement | None = None,
    *,
    objective: Sequence[Objective] = (),
    time_limit: float = 10.0,
    seed: int = 1,
    workers: int = 1,
    progress: Progress = lambda *_: None,
    clock: Clock | None = None,
) -> list[Point]:
    """Return how balance goes with moves against a ``previous`` placement, fewest moves first.

    Without one it is how balance goes with the level that follows cpu in an ``objective`` of two levels.
    Parameters and exceptions are those of `place`; there is no gap to stop at.
    """
    if previous is None and len(objectives(",".join(objective))) != 2:
        raise ValueError("the objective has to be cpu and one more level, for what balance is compared with")
    profile, graph = compile_job(job)
    clock = clock or Clock(Stop(time_limit, 0.0, seed, workers))
    from planner.place import engine

    return engine.pareto(profile, graph, cluster, clock, progress, previous=previous, objective=objective)


def simulate(job: Job | ResourceProfile, cluster: Cluster, mode: Mode, *, seed: int = 1) -> Placement:
    """Return one possible outcome of Flink's own scheduler under ``taskmanager.load-balance.mode``.

    It is a simulation, not a placement to run: its ``strategy`` says so.

    Raises:
        DocumentError: when the job is not valid.
        ClusterError: when the figures of a TaskManager are inconsistent.
        NoRoom: when not every slot finds room in the order of TaskManagers that ``seed`` draws.

    """
    profile, graph = compile_job(job)
    from planner.place import engine

    return engine.simulate(profile, graph, cluster, mode, seed)


def recover(job: Job | ResourceProfile, placement: Placement, cluster: Cluster | None = None) -> RecoveryPlan:
    """Return what restarts when each part of a job is lost, and for how long the job stands still.

    With the ``cluster`` of the placement that is told of its zones as well.

    Raises:
        DocumentError: when the job is not valid.
        ClusterError: when the figures of a TaskManager are inconsistent.
        PlacementMismatch: when the placement is of another job.

    """
    from planner.recover.recovery_plan import recovery_plan

    profile, graph = compile_job(job)
    inputs = RecoveryInputs(
        profile=digest(profile), placement=digest(placement.model_copy(update={"meta": None}))
    )
    return recovery_plan(profile, graph, placement, inputs, zones(cluster))


def report(
    job: Job | ResourceProfile,
    placement: Placement | None,
    cluster: Cluster | None = None,
    *,
    earlier: Mapping[str, Placement] | None = None,
) -> dict[str, Any]:
    """Return what a report shows of a placement, as plain data for `planner.report.html.page`.

    That is the documents ``profile``, ``placement`` and ``recovery``, ``zones`` by TaskManager where the
    ``cluster`` is given, and ``earlier`` placements with their names, oldest first. Reports are passed on:
    options of Flink, arguments of programs and the memory of processes are left out, and of earlier
    placements the slots, which their quotas tell. Without a placement it is the profile of the job alone,
    and what depends on one is None.

    Raises:
        DocumentError: when the job is not valid.
        ClusterError: when the figures of a TaskManager are inconsistent.
        PlacementMismatch: when the placement was not made from ``job``.

    """
    profile, _ = as_planned(job, placement) if placement else compile_job(job)
    if placement and not made_from(placement, job):
        raise PlacementMismatch("the placement was made from another version of the job; place it again")
    return {
        "profile": to_data(shared_profile(profile)),
        "placement": to_data(shared(placement)) if placement else None,
        "recovery": to_data(recover(job, placement, cluster)) if placement else None,
        "zones": zones(cluster),
        "earlier": [
            {"name": name, "placement": to_data(shared(other, slots=False))}
            for name, other in (earlier or {}).items()
        ],
    }


def shared_profile(profile: ResourceProfile, placement: Placement | None = None) -> ResourceProfile:
    """Return a complete profile as a placement plans it, without options, which may hold secrets."""
    from planner.place import bend

    if placement is not None:
        profile = bend.as_planned(profile, placement.planned_groups)
    fields = planner_fields(profile).model_copy(update={"flink_configuration": {}, "program": None})
    return profile.model_copy(update={"planner": fields})


def shared(placement: Placement, *, slots: bool = True) -> Placement:
    """Return a placement without options, which may hold secrets, and without facts about its run."""
    kept: dict[str, Any] = {"memory": None, "flink_configuration": None, **({} if slots else {"slots": []})}
    task_managers = [tm.model_copy(update=kept) for tm in placement.task_managers]
    return placement.model_copy(
        update={"task_managers": task_managers, "flink_configuration": None, "meta": None}
    )


def zones(cluster: Cluster | None) -> dict[str, str]:
    """Return the zone of every TaskManager that has one, by id."""
    if cluster is None:
        return {}
    found = {tm.id: dict(tm.labels).get(ZONE) for tm in task_managers_of(cluster)}
    return {name: zone for name, zone in found.items() if zone is not None}


def diagnose(
    logs: Iterable[Log],
    placement: Placement | None = None,
    *,
    rest: str | None = None,
    job: str | None = None,
) -> list[Diagnosis]:
    """Return what failed and why, the first cause first.

    ``logs`` are the bytes of logs in pieces, by name; ``placement`` says what its TaskManagers have.
    ``rest`` is the address of a cluster that tells why a job failed, the one named or its only one.

    Raises:
        RestError: when the cluster does not answer as Flink does, or it is not clear which job is meant.

    """
    from planner.cluster.failures import failed_job, failure_log
    from planner.recover.diagnosis.diagnose import diagnose as diagnoses

    if rest is None:
        return diagnoses(logs, placement)
    cluster = Rest.at(rest)
    told = failure_log(cluster, job or failed_job(cluster))
    return diagnoses([told, *logs], placement, cluster.options())


def patched(
    loaded: Sequence[Loaded], diagnoses: Sequence[Diagnosis], placement: Placement | None = None
) -> Patched:
    """Return the text of a file, of which ``loaded`` are the documents, with the changes of diagnoses.

    Raises:
        NotPatchable: when no change can be put into that file, or it would not be valid then.

    """
    found = patched_text(loaded, diagnoses, placement)
    known = {(finding.code, finding.message) for finding in validate(*loaded)}
    for finding in validate(*load(found.after, loaded[0].source.name)):
        if finding.severity is Severity.ERROR and (finding.code, finding.message) not in known:
            raise NotPatchable(
                f"it would not be valid with these changes: {finding.message} ({finding.code})"
            )
    return found


def restart_outline(profile: ResourceProfile, graph: JobGraph) -> tuple[list[int], RestartStrategy]:
    """Return the sizes of a job's pipelined regions in subtasks, and its restart strategy."""
    sizes = [len(members) for members in pipelined_regions(graph).members]
    return sizes, restart_strategy(planner_fields(profile).flink_configuration)


def scale(
    job: Job | ResourceProfile,
    cluster: Cluster | None = None,
    *,
    utilisation: float = UTILISATION,
    rates: Mapping[str, float] | None = None,
    partitions: Mapping[str, int] | None = None,
    fixed: Sequence[str] = (),
    measured: Measured | None = None,
    restart: Sequence[RestartPart] = (),
    previous: Placement | None = None,
    candidate: str | None = None,
    time_limit: float = 10.0,
    seed: int = 1,
    note: Note = lambda _: None,
) -> ScalingPlan:
    """Return the least parallelism of a job at which no subtask is busier than ``utilisation``, a share.

    What the vertices do now is what was ``measured`` (by `import_load`), else the loads in the job. ``rates``
    are records a second by source, where they are to be others than now, ``partitions`` how many partitions
    a source reads. ``fixed`` operators keep their parallelism, and so do sources and sinks for which a
    Job itself names one. With a ``cluster`` every candidate is placed, near a ``previous`` placement
    where there is one, for ``time_limit`` seconds together. ``restart`` are the parts of the time that the
    job stands still, for the catch-up. ``candidate`` names the one to choose instead of the least.

    Raises:
        DocumentError: when the job is not valid.
        NotScalable: when it is a batch job, or a source, operator or candidate that is named is not there.
        ClusterError: when the figures of a TaskManager are inconsistent.
        PlacementMismatch: when ``previous`` is a simulation.
        ValueError: when ``utilisation`` is not a share, or a rate or a number of partitions is negative.

    """
    if not 0 < utilisation <= 1:
        raise ValueError(f"the target utilisation has to be a share above 0 and at most 1, not {utilisation}")
    if any(rate < 0 for rate in (rates or {}).values()) or any(n < 1 for n in (partitions or {}).values()):
        raise ValueError("rates and numbers of partitions have to be positive")
    profile, graph = compile_job(job)
    work = declared_work(profile, graph)
    if measured is not None:
        work |= _measured_work(graph, measured, work)
    wanted = {source_named(profile, graph, name): decimal(rate) for name, rate in (rates or {}).items()}
    known = {source_named(profile, graph, name): count for name, count in (partitions or {}).items()}
    demand = demands(graph, work, wanted, known)
    allowed = limits(profile, graph_of(profile), graph, fixed_nodes(profile, [*fixed, *fixed_in(job)]))
    found = variants(graph, work, demand, allowed, decimal(utilisation))
    chosen = next((one for one in found if candidate in (None, one.name)), None)
    if chosen is None:
        names = ", ".join(repr(one.name) for one in found)
        raise NotScalable(f"there is no candidate {candidate!r}; they are {names}")
    seconds = sum(part.seconds for part in restart)
    base = declare(job) if isinstance(job, Job) else profile
    profiles = [compile(rescaled_profile(base, one.scaling)) for one in found]
    if cluster is not None:
        limit = time_limit / len(found)
        placed = [
            _placed(one, new, cluster, previous, limit, seed, note)
            for one, new in zip(found, profiles, strict=True)
        ]
    else:
        placed = found
    figured = [replace(one, catch_up=catch_up(one.scaling, seconds) if restart else None) for one in placed]
    marked = [replace(o, efficient=good) for o, good in zip(figured, efficient(figured), strict=True)]
    number = found.index(chosen)
    return ScalingPlan(
        name=profile.metadata.name if profile.metadata else "job",
        chosen=marked[number],
        candidates=tuple(marked),
        profile=profiles[number],
        restart=tuple(restart),
        fine_grained=bool(planner_fields(profile).compiled_groups),
    )


def _measured_work(graph: JobGraph, measured: Measured, declared: Mapping[int, Work]) -> dict[int, Work]:
    """Return what was measured of the vertices that were busy for a time that Flink measures."""
    indices = {vertex.id: vertex.index for vertex in graph.vertices}
    found = {}
    for told in measured.vertices:
        index = indices.get(told.vertex)
        if index is None:
            continue
        known = told.cpu is not None
        found[index] = Work(
            parallelism=told.parallelism,
            busy=decimal(told.busy) if known else declared[index].busy,
            busiest=decimal(told.busiest) if known else None,
            records_in=decimal(told.records_in or told.records) * told.parallelism,
            records_out=decimal(told.records) * told.parallelism,
            partitions=told.partitions,
            pending=decimal(told.pending),
        )
    return found


def fixed_in(job: Job | ResourceProfile) -> list[str]:
    """Return the sources and sinks for which a Job names a parallelism; a profile does not tell who did."""
    if not isinstance(job, Job):
        return []
    read = {edge.from_ for operator in job.spec.operators for edge in operator.inputs}
    return [
        operator.id
        for operator in job.spec.operators
        if operator.parallelism is not None and (not operator.inputs or operator.id not in read)
    ]


def size(
    job: Job | ResourceProfile,
    cluster: Cluster,
    *,
    utilisation: float = SIZED_UTILISATION,
    time_limit: float = 20.0,
    seed: int = 1,
    nodes: Sequence[Room] = (),
    quota: Room | None = None,
    interrupted: Callable[[], bool] = never,
    note: Note = lambda _: None,
) -> SizingPlan:
    """Return the cheapest TaskManagers on which a job has no CPU utilisation above ``utilisation``, a share.

    There are ``min`` to ``max`` of each class of the cluster, or up to its ``count``; a class costs its
    ``price``, or each TaskManager the same where none has one. What a placement has to keep to besides, such
    as a reserve or zones, is kept to. A third of ``time_limit`` is for what each class costs alone.
    ``interrupted`` is asked now and then whether to end with what there is.

    Raises:
        DocumentError: when the job is not valid.
        ClusterError: when the figures of a TaskManager are inconsistent, or prices cannot be compared.
        Infeasible: when all TaskManagers that there may be cannot hold the job.
        NotSizable: when the utilisation is above that on all of them, or they fit neither nodes nor quota.
        TooManyNodes: when there are more nodes than the search is meant for.
        TimedOut: when none were found in time.
        ValueError: when ``utilisation`` is not a share.

    """
    if not 0 < utilisation <= 1:
        raise ValueError(
            f"the highest utilisation has to be a share above 0 and at most 1, not {utilisation}"
        )
    classes = cluster.spec.task_manager_classes
    require_prices(classes)
    profile, graph = compile_job(job)
    target = decimal(utilisation)
    from planner.place.engine import instance_of
    from planner.place.sizing import cheapest

    pods = _pods(cluster, nodes, quota)

    def found(of: Cluster, seconds: float, what: str) -> Sizing:
        def told(best: Fraction | None, bound: Fraction) -> None:
            so_far = "" if best is None else f", best {float(best):g}"
            note(f"{what}: at least {float(bound):g}{so_far}")

        clock = Clock(Stop(seconds, seed=seed, interrupted=interrupted))
        return cheapest(of, lambda one: instance_of(profile, graph, one).problem, target, clock, told, pods)

    share = time_limit if len(classes) < 2 else time_limit * SIZED_SHARE
    best = found(cluster, share, "all classes")
    if best.counts is None and interrupted():
        raise TimedOut("interrupted before there were TaskManagers that are enough")
    if best.counts is None and best.impossible and pods is not None:
        where = " and ".join([*(["on the nodes"] if nodes else []), *(["within the quota"] if quota else [])])
        raise NotSizable(f"no TaskManagers that are enough, and a JobManager, fit {where}")
    if best.counts is None:
        placement = place(job, cluster, time_limit=share, seed=seed, objective=(Objective.CPU,))
        least = placement.objective[0].bound or 0.0
        if best.impossible or least > utilisation:
            raise NotSizable(
                f"on all TaskManagers that there may be, the highest CPU utilisation is at least {least:.1%}:"
                " offer more of them, or allow a higher one"
            )
        raise TimedOut(f"no TaskManagers that are enough were found in {time_limit:g} s")
    alone = {
        entry.name: found(
            of_one_class(cluster, number), (time_limit - share) / len(classes), f"only class {entry.name}"
        )
        for number, entry in enumerate(classes)
        if len(classes) > 1
    }
    for one in alone.values():
        # the search over all classes has the better bound, and at times not the better price
        if one.counts is not None and one.price < best.price:
            best = replace(best, counts=one.counts, price=one.price, solution=one.solution)
    assert best.counts is not None
    name = profile.metadata.name if profile.metadata else "job"
    return SizingPlan(name, target, best, counted(cluster, best.counts), alone)


def advise(
    job: Job | ResourceProfile,
    cluster: Cluster,
    *,
    time_limit: float = 10.0,
    interrupted: Callable[[], bool] = never,
) -> Advice:
    """Return how to run a job on a cluster: what follows from its placement beside Flink's own scheduler.

    Raises:
        DocumentError: when the job is not valid.
        ClusterError: when the figures of a TaskManager are inconsistent.
        Infeasible: when the job has no placement.
        TimedOut: when none was found in time.

    """
    profile = compile(job)
    clock = Clock(Stop(time_limit, interrupted=interrupted))
    return advice(place(profile, cluster, clock=clock), profile)


def load_nodes(text: bytes | str, name: str = "<text>") -> list[Room]:
    """Return the nodes that take pods, of what ``kubectl get nodes`` prints as YAML or JSON.

    Raises:
        DocumentError: when there is none, or an amount is no quantity of Kubernetes.

    """
    return nodes_of(read_sources(text.encode() if isinstance(text, str) else text, name))


def load_quota(text: bytes | str, name: str = "<text>") -> Room:
    """Return what the ResourceQuotas of a namespace leave, of what ``kubectl get resourcequota`` prints.

    Raises:
        DocumentError: when there is none, or an amount is no quantity of Kubernetes.

    """
    return quota_of(read_sources(text.encode() if isinstance(text, str) else text, name))


def _pods(cluster: Cluster, nodes: Sequence[Room], quota: Room | None) -> Pods | None:
    """Return where the pods of a cluster's classes have to fit, None where that is not said."""
    if not nodes and quota is None:
        return None
    from planner.place.pods import Pod, Pods, pod_of

    spec = cluster.spec
    one_each = [
        entry.model_copy(update={"min": None, "max": None, "count": 1}) for entry in spec.task_manager_classes
    ]
    sample = cluster.model_copy(update={"spec": spec.model_copy(update={"task_manager_classes": one_each})})
    each = [pod_of(tm) for tm in task_managers_of(sample)]
    master = derive_jobmanager(JOBMANAGER_MEMORY)
    others = [*each[len(one_each) :], Pod(CORE, master.process)]
    return Pods(each[: len(one_each)], others, nodes, quota)


def _placed(
    candidate: Candidate,
    profile: ResourceProfile,
    cluster: Cluster,
    previous: Placement | None,
    time_limit: float,
    seed: int,
    note: Note,
) -> Candidate:
    """Return a candidate with its placement, or with the reason why there is none."""
    note(f"placing {candidate.name}")
    try:
        placement = place(
            profile,
            cluster,
            time_limit=time_limit,
            gap_limit=SCALE_GAP,
            seed=seed,
            objective=(Objective.CPU,),
            previous=previous,
        )
    except Infeasible as error:
        conflicts = error.explanation.conflicts
        return replace(candidate, reason=conflicts[0].message if conflicts else str(error))
    except TimedOut as error:
        return replace(candidate, reason=str(error))
    return replace(candidate, placement=placement)


def made_from(placement: Placement, job: Job | ResourceProfile) -> bool:
    """Tell whether a placement was made from exactly this job or profile.

    Raises:
        DocumentError: when the job is not valid.

    """
    return digest(compile_job(job)[0]) == placement.inputs.profile


def diff(old: Document, new: Document) -> list[Difference]:
    """Return what differs between two documents of one kind, by name; facts about runs are left out."""
    return differences(to_data(old), to_data(new))


class Target(StrEnum):
    """A format of another tool."""

    EXPERT_MODE = "expert-mode"


def export(job: Job | ResourceProfile, target: Target = Target.EXPERT_MODE) -> dict[str, Any]:
    """Return a job as plain data in the format of another tool.

    Raises:
        DocumentError: when the job is not valid.

    """
    del target  # there is one so far
    return expert_mode(job if isinstance(job, ResourceProfile) else compile(job))


def export_flink_conf(
    placement: Placement, profile: Job | ResourceProfile, *, jobmanager: str = LOCALHOST
) -> dict[str, str]:
    """Return a folder of Flink's configuration for every process of a placement, as texts by file name.

    ``profile`` is what the placement was made from, and ``jobmanager`` the host of the JobManager.
    `write_folder` writes the files.

    Raises:
        PlacementMismatch: when the placement was not made from ``profile``.
        NotExportable: when an option cannot be written.
        DocumentError: when the profile is not valid.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    return flink_conf(placement, planner_fields(_exported(placement, profile)).flink_version, jobmanager)


def export_migration_map(placement: Placement, profile: Job | ResourceProfile) -> dict[str, Any]:
    """Return the TaskManager of every subtask by JobVertexID, for schedulers that can be told that.

    ``profile`` is what the placement was made from.

    Raises:
        PlacementMismatch: when the placement was not made from ``profile``.
        NotExportable: when the placement is a simulation.
        DocumentError: when the profile is not valid.

    """
    complete, job = compile_job(_exported(placement, profile))
    return migration_map(placement, complete, job)


def export_standalone(
    placement: Placement, profile: Job | ResourceProfile, *, hosts: str | None = None
) -> dict[str, str]:
    """Return what `export_flink_conf` does, and what starts it on hosts: a script, and units of systemd.

    ``hosts`` is a text with a line for each process, its name and its host; without it all are on one
    machine.

    Raises:
        PlacementMismatch: when the placement was not made from ``profile``.
        NotExportable: when ``hosts`` does not have each process once, or an option cannot be written.
        DocumentError: when the profile is not valid.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    return on_hosts(placement, planner_fields(_exported(placement, profile)).flink_version, hosts)


def export_kubernetes(
    placement: Placement,
    profile: Job | ResourceProfile,
    *,
    image: str | None = None,
    namespace: str = NAMESPACE,
    storage: str = STORAGE,
) -> dict[str, str]:
    """Return manifests for a placement, laid out for kustomize, as texts by file name.

    ``profile`` is what the placement was made from. ``image`` has Flink (default: ``flink`` of the
    profile's version); ``storage`` is a URI that all pods reach, a volume where it is a path. `write_folder`
    writes the files.

    Raises:
        PlacementMismatch: when the placement was not made from ``profile``.
        NotExportable: when an option or a parameter cannot be written.
        DocumentError: when the profile is not valid.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    return kubernetes(placement, _exported(placement, profile), Parameters(image, namespace, storage))


def export_operator(
    placement: Placement,
    profile: Job | ResourceProfile,
    *,
    mode: DeploymentMode = "standalone",
    operator_version: str = OPERATOR,
    degrade: bool = False,
    image: str | None = None,
    namespace: str = NAMESPACE,
    storage: str = STORAGE,
) -> dict[str, str]:
    """Return manifests for the Flink Kubernetes Operator, as texts by file name.

    In ``standalone`` mode the operator manages the JobManager, and the TaskManagers are those of
    `export_kubernetes`, which has the other parameters too. In ``native`` mode all TaskManagers are alike;
    what that loses of the placement is lost only with ``degrade``.

    Raises:
        PlacementMismatch: when the placement was not made from ``profile``.
        NotExportable: when the mode cannot express the placement, the operator does not know the version of
            Flink, or an option or a parameter cannot be written.
        DocumentError: when the profile is not valid.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    parameters = Parameters(image, namespace, storage)
    complete = _exported(placement, profile)
    return operator(placement, complete, parameters, mode=mode, version=operator_version, degrade=degrade)


def export_yarn(
    placement: Placement,
    profile: Job | ResourceProfile,
    *,
    node_label: str | None = None,
    degrade: bool = False,
) -> dict[str, str]:
    """Return Flink's configuration for an application on YARN and what runs it, as texts by file name.

    Flink asks YARN for containers of one size; what it loses by that is lost only with ``degrade``.

    Raises:
        PlacementMismatch: when the placement was not made from ``profile``.
        NotExportable: when YARN cannot express the placement, or an option cannot be written.
        DocumentError: when the profile is not valid.
        MemoryConfigurationError: when the memory options of a TaskManager are inconsistent.

    """
    return yarn(placement, _exported(placement, profile), node_label=node_label, degrade=degrade)


def _exported(placement: Placement, profile: Job | ResourceProfile) -> ResourceProfile:
    """Return the complete profile of a placement.

    Raises:
        NotExportable: when it is a simulation.
        PlacementMismatch: when it was not made from ``profile``.
        DocumentError: when the profile is not valid.

    """
    if placement.strategy is not None:
        raise NotExportable(f"a simulation of {placement.strategy} cannot be carried out; place without it")
    if not made_from(placement, profile):
        raise PlacementMismatch("the placement was made from another profile; name that one, or place again")
    return compile(profile)


def operator_labels() -> dict[str, str]:
    """Return the option by which the Kubernetes operator labels failures with the classes of a diagnosis."""
    from planner.recover.diagnosis.labels import LABEL_MAPPER, label_mapper

    return {LABEL_MAPPER: label_mapper()}


def schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a kind of document, in any case and with dashes.

    Raises:
        ValueError: when there is no such kind.

    """
    wanted = kind.lower().replace("-", "").replace("_", "")
    wanted = {"profile": "resourceprofile", "recovery": "recoveryplan"}.get(wanted, wanted)
    name = next((name for name in KINDS if name.lower() == wanted), None)
    if name is None:
        raise ValueError(f"there is no document of kind {kind!r}; planner reads {', '.join(KINDS)}")
    return json_schema(name)


def memory_for(needs: Mapping[str, int], configuration: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the options of the smallest TaskManager that has parts of exactly these sizes, in bytes.

    ``needs`` are of ``task_heap``, ``task_off_heap``, ``managed`` and ``network``; network memory that is
    not named is Flink's least. ``configuration`` has options for all else.

    Raises:
        ValueError: when a part is unknown.
        MemoryConfigurationError: when ``configuration`` is inconsistent.

    """
    if unknown := sorted(needs.keys() - set(NEEDS)):
        raise ValueError(f"{unknown[0]!r} is not one of {', '.join(NEEDS)}")
    least = Options(configuration or {}, PREFIX, {}).sized("network.min", MIN_NETWORK)
    sized = size_taskmanager({"network": least, **needs}, configuration)
    return {**(configuration or {}), **exact_options(sized)}


def unknown_options(configuration: Mapping[str, str], version: str = rules.CLUSTER_VERSION) -> list[str]:
    """Return what to say of keys that a version of Flink ignores without a word, and of an unknown version.

    Raises:
        ValueError: when ``version`` is not one of Flink.

    """
    table, missing = option_table(version), without_table(version)
    messages = [missing] if missing else []
    for key in configuration:
        removed = table.find_removed(key)
        if table.takes(key) or of_operator(key):
            continue
        if removed is None:
            messages.append(table.unknown(key))
        else:
            instead = f"; use {removed.replacement}" if removed.replacement else ""
            messages.append(f"{key!r} was removed in Flink {removed.since} and is ignored{instead}")
    return messages


def configuration_of(loaded: Loaded) -> tuple[dict[str, str], Mapping[str, tuple[str | int, ...]]] | None:
    """Return the Flink options of a configuration or a manifest as processes see them, and where they are.

    That is None for a document of another kind. A mapping that says no kind counts as a configuration.
    """
    document, data = loaded.document, loaded.source.data
    if document is None and isinstance(data, dict) and "kind" not in data:
        document = FlinkConfiguration(written=data)
    if not isinstance(document, (FlinkConfiguration, FlinkDeployment)):
        return None
    effective = of_manifest(document, data, option_table(rules.version_of(document))).effective
    return dict(effective.configuration), effective.paths


def cluster_of_deployment(*documents: Loaded) -> ManifestCluster | None:
    """Return the TaskManagers that the FlinkDeployment among ``documents`` gets, None without one.

    The number of those of a session cluster is of its FlinkSessionJobs among them.

    Raises:
        DeploymentError: when there are several, or it does not say what TaskManagers it gets.

    """
    found = [entry.document for entry in documents if isinstance(entry.document, FlinkDeployment)]
    jobs = [entry.document for entry in documents if isinstance(entry.document, FlinkSessionJob)]
    if len(found) > 1:
        names = ", ".join(deployment.name for deployment in found)
        raise DeploymentError(f"there are several FlinkDeployments: {names}; give one of them")
    return cluster_of(found[0], jobs) if found else None


def up(
    placement: Placement | None = None,
    cluster: Cluster | None = None,
    *,
    folder: str | Path = FOLDER,
    options: Mapping[str, str] | None = None,
    time_limit: float = 120.0,
    flink_home: Path | None = None,
    note: Note = lambda _: None,
) -> Standalone:
    """Start a local cluster with the TaskManagers of a placement, or those of a cluster as they are.

    Of a cluster that runs in ``folder`` already, only what is not running is started. TaskManagers in reserve
    start when a job runs: with `run`, or when this is called again. The value of a
    sensitive option may be ``@FILE`` or ``@env:NAME``, which hold the secret.

    Raises:
        PlacementMismatch: when both are given and the placement was made for another cluster.
        OptionRefused: when one of ``options`` is set otherwise by the document or by planner, or a secret
            that it names cannot be had.
        ClusterError: when the figures of a TaskManager are inconsistent.
        ClusterFailed: when the cluster is too large for this machine, or does not come up.
        ClusterFolderError: when the folder cannot hold a cluster, or one with these ids.
        ClusterBusy: when another planner process uses the folder.
        TimedOut: when not every TaskManager is registered in time.
        FlinkMissing: when the extra ``flink`` is not installed.
        NoFlinkHome: when ``flink_home`` does not hold a Flink distribution.
        TypeError: when there is neither a placement nor a cluster.

    """
    wanted = _launches(placement, cluster, options or {})
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if reason := too_large(wanted, machine):
        raise ClusterFailed(f"not a cluster for this machine: {reason}")
    spares = [tm.id for tm in placement.task_managers if tm.reserve] if placement is not None else []
    return standalone.up(Path(folder), wanted, time_limit, flink_home, note, spares, options)


def _launches(
    placement: Placement | None, cluster: Cluster | None, options: Mapping[str, str]
) -> dict[str, Launch]:
    if placement is None:
        if cluster is None:
            raise TypeError("up needs a placement or a cluster")
        return stock_launches(cluster, options)
    if cluster is not None and digest(cluster) != placement.inputs.cluster:
        raise PlacementMismatch(
            f"the placement was made for another cluster than {cluster.metadata.name!r}; place again"
        )
    return launches(placement, options)


@dataclass(frozen=True)
class ClusterStatus:
    """A local cluster: its REST address, and of every process its id, None where it does not run.

    ``registered`` are the TaskManagers that the JobManager has registered; ``spares`` start when a job runs.
    """

    url: str
    processes: Mapping[str, int | None]
    registered: frozenset[str]
    spares: frozenset[str] = frozenset()

    @property
    def complete(self) -> bool:
        """Whether every process runs and every TaskManager is registered; spares may be waiting for a job."""
        needed = {name: pid for name, pid in self.processes.items() if name not in self.spares}
        return None not in needed.values() and needed.keys() - {"jobmanager"} <= self.registered


def status(folder: str | Path = FOLDER) -> ClusterStatus | None:
    """Return the state of the local cluster in ``folder``, None where there is none.

    Raises:
        ClusterFolderError: when its state cannot be read.

    """
    cluster = standalone.read(real(folder))
    if cluster is None:
        return None
    running = cluster.running()
    processes = {cluster.process(name): running.get(cluster.process(name)) for name in cluster.launches}
    processes |= {name: pid for name, pid in running.items() if name not in processes}
    spares = frozenset(map(cluster.process, cluster.spares))
    return ClusterStatus(cluster.url, processes, frozenset(standalone.registered(cluster)), spares)


def down(folder: str | Path = FOLDER) -> list[str] | None:
    """End every process of the local cluster in ``folder`` and return their names, None without a cluster.

    Raises:
        ClusterFolderError: when its state cannot be read.
        ClusterBusy: when another planner process uses the folder.

    """
    return standalone.down(Path(folder))


def supervise(
    placement: Placement,
    task_manager: str,
    command: Sequence[str],
    *,
    rest: str | None = None,
    journal: str | None = None,
    settings: Mapping[str, float] | None = None,
    adjust: str = "propose",
) -> Supervision:
    """Return how ``command`` runs as a TaskManager of a placement, for `become_supervisor`.

    ``settings`` are fields of `planner.cluster.supervisor.Settings`, in the spelling of the specification.
    ``adjust`` is what happens when memory runs out: off, propose a change, or apply it.

    Raises:
        OptionRefused: when the placement has no such TaskManager, or says nothing of its memory.
        NoAnswer: when ``rest`` is no address.

    """
    return in_container(placement, task_manager, command, rest, journal, settings, adjust)


def supervise_local(
    task_manager: str,
    *,
    folder: str | Path = FOLDER,
    settings: Mapping[str, float] | None = None,
    note: Note = lambda _: None,
    placement: Placement | None = None,
    adjust: str = "propose",
) -> Supervision:
    """Return how a TaskManager of the local cluster in ``folder`` runs; the one that runs now is ended.

    ``adjust`` as for `supervise`, where the ``placement`` of the cluster is given; else nothing is adjusted.

    Raises:
        ClusterFolderError: when there is no cluster in ``folder``, or its state cannot be read.
        ClusterBusy: when another planner process uses the folder.
        ClusterFailed: when its JobManager does not run, or the TaskManager is supervised already.
        OptionRefused: when it has no such TaskManager, or gives it other memory than the placement.

    """
    return in_folder(Path(folder), task_manager, settings, note, placement, adjust)


def supervisor_program(*, shell: bool = False) -> str:
    """Return the program that supervises, which needs nothing of planner: in Python, or in POSIX shell."""
    return (SHELL_PROGRAM if shell else PROGRAM).read_text(encoding="utf-8")


def plan_run(
    program: Program,
    placement: Placement,
    profile: ResourceProfile | None = None,
    *,
    flink_home: Path | None = None,
    python: str = "python3",
    time_limit: float = COMPILE_SECONDS,
    note: Note = lambda _: None,
) -> Plan:
    """Return what `run` would change of a program, without submitting anything.

    Exceptions are those of `run` that do not concern a cluster.
    """
    program = as_compiled(program, profile)
    return execute(program, profile, placement, None, Toolchain(flink_home, python, time_limit), note)[0]


def run(
    program: Program,
    placement: Placement,
    profile: ResourceProfile | None = None,
    *,
    savepoint: str | None = None,
    rest: str | None = None,
    folder: str | Path = FOLDER,
    time_limit: float = 120.0,
    wait: float = 0.0,
    flink_home: Path | None = None,
    python: str = "python3",
    note: Note = lambda _: None,
) -> Run:
    """Run a program on a cluster as a placement plans it, and verify that the cluster obeys.

    The cluster is the one at the REST address ``rest``, else the local one in ``folder``. ``profile`` is
    what the placement was made from; without it the program has to compile to that. The job starts from
    ``savepoint``, a path that the cluster can read, where one is named. The program's main has
    ``time_limit`` seconds, and so have its subtasks to start; before that the JobManager has ``wait`` seconds
    to answer, and the TaskManagers to register.

    Raises:
        NotAsPlanned: when the TaskManagers are not those of the placement; nothing is submitted then.
        SlotsTaken: when another job runs in their slots.
        TimedOut: when the program makes no job in time, or when not every subtask runs in time; ``best`` is
            then the `Run` so far.
        ProgramError: when the program cannot be compiled, or program, profile and placement do not match.
        RestError: when the cluster does not answer, does not take the job, or the job fails.
        ClusterFolderError: when there is no cluster in ``folder``.
        FlinkMissing: when the extra ``flink`` is not installed.
        NoFlinkHome: when ``flink_home`` does not hold a Flink distribution.

    """
    cluster = _rest(rest, folder)
    home = flink_home if flink_home or rest else _home(folder)
    program = as_compiled(program, profile)
    tools = Toolchain(home, python, time_limit)
    if rest is not None:
        return run_program(
            program, profile, placement, cluster, tools, time_limit, note, savepoint=savepoint, wait=wait
        )
    local = Path(folder)
    if not any(state not in ENDED for state in jobs(cluster).values()):
        standalone.stop_spares(local)

    def start_spares() -> None:
        standalone.start_spares(local, time_limit, note)

    return run_program(
        program, profile, placement, cluster, tools, time_limit, note, start_spares, savepoint, wait
    )


def stop(
    profile: ResourceProfile | None = None,
    *,
    rest: str | None = None,
    folder: str | Path = FOLDER,
    job: str | None = None,
    savepoint_dir: str | Path | None = None,
    time_limit: float = 300.0,
    note: Note = lambda _: None,
) -> str:
    """Stop a job with a savepoint and return where the savepoint is; cluster and job are as for `verify`.

    ``savepoint_dir`` is a path that the cluster can write, its own setting unless given. Only a job of
    ``profile`` is stopped, if one is given.

    Raises:
        RestError: when the cluster does not answer, it is not clear which job is meant, it is another one
            than that of the profile, or the savepoint fails; the job runs on then.
        TimedOut: when the job has not stopped in time.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    cluster = _rest(rest, folder)
    directory = None if savepoint_dir is None else str(savepoint_dir)
    name = job or only_job(cluster)
    if profile is not None:
        require_vertices(cluster, name, [vertex.id for vertex in compile_job(profile)[1].vertices])
    return stop_with_savepoint(cluster, name, directory, time_limit, note)


def set_parallelism(
    plan: ScalingPlan,
    *,
    rest: str | None = None,
    folder: str | Path = FOLDER,
    job: str | None = None,
    time_limit: float = 300.0,
    note: Note = lambda _: None,
) -> str:
    """Let Flink's adaptive scheduler rescale a running job as planned, and return its id.

    Cluster and job are as for `verify`.

    Raises:
        RestError: when the scheduler is another one, the job is not the one of the plan, or it fails.
        TimedOut: when the job does not run with its new parallelism in time.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    cluster = _rest(rest, folder)
    name = job or only_job(cluster)
    rescale_running(cluster, name, requirements(plan.scaling), time_limit, note)
    return name


def adaptive(*, rest: str | None = None, folder: str | Path = FOLDER) -> bool:
    """Tell whether the jobs of a cluster can be rescaled while they run.

    Raises:
        RestError: when the cluster does not answer.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    return _rest(rest, folder).scheduler() in ADAPTIVE


def options_beside(placement: Placement, folder: str | Path = FOLDER) -> dict[str, str]:
    """Return the options that the local cluster in ``folder`` was started with beside those of ``placement``.

    Raises:
        ClusterFolderError: when there is no cluster in ``folder``.
        PlacementMismatch: when the cluster was started with another placement.

    """
    local = standalone.read(real(folder))
    if local is None:
        raise ClusterFolderError(f"no cluster in {folder}; start one with planner up")
    given: dict[str, str] = {}
    for name, (_, planned) in launches(placement, {}).items():
        options = local.launches[name][1] if name in local.launches else {}
        given |= {key: value for key, value in options.items() if planned.get(key) != value}
    as_started = {name: (list(words), dict(own)) for name, (words, own) in local.launches.items()}
    planned_so = {name: (list(words), dict(own)) for name, (words, own) in launches(placement, given).items()}
    if as_started != planned_so:
        raise PlacementMismatch(
            f"the cluster in {folder} was not started with this placement; name the one that it runs"
        )
    return given


def verify(
    placement: Placement,
    profile: ResourceProfile | None = None,
    *,
    rest: str | None = None,
    folder: str | Path = FOLDER,
    job: str | None = None,
    note: Note = lambda _: None,
) -> list[Deviation]:
    """Return what a cluster does otherwise than a placement says; cluster and profile are as for `run`.

    ``job`` is the id of a job, the only one that runs unless given. Without ``profile`` subtasks are not
    compared.

    Raises:
        RestError: when the cluster does not answer, or it is not clear which job is meant.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    cluster = _rest(rest, folder)
    complete, graph = compile_job(profile) if profile is not None else (None, None)
    return verify_cluster(cluster, placement, job or only_job(cluster), complete, graph, note)


def drain(
    job: Job | ResourceProfile,
    cluster: Cluster,
    previous: Placement,
    task_managers: Collection[str],
    *,
    time_limit: float = 10.0,
    progress: Progress = lambda *_: None,
    interrupted: Callable[[], bool] = never,
) -> tuple[Placement, Cluster]:
    """Return a placement without some TaskManagers, and the cluster without them.

    Where a single one is drained and another TaskManager that holds no slots can take over all that it holds,
    that one does, since then no other has to change; else the slots are placed with the fewest moves. Where
    what is left is too little for a reserve, there is none. ``interrupted`` is asked whether to end with the
    best so far.

    Raises:
        PlacementMismatch: when a TaskManager is not there, or the placement is of another job.
        Infeasible: when the slots do not fit on the other TaskManagers.
        TimedOut: when no placement was found in time.

    """
    from planner.place.takeover import with_reserve, without

    names = set(task_managers)
    left = without(cluster, names)
    if len(names) == 1:
        (source,) = names
        found = _takeovers(job, left, previous, source, None)
        if found is not None:
            return found
    stop = Stop(time_limit, interrupted=interrupted)
    try:
        return place(job, left, previous=previous, progress=progress, clock=Clock(stop)), left
    except (Infeasible, TimedOut):
        bare = with_reserve(left, 0)
        if left == bare or interrupted():
            raise
        return place(job, bare, previous=previous, progress=progress, clock=Clock(stop)), bare


def take_over(
    job: Job | ResourceProfile,
    cluster: Cluster,
    previous: Placement,
    source: str,
    target: str | None = None,
) -> tuple[Placement, Cluster]:
    """Return a placement with all that is on one TaskManager on another one that holds no slots instead.

    Without ``target`` the one with the lowest CPU utilisation afterwards takes over. The two change their
    parts: where the target was in reserve, the source is then.

    Raises:
        PlacementMismatch: when a TaskManager is not there, or none can take over.

    """
    from planner.place.takeover import without

    without(cluster, {source, *([target] if target else [])})  # raises where one of them is not there
    found = _takeovers(job, cluster, previous, source, target)
    if found is None:
        who = f"TaskManager {target!r}" if target else "no TaskManager without slots"
        raise PlacementMismatch(
            f"{who} can{'not' if target else ''} take over what {source!r} holds; planner migrate --drain"
            " spreads it over the others"
        )
    return found


def rearrange(
    job: Job | ResourceProfile,
    cluster: Cluster,
    previous: Placement,
    group: str,
    source: str,
    target: str,
) -> tuple[Placement, list[str]]:
    """Return a placement with one slot of a group moved by hand, and what it breaks; nothing where it holds.

    Raises:
        PlacementMismatch: when no slot of the group is on ``source``, a TaskManager is not there, or the
            placement is of another job.

    """
    from planner.place.arranged import arranged

    held = {tm.id: list(tm.slots) for tm in previous.task_managers}
    slot = next((one for one in reversed(held.get(source, [])) if one.group == group), None)
    if slot is None:
        raise PlacementMismatch(f"TaskManager {source!r} holds no slot of group {group!r}")
    if target not in held:
        raise PlacementMismatch(f"the placement has no TaskManager {target!r}")
    held[source].remove(slot)
    held[target].append(slot)
    spare = {tm.id for tm in previous.task_managers if tm.reserve} - {target}
    profile, graph = compile_job(job)
    placement, problems = arranged(profile, graph, cluster, previous, held, spare, Clock(Stop()))
    return _with_options(placement, profile), problems


def _with_options(placement: Placement, profile: ResourceProfile) -> Placement:
    """Return a placement with the options that its cluster needs to keep it, and to recover as asked."""
    fields = planner_fields(profile)
    slowest, cores = 0, CORE
    for tm in placement.task_managers:
        if tm.memory is not None:
            memory = derive_taskmanager(tm.memory.dynamic_options)
            heap = memory.framework_heap + memory.task_heap
            cpu = parse_cpu(tm.memory.dynamic_options["taskmanager.cpu.cores"])
            if heap * cores > slowest * cpu:
                slowest, cores = heap, cpu
    chosen = recovery_options(
        fields.recovery, fields.flink_configuration, fields.flink_version, slowest, cores
    )
    options = {**turn_options(profile), **chosen}
    return placement.model_copy(update={"flink_configuration": options or None})


def _takeovers(
    job: Job | ResourceProfile, cluster: Cluster, previous: Placement, source: str, target: str | None
) -> tuple[Placement, Cluster] | None:
    """Return the best placement in which a TaskManager without slots takes over from ``source``."""
    from planner.place.takeover import empty_ones, takeover, with_reserve

    profile, graph = compile_job(job)
    known = {tm.id for tm in previous.task_managers}
    for name in (source, target):
        if name is not None and name not in known:
            raise PlacementMismatch(f"the placement has no TaskManager {name!r}")
    spares = sum(1 for tm in previous.task_managers if tm.reserve)
    gone = source not in task_manager_ids(cluster)
    best: tuple[Placement, Cluster] | None = None
    for one in empty_ones(previous):
        if one.id == source or target not in (None, one.id):
            continue
        for there in (cluster, with_reserve(cluster, spares - (1 if one.reserve and gone else 0))):
            found = takeover(profile, graph, there, previous, source, one.id, Clock(Stop()))
            if found is not None:
                found = _with_options(found, profile)
                if best is None or found.imbalance.max < best[0].imbalance.max:
                    best = found, there
                break
    return best


def migration(before: Placement, after: Placement, job: Job | ResourceProfile) -> Migration:
    """Return which TaskManagers change between two placements of a job, and what restarts meanwhile.

    Raises:
        PlacementMismatch: when ``before`` is not of this job.

    """
    return plan_migration(before, after, *compile_job(job))


def migrate(
    before: Placement,
    after: Placement,
    profile: Job | ResourceProfile | None = None,
    *,
    folder: str | Path = FOLDER,
    kubernetes: str | Path | None = None,
    rest: str | None = None,
    callbacks: Mapping[str, str] | None = None,
    checkpoint: bool = False,
    time_limit: float = 120.0,
    note: Note = lambda _: None,
) -> tuple[Migrated, list[Deviation]]:
    """Bring a cluster from one placement to another, and verify it: the local one in ``folder``, or pods.

    On the local cluster new TaskManagers are registered before old ones end, so the job restarts once. With
    ``kubernetes``, the folder of manifests that ``after`` was exported to, pods that change are replaced
    together, by kubectl; ``rest`` is the address of their JobManager. ``callbacks`` are commands, or
    addresses of webhooks, by name: preRequestResource, postRequestResource, preRestart, postRestart,
    preDeploy, postDeploy. With ``checkpoint`` the job takes one right before TaskManagers end, so that it
    has less to process again. A migration that is interrupted is ended by `resume_migration`.

    Raises:
        CallbackFailed: when a callback before a change fails; the cluster is as it was.
        CheckpointFailed: when the checkpoint could not be taken; the cluster is as it was.
        MigrationUnfinished: when another migration is to be resumed or aborted first.
        ClusterFailed: when a process ends that should not.
        KubernetesError: when kubectl refuses, or manifests and placements do not go together.
        ClusterFolderError: when there is no cluster in ``folder``.
        ClusterBusy: when another planner process uses the folder.
        TimedOut: when a step takes longer than ``time_limit``.
        RestError: when the cluster does not answer.

    """
    placements = to_data(before), to_data(after)
    place_of = Path(folder)
    if kubernetes is not None:
        at = _rest(rest, place_of)
        done = migrate_pods(
            workload(Path(kubernetes)),
            at,
            (_options_in_manifests(before), _options_in_manifests(after)),
            (_in_reserve(before), _in_reserve(after)),
            placements,
            callbacks=callbacks or {},
            checkpoint=checkpoint,
            seconds=time_limit,
            note=note,
        )
        return done, _verified_at(at, after, profile, note)
    local = standalone.read(real(place_of))
    options = dict(local.options) if local is not None else {}
    wanted = {name: one for name, one in launches(after, options).items() if name != "jobmanager"}
    done = run_migration(
        place_of,
        wanted,
        _in_reserve(after),
        placements,
        callbacks=callbacks or {},
        checkpoint=checkpoint,
        seconds=time_limit,
        note=note,
    )
    return done, _verified(after, profile, place_of, note)


def _options_in_manifests(placement: Placement) -> dict[str, Mapping[str, str]]:
    return {name: for_scripts(one).options for name, one in exported_task_managers(placement).items()}


def _in_reserve(placement: Placement) -> frozenset[str]:
    return frozenset(tm.id for tm in placement.task_managers if tm.reserve)


def resume_migration(
    profile: ResourceProfile | None = None,
    *,
    folder: str | Path = FOLDER,
    kubernetes: str | Path | None = None,
    rest: str | None = None,
    abort: bool = False,
    time_limit: float = 120.0,
    note: Note = lambda _: None,
) -> tuple[Migrated, Placement, list[Deviation]]:
    """End an unfinished migration at its target, or with ``abort`` where it came from; see `migrate`.

    Returned is the placement that the cluster has then as well.
    """
    if kubernetes is not None:
        at = _rest(rest, Path(folder))
        done, journal = resume_pods(workload(Path(kubernetes)), at, time_limit, note, abort=abort)
        placement = _target_of(journal)
        return done, placement, _verified_at(at, placement, profile, note)
    unfinished = unfinished_migration(folder)
    if unfinished is None:
        raise ClusterFolderError(f"no migration in {folder} is unfinished")
    placement = _target_of(unfinished, abort=abort)
    done = go_on(Path(folder), time_limit, note, abort=abort)
    return done, placement, _verified(placement, profile, Path(folder), note)


def _target_of(journal: Journal, *, abort: bool = False) -> Placement:
    return Placement.model_validate(journal.before if abort or journal.aborting else journal.after)


def unfinished_migration(folder: str | Path = FOLDER, kubernetes: str | Path | None = None) -> Journal | None:
    """Return the migration that is to be ended, None where there is none; see `migrate`.

    Raises:
        ClusterFolderError: when its journal in ``folder`` cannot be read.
        KubernetesError: when that on Kubernetes cannot be.

    """
    return journal_of(real(folder)) if kubernetes is None else unfinished_pods(workload(Path(kubernetes)))


def _verified(
    placement: Placement, profile: Job | ResourceProfile | None, folder: Path, note: Note
) -> list[Deviation]:
    return _verified_at(_rest(None, folder), placement, profile, note)


def _verified_at(
    cluster: Rest, placement: Placement, profile: Job | ResourceProfile | None, note: Note
) -> list[Deviation]:
    """Return what a cluster does otherwise than a placement says; nothing where no job runs."""
    running = [job for job, state in jobs(cluster).items() if state not in ENDED]
    if len(running) != 1:
        return []
    known = profile is not None and made_from(placement, profile)
    complete, graph = compile_job(profile) if known and profile is not None else (None, None)
    return verify_cluster(cluster, placement, running[0], complete, graph, note)


def import_load(
    profile: ResourceProfile,
    *,
    rest: str | None = None,
    folder: str | Path = FOLDER,
    job: str | None = None,
    window: float = 30.0,
    note: Note = lambda _: None,
) -> tuple[ResourceProfile, Measured]:
    """Return a profile with the load of a running job, measured over ``window`` seconds, and that load.

    Raises:
        DocumentError: when the profile is not valid.
        RestError: when the cluster does not answer, or the job is not one that can be measured.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    cluster = _rest(rest, folder)
    complete, graph = compile_job(profile)
    loaded, measured = measured_profile(cluster, job or only_job(cluster), complete, graph, window, note)
    return compile(loaded), measured


def restart_parts(
    *, rest: str | None = None, folder: str | Path = FOLDER, job: str | None = None
) -> tuple[RestartPart, ...]:
    """Return what can be told of the restart of a running job, for `scale`; cluster and job as for `verify`.

    Raises:
        RestError: when the cluster does not answer, or it is not clear which job is meant.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    cluster = _rest(rest, folder)
    return tuple(RestartPart(*part) for part in restart_times(cluster, job or only_job(cluster)))


def import_job(
    *, rest: str | None = None, folder: str | Path = FOLDER, job: str | None = None
) -> ResourceProfile:
    """Return a running job as a profile: what REST reports of it, and planner's defaults.

    Raises:
        RestError: when the cluster does not answer, or it is not clear which job is meant.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    cluster = _rest(rest, folder)
    return compile(job_profile(cluster, job or only_job(cluster)))


def import_cluster(
    name: str = "cluster",
    *,
    rest: str | None = None,
    folder: str | Path = FOLDER,
    note: Note = lambda _: None,
) -> tuple[Cluster, list[str]]:
    """Return the TaskManagers of a running cluster, and the ids of those whose cores Flink may have guessed.

    Raises:
        RestError: when the cluster does not answer, or has no TaskManagers.
        ClusterFolderError: when there is no cluster in ``folder``.

    """
    return cluster_document(_rest(rest, folder), name, note)


def _rest(rest: str | None, folder: str | Path) -> Rest:
    if rest is not None:
        return Rest.at(rest)
    local = standalone.read(real(folder))
    if local is None:
        raise ClusterFolderError(
            f"no cluster in {folder}; start one with planner up, or name one by its REST address (--rest URL)"
        )
    return Rest(local.url)


def _home(folder: str | Path) -> Path | None:
    """Return the Flink distribution that the local cluster runs, None for that of the extra.

    Only of one that runs: what a folder alone says is not a reason to run what it names.
    """
    local = standalone.read(real(folder))
    return local.home if local and local.running() else None
