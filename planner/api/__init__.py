"""The verbs as functions: documents in, documents out; what goes wrong is a `PlannerError`.

The command line calls these, and so can you (docs/library.md). Solvers, Flink and clusters load when a
function that needs them is called.
"""

from __future__ import annotations

from planner.api.clusters import (
    FOLDER,
    ClusterStatus,
    adaptive,
    down,
    options_beside,
    plan_run,
    run,
    set_parallelism,
    status,
    stop,
    supervise,
    supervise_local,
    supervisor_program,
    up,
    verify,
)
from planner.api.compiling import (
    Note,
    compile,
    compile_job,
    compile_program,
    made_from,
    profile_digest,
)
from planner.api.documents import (
    CLUSTER_VERSION,
    as_catalogue,
    checked,
    cluster_of_deployment,
    configuration_of,
    diff,
    fix,
    load_cluster,
    load_job,
    load_nodes,
    load_placement,
    load_profile,
    load_quota,
    load_recovery_plan,
    memory_for,
    placement_warnings,
    save,
    schema,
    unknown_options,
    validate,
)
from planner.api.exporting import (
    Target,
    export,
    export_flink_conf,
    export_kubernetes,
    export_migration_map,
    export_operator,
    export_standalone,
    export_yarn,
    operator_labels,
)
from planner.api.importing import import_cluster, import_job, import_load
from planner.api.migrating import migrate, migration, resume_migration, unfinished_migration
from planner.api.placing import (
    DEFAULT_SLACK,
    as_planned,
    drain,
    pareto,
    place,
    rearrange,
    simulate,
    take_over,
    zones,
)
from planner.api.recovery import diagnose, patched, recover, restart_outline, restart_parts
from planner.api.reporting import report, shared, shared_profile
from planner.api.scaling import UTILISATION, fixed_in, scale
from planner.api.several_jobs import job_of, jobs_of, place_jobs
from planner.api.sizing import SIZED_UTILISATION, advise, size
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
from planner.cluster.measure import Measured
from planner.cluster.migration import Journal, Migrated
from planner.cluster.run import Plan, Run
from planner.cluster.standalone import Standalone
from planner.cluster.supervise import Supervision
from planner.cluster.supervise import become as become_supervisor
from planner.cluster.verify import Deviation, NotAsPlanned
from planner.documents.cluster import Cluster
from planner.documents.difference import Difference
from planner.documents.errors import DocumentError, PlacementMismatch
from planner.documents.finding import CheckProfile, Finding, Severity
from planner.documents.foreign.base import ForeignDocument
from planner.documents.foreign.configuration import FlinkConfiguration
from planner.documents.foreign.deployment import FlinkDeployment
from planner.documents.foreign.nodes import Room
from planner.documents.foreign.program import program_of as program_of_deployment
from planner.documents.foreign.task_managers import DeploymentError, ManifestCluster
from planner.documents.job import Job
from planner.documents.load import Document, Loaded, load
from planner.documents.multiply import AboveMaxParallelism, multiplied
from planner.documents.placement import Placement
from planner.documents.profile import Program, ResourceProfile
from planner.documents.recovery import RecoveryPlan
from planner.documents.write import as_written, to_data, to_json, to_yaml
from planner.errors import PlannerError, TimedOut
from planner.files import legible, real, write_atomically, write_folder
from planner.flink.errors import FlinkMissing, NoFlinkHome, OptionRefused, ProgramError
from planner.flink.program import COMPILE_SECONDS
from planner.graph.edits import Drift, edits
from planner.graph.job_graph import JobGraph
from planner.memory.breakdown import Process, ProcessMemory, process_memory
from planner.memory.off_heap import Catalogue
from planner.memory.process import MemoryConfigurationError
from planner.place.check.judge import RefusedError
from planner.place.clock import Clock, Stop
from planner.place.infeasible import Explanation, Infeasible
from planner.place.model.objective import BALANCE, PACK, Objective, objectives
from planner.place.model.task_managers import ClusterError
from planner.place.moves.move_list import Point
from planner.place.result import Progress
from planner.place.sizing_plan import NotSizable, SizingPlan, TooManyNodes
from planner.place.stock.allocation import Mode
from planner.place.stock.prediction import NoRoom
from planner.recover.candidates import Candidate, RestartPart
from planner.recover.diagnosis.diagnose import Diagnosis, Log
from planner.recover.diagnosis.patch import NotPatchable, Patched
from planner.recover.migration import Migration
from planner.recover.rates import NotScalable
from planner.recover.scaling_plan import ScalingPlan
from planner.targets.advice import Advice
from planner.targets.errors import NotExportable
from planner.targets.operator import lost_in_native
from planner.targets.yarn import lost_on_yarn
from planner.units import parse_size_lenient as parse_size

__all__ = [
    "BALANCE",
    "CALLBACKS",
    "CLUSTER_VERSION",
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
    "Note",
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
    "job_of",
    "jobs_of",
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
    "place_jobs",
    "placement_warnings",
    "plan_run",
    "process_memory",
    "profile_digest",
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
