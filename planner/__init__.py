"""planner: resources, placement and recovery plans for Apache Flink jobs.

    import planner

    job, cluster = planner.load_job("job.yaml"), planner.load_cluster("cluster.yaml")
    placement = planner.place(job, cluster, time_limit=10)

docs/library.md shows the rest. Names load when they are first used, so that ``import planner`` is quick.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from planner.version import __version__ as __version__

if TYPE_CHECKING:
    from planner.api import (
        BALANCE,
        PACK,
        CallbackFailed,
        Cluster,
        ClusterBusy,
        ClusterError,
        ClusterFailed,
        ClusterFolderError,
        ClusterStatus,
        DeploymentError,
        Deviation,
        Diagnosis,
        Difference,
        DocumentError,
        Drift,
        Explanation,
        Finding,
        FlinkMissing,
        Infeasible,
        Job,
        Loaded,
        Measured,
        MemoryConfigurationError,
        Migrated,
        Migration,
        MigrationUnfinished,
        Mode,
        NoAnswer,
        NoFlinkHome,
        NoRoom,
        NotAsPlanned,
        NotScalable,
        Objective,
        OptionRefused,
        Placement,
        PlacementMismatch,
        Plan,
        PlannerError,
        Point,
        Process,
        ProcessMemory,
        Program,
        ProgramError,
        RecoveryPlan,
        RefusedError,
        ResourceProfile,
        RestartPart,
        RestError,
        Run,
        ScalingPlan,
        Severity,
        SlotsTaken,
        Standalone,
        Target,
        TimedOut,
        compile,
        compile_program,
        diagnose,
        diff,
        down,
        drain,
        export,
        import_cluster,
        import_job,
        import_load,
        load,
        load_cluster,
        load_job,
        load_placement,
        load_profile,
        load_recovery_plan,
        memory_for,
        migrate,
        migration,
        objectives,
        pareto,
        place,
        plan_run,
        process_memory,
        recover,
        resume_migration,
        run,
        save,
        scale,
        schema,
        set_parallelism,
        simulate,
        status,
        stop,
        take_over,
        to_data,
        to_json,
        up,
        validate,
        verify,
    )

__all__ = [
    "BALANCE",
    "PACK",
    "CallbackFailed",
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
    "DocumentError",
    "Drift",
    "Explanation",
    "Finding",
    "FlinkMissing",
    "Infeasible",
    "Job",
    "Loaded",
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
    "NotScalable",
    "Objective",
    "OptionRefused",
    "Placement",
    "PlacementMismatch",
    "Plan",
    "PlannerError",
    "Point",
    "Process",
    "ProcessMemory",
    "Program",
    "ProgramError",
    "RecoveryPlan",
    "RefusedError",
    "ResourceProfile",
    "RestError",
    "RestartPart",
    "Run",
    "ScalingPlan",
    "Severity",
    "SlotsTaken",
    "Standalone",
    "Target",
    "TimedOut",
    "compile",
    "compile_program",
    "diagnose",
    "diff",
    "down",
    "drain",
    "export",
    "import_cluster",
    "import_job",
    "import_load",
    "load",
    "load_cluster",
    "load_job",
    "load_placement",
    "load_profile",
    "load_recovery_plan",
    "memory_for",
    "migrate",
    "migration",
    "objectives",
    "pareto",
    "place",
    "plan_run",
    "process_memory",
    "recover",
    "resume_migration",
    "run",
    "save",
    "scale",
    "schema",
    "set_parallelism",
    "simulate",
    "status",
    "stop",
    "take_over",
    "to_data",
    "to_json",
    "up",
    "validate",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from planner import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


class _Face(ModuleType):
    """Keeps the names of verbs: loading the package ``planner.place`` does not hide the function."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
