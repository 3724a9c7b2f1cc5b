"""Placement instances for benchmarks: seeded families as Job and Cluster documents.

The families follow what clusters look like: TaskManagers of 4, 8 and 16 cores (50, 30 and 20 %) unless said
otherwise, forty groups with log-normal CPU, memory that goes with it. They differ in what makes them hard:

* ``typical``: CPU in steps of 50 millicores, each part of memory 80 % full;
* ``tight``: steps of 10 millicores, heap, managed and off-heap memory 93 % full each;
* ``fine``: steps of one millicore, so that a proof needs every TaskManager to be filled exactly;
* ``coarse``: 3.5 big slots a TaskManager in steps of 100 millicores;
* ``odd``: steps of 7 millicores, which the heaviest groups are off, memory 90 % full, on TaskManagers of
  3, 7, 12 and 31 cores (40, 30, 20 and 10 %);
* ``many``: 160 groups in steps of 13 millicores;
* ``full``: the mean utilisation is 98.5 %, so that there is next to no room above it;
* ``one``: TaskManagers of one size only, with loads in steps of 7 millicores;
* ``day``: 24 samples of load in steps of 10 millicores: each group has its busy hours, some at night.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIB = 1024 * 1024
CORES = ((4, 0.5), (8, 0.3), (16, 0.2))
PROCESS_PER_CORE = 4096
PARTS = {"taskHeap": 1536, "taskOffHeap": 384, "managed": 1152}


@dataclass(frozen=True)
class Family:
    """What distinguishes a family: step of CPU in millicores, share of memory used, slots a TaskManager.

    ``cores`` are sizes of TaskManagers, each with its share of them; ``full`` is the mean utilisation, in the
    hour in which all load together is highest where there are several ``samples``.
    """

    grain: int
    memory: float
    slots: float | None = None
    cores: Sequence[tuple[int, float]] = CORES
    groups: int = 40
    full: float = 0.8
    samples: int = 1


FAMILIES = {
    "typical": Family(50, 0.80),
    "tight": Family(10, 0.93),
    "fine": Family(1, 0.80),
    "coarse": Family(100, 0.80, 3.5),
    "odd": Family(7, 0.90, cores=((3, 0.4), (7, 0.3), (12, 0.2), (31, 0.1))),
    "many": Family(13, 0.80, groups=160),
    "full": Family(10, 0.80, full=0.985),
    "one": Family(7, 0.90, cores=((8, 1.0),)),
    "day": Family(10, 0.80, samples=24),
}


def documents(
    family: str, task_managers: int, slots: int, seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a Job and a Cluster of a family with about ``slots`` slots on ``task_managers`` TaskManagers."""
    rng = random.Random(f"{family}-{task_managers}-{slots}-{seed}")
    kind = FAMILIES[family]
    if kind.slots is not None:
        slots = round(task_managers * kind.slots)
    classes = [(cores, round(task_managers * share)) for cores, share in kind.cores]
    classes[0] = (classes[0][0], task_managers - sum(count for _, count in classes[1:]))
    cores = sum(size * count for size, count in classes)
    counts = _counts(rng, slots, kind.groups)
    sizes = [rng.lognormvariate(0, 0.5 if kind.slots else 0.7) for _ in counts]
    scale = kind.full * cores * 1000 / sum(size * count for size, count in zip(sizes, counts, strict=True))
    smallest = kind.cores[0][0]
    cpu = [
        min(max(kind.grain, round(size * scale / kind.grain) * kind.grain), 900 * smallest) for size in sizes
    ]
    parts = {
        part: _memory(rng, cpu, counts, kind.memory * cores * per_core, smallest * per_core)
        for part, per_core in PARTS.items()
    }
    groups, operators = [], []
    for index, count in enumerate(counts):
        resources = {
            "cpu": cpu[index] / 1000,
            "heap": f"{parts['taskHeap'][index]} mb",
            "offHeap": f"{parts['taskOffHeap'][index]} mb",
            "managed": {"state_backend": f"{parts['managed'][index]} mb"},
        }
        groups.append({"name": f"g{index}", "resources": resources})
        operators.append(
            {
                "id": f"o{index}",
                "kind": "source",
                "group": f"g{index}",
                "parallelism": count,
                "load": {"cpu": cpu[index] / 1000},
            }
        )
    if kind.samples > 1:
        loads = _samples(rng, cpu, counts, kind, kind.full * cores * 1000)
        for operator, samples in zip(operators, loads, strict=True):
            operator["load"] = {"cpuSamples": [load / 1000 for load in samples]}
    shapes = [
        {
            "name": f"c{size}",
            "count": count,
            "cpu": size,
            "memory": {
                "process": f"{size * PROCESS_PER_CORE} mb",
                **{part: f"{size * per_core} mb" for part, per_core in PARTS.items()},
            },
            "slots": max(4, round(1.5 * slots * size / cores)),
        }
        for size, count in classes
    ]
    name = f"{family}-{task_managers}-{seed}"
    return job(name, groups, operators), cluster(name, shapes)


def _samples(
    rng: random.Random, cpu: Sequence[int], counts: Sequence[int], kind: Family, highest: float
) -> list[list[int]]:
    """Return loads of which all slots together come to about ``highest`` in the hour in which they are most.

    A quarter to all of a load comes and goes in a day. Four in five groups are busy around 14 h, the others
    around 2 h.
    """
    raw = []
    for mean in cpu:
        swing = rng.uniform(0.25, 1.0)
        phase = (14 if rng.random() < 0.8 else 2) + rng.gauss(0, 2.5)
        waves = [math.cos(2 * math.pi * (hour - phase) / kind.samples) for hour in range(kind.samples)]
        raw.append([mean * (1 + swing * wave) * rng.uniform(0.95, 1.05) for wave in waves])
    hours = zip(*raw, strict=True)
    most = max(sum(load * count for load, count in zip(hour, counts, strict=True)) for hour in hours)
    scale = highest / most
    return [[max(1, round(load * scale / kind.grain)) * kind.grain for load in loads] for loads in raw]


def many_jobs(jobs: int, task_managers: int, seed: int) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return Jobs by name and a Cluster for them: 1 to 4 groups each of 2 to 12 slots, 80 % of CPU in all."""
    rng = random.Random(f"jobs-{jobs}-{task_managers}-{seed}")
    classes = [(cores, round(task_managers * share)) for cores, share in CORES]
    cores = sum(size * count for size, count in classes)
    shapes = [
        [(rng.randint(2, 12), rng.lognormvariate(0, 0.7)) for _ in range(rng.randint(1, 4))]
        for _ in range(jobs)
    ]
    scale = 0.8 * cores * 1000 / sum(count * size for shape in shapes for count, size in shape)
    found = {}
    for number, shape in enumerate(shapes):
        groups, operators = [], []
        for index, (count, size) in enumerate(shape):
            cpu = min(max(10, round(size * scale / 10) * 10), 900 * CORES[0][0]) / 1000
            resources = {"cpu": cpu, "heap": f"{max(64, round(cpu * 333))} mb", "offHeap": "32 mb"}
            groups.append({"name": f"g{index}", "resources": resources})
            operators.append(
                {
                    "id": f"o{index}",
                    "kind": "source",
                    "group": f"g{index}",
                    "parallelism": count,
                    "load": {"cpu": cpu},
                }
            )
        found[f"job-{number}"] = job(f"job-{number}", groups, operators)
    offers = [
        {
            "name": f"c{size}",
            "count": count,
            "cpu": size,
            "memory": {"process": f"{size * PROCESS_PER_CORE} mb"},
            "slots": 6 * size,
        }
        for size, count in classes
    ]
    return found, cluster(f"session-{seed}", offers)


def write_jobs(folder: Path, documents: tuple[dict[str, dict[str, Any]], dict[str, Any]]) -> list[str]:
    """Write Jobs, each under its name, and their Cluster; return the names."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs, places = documents
    for name, document in {**jobs, "cluster": places}.items():
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    return list(jobs)


def triplets(bins: int, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return ``3 * bins`` slots that fill ``bins`` equal TaskManagers of ten cores exactly, three each.

    Sizes are between a quarter and a half of a TaskManager, as in the sets of Falkenauer.
    """
    rng = random.Random(f"triplets-{bins}-{seed}")
    sizes: list[int] = []
    for _ in range(bins):
        first = rng.randint(380, 490)
        second = rng.randint(max(251, 1000 - first - 499), (1000 - first) // 2)
        sizes += [first, second, 1000 - first - second]
    rng.shuffle(sizes)
    kinds = sorted(set(sizes))
    resources = {"heap": "16 mb", "offHeap": "16 mb"}
    groups = [{"name": f"g{size}", "resources": {"cpu": 0.1, **resources}} for size in kinds]
    operators = [
        {
            "id": f"o{size}",
            "kind": "source",
            "group": f"g{size}",
            "parallelism": sizes.count(size),
            "load": {"cpu": size / 100},
        }
        for size in kinds
    ]
    shape = {"name": "tm", "count": bins, "cpu": 10, "memory": {"process": "16 gb"}}
    name = f"triplets-{bins}-{seed}"
    return job(name, groups, operators), cluster(name, [shape])


def job(name: str, groups: Sequence[Any], operators: Sequence[Any]) -> dict[str, Any]:
    """Return a Job document."""
    return {
        "apiVersion": "planner/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"slotSharingGroups": groups, "operators": operators},
    }


def cluster(name: str, classes: Sequence[Any]) -> dict[str, Any]:
    """Return a Cluster document."""
    return {
        "apiVersion": "planner/v1",
        "kind": "Cluster",
        "metadata": {"name": name},
        "spec": {"taskManagerClasses": classes},
    }


def write(folder: Path, documents: tuple[dict[str, Any], dict[str, Any]]) -> tuple[Path, Path]:
    """Write a Job and a Cluster into ``folder`` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "job.json", folder / "cluster.json"
    for path, document in zip(paths, documents, strict=True):
        path.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return paths


def _counts(rng: random.Random, slots: int, groups: int) -> list[int]:
    """Return how many slots each group has: Dirichlet weights, each at least one, ``slots`` in all."""
    weights = [rng.gammavariate(1.5, 1) for _ in range(groups)]
    counts = [max(1, int(weight / sum(weights) * slots)) for weight in weights]
    for index in range(slots - sum(counts)):
        counts[index % groups] += 1
    return counts


def _memory(
    rng: random.Random, cpu: Sequence[int], counts: Sequence[int], total: float, largest: int
) -> list[int]:
    """Return the MiB of a slot of each group: they go with its CPU, and are ``total`` over all slots."""
    weights = [size * rng.lognormvariate(0, 0.35) for size in cpu]
    ratio = total / sum(weight * count for weight, count in zip(weights, counts, strict=True))
    return [max(1, min(int(weight * ratio), int(0.9 * largest))) for weight in weights]
